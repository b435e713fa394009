"""Walk-ins and slips in a real browser: by keyboard, under the strict policy, read aloud, on paper."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from appointments.models import Appointment, Status
from booking_site.testing.browser import BROWSER, accessible, choose, look, sign_in
from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    staff,
    zone_at,
)
from patients.models import Patient

pytestmark = BROWSER


@pytest.fixture
def doctor():
    staff("Reception", first_name="Rosa")
    emergency = DepartmentFactory(name="Emergency", site="Main building", phone="+49 30 1234", time_zone=zone_at(9))
    return DoctorFactory(name="Dr Amara Sena", department=emergency, specialization="Emergency medicine")


def free(doctor, minutes):
    starts_at = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    return SlotFactory(doctor=doctor, starts_at=starts_at, duration_minutes=10)


def find(page, text, name):
    """Choose the patient, by the only one that the text finds."""
    box = page.get_by_role("combobox", name="Who", exact=True)
    box.fill(text)
    page.get_by_role("option", name=name).wait_for()
    page.keyboard.press("Enter")
    expect(box).to_have_value(re.compile(name))


def test_walk_in_by_keyboard(page, doctor):
    PatientFactory(first_name="Zoë", last_name="Ångström")
    slot = free(doctor, 40)
    free(doctor, 55)
    sign_in(page)
    page.goto("/admin/walk-in/")
    find(page, "angst", "Zoë Ångström")
    choose(page, "Department", "Emer", "Emergency")
    beside = page.locator(".walk-in-live")
    expect(beside.get_by_role("listitem")).to_have_count(2)
    expect(beside.get_by_role("listitem").first).to_contain_text("Dr Amara Sena")
    accessible(page)
    look(page, "walk-in")
    page.get_by_role("textbox", name="Reason:").fill("Cough")
    assert "Cough" not in page.url
    page.get_by_role("button", name="Book and check in").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Checked in: Zoë Ångström")
    made = Appointment.objects.get()
    assert (made.slot_id, made.status, made.reason) == (slot.pk, Status.CHECKED_IN, "Cough")


def test_one_who_is_not_known_is_registered_and_checked_in(page, doctor):
    slot = free(doctor, 40)
    PatientFactory(first_name="Ada", last_name="Byron", dob="1980-02-29")
    sign_in(page)
    page.goto("/admin/walk-in/")
    page.get_by_role("combobox", name="Who", exact=True).fill("Ada Lovelace")
    page.get_by_role("option", name="Register a new patient").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_label("First name")).to_be_focused()
    expect(page.get_by_label("Last name")).to_have_value("Lovelace")
    page.get_by_label("Last name").fill("Byron")
    page.get_by_label("Date of birth").fill("1980-02-29")
    choose(page, "Doctor", "Sena", "Dr Amara Sena")
    expect(page.locator(".walk-in-hours")).to_contain_text("Emergency 1 free, 0 booked")
    accessible(page)
    look(page, "walk-in-new")
    page.get_by_label("Last name").press("Enter")
    expect(page.locator(".candidates")).to_contain_text("Ada Byron")
    accessible(page)
    look(page, "walk-in-candidates")
    page.get_by_label("It is none of these").check()
    page.get_by_role("button", name="Book and check in").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Checked in: Ada Byron")
    made = Appointment.objects.get()
    assert (made.slot_id, made.status, Patient.objects.count()) == (slot.pk, Status.CHECKED_IN, 2)


def test_a_walk_in_is_registered_without_scripts(browser, server, doctor):
    slot = free(doctor, 40)
    context = browser.new_context(base_url=server, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    page.goto(f"/admin/walk-in/?department={doctor.department_id}")
    page.get_by_role("searchbox", name="Who").fill("Ada Byron")
    page.locator("#step_form").get_by_role("button", name="Search").click()
    expect(page.get_by_text("Nobody found.")).to_be_visible()
    page.get_by_label("Register a new patient").check()
    expect(page.get_by_label("First name")).to_have_value("Ada")
    page.get_by_role("button", name="Book and check in").click()
    expect(page.locator(".messagelist")).to_contain_text("Checked in: Ada Byron")
    assert Appointment.objects.get().slot_id == slot.pk
    context.close()


def test_patient_who_is_expected_is_checked_in_from_the_walk_in_page(page, doctor):
    patient = PatientFactory(first_name="Zoë", last_name="Ångström")
    appointment = booked(patient=patient, slot=free(doctor, 40))
    sign_in(page)
    page.goto("/admin/walk-in/")
    find(page, "angst", "Zoë Ångström")
    expect(page.locator(".walk-in-today")).to_contain_text("early")
    accessible(page)
    look(page, "walk-in-expected")
    page.get_by_role("button", name="Check in: Zoë Ångström").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Checked in: Zoë Ångström")
    expect(page.locator(".walk-in-today")).to_contain_text("checked in")
    assert Appointment.objects.get(pk=appointment.pk).status == Status.CHECKED_IN


def test_free_text_goes_into_no_address(page, doctor):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page)
    page.goto("/admin/walk-in/")
    page.get_by_role("textbox", name="Reason:").fill("Secret")
    with page.expect_response(lambda answer: "/walk-in/live/" in answer.url):
        choose(page, "Department", "Emer", "Emergency")
    expect(page.locator(".walk-in-live")).to_contain_text("No seat is free today")
    assert not [url for url in asked if "Secret" in url or "csrf" in url]


def test_a_move_from_the_board_leads_back_to_it_and_can_be_taken_back(page, doctor):
    appointment = booked(patient=PatientFactory(first_name="Zoë", last_name="Ångström"), slot=free(doctor, 40))
    free(doctor, 55)
    sign_in(page)
    page.goto("/admin/?view=list")
    board = page.url
    page.get_by_role("link", name="Move: Zoë Ångström").first.click()
    times = page.locator("input[name=slot]")
    times.first.check(force=True)
    expect(page.locator("[data-held]")).to_be_visible()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Moved: Zoë Ångström")
    assert page.url == board
    page.get_by_role("link", name="Move back").click()
    expect(page.locator("[data-held]")).to_be_visible()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Moved: Zoë Ångström")
    assert page.url == board
    assert Appointment.objects.get(pk=appointment.pk).slot_id == appointment.slot_id


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_slip_is_light_paper_of_one_page_in_either_theme(page, doctor, scheme):
    appointment = booked(patient=PatientFactory(first_name="Zoë", last_name="Ångström"), slot=free(doctor, 40))
    page.emulate_media(color_scheme=scheme)
    sign_in(page)
    page.goto(f"/admin/appointments/appointment/{appointment.pk}/slip/")
    slip = page.get_by_role("article", name="Slip")
    expect(slip).to_contain_text("Zoë Ångström")
    expect(slip).to_have_css("background-color", "rgb(255, 255, 255)")
    accessible(page)
    look(page, f"slip-{scheme}")
    page.emulate_media(media="print", color_scheme=scheme)
    for hidden in ("#header", ".slip-tools", ".breadcrumbs"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(slip).to_have_css("color", "rgb(17, 17, 17)")
    look(page, f"slip-print-{scheme}")
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") == 1


def test_slip_fits_a_narrow_screen(page, doctor):
    appointment = booked(slot=free(doctor, 40))
    page.set_viewport_size({"width": 768, "height": 900})
    sign_in(page)
    page.goto(f"/admin/appointments/appointment/{appointment.pk}/slip/")
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
