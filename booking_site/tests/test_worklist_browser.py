"""The worklist in a real browser: by keyboard, under the strict policy, read aloud."""

import pytest
from playwright.sync_api import expect

from appointments.models import Appointment
from appointments.tests.test_urgency import closed
from booking_site.testing.browser import BROWSER, accessible, look, sign_in
from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
    staff,
)

pytestmark = BROWSER
LIST = "/admin/appointments/appointment/worklist/"


@pytest.fixture
def clinic():
    """Three patients of a doctor who falls ill, and five free seats of a colleague."""
    staff("Reception", first_name="Rosa")
    department = DepartmentFactory(name="Cardiology", time_zone="Europe/Berlin")
    ill, other = (DoctorFactory(name=name, department=department) for name in ("Dr Amara Sena", "Dr Bo Lind"))
    patients = [
        PatientFactory(
            first_name=name, last_name="Wójcik", phone="+48 601 234 567", email="w@example.org",
            preferred_language="pl", remind_by_sms=True,
        )
        for name in ("Łucja", "Adam", "Ewa")
    ]  # fmt: skip
    waiting = [
        booked(patient=patient, slot=SlotFactory(doctor=ill, starts_at=in_days(7, 9 + n)), is_urgent=n == 2)
        for n, patient in enumerate(patients)
    ]
    for appointment in waiting[:1]:
        closed(appointment)
    return waiting, [SlotFactory(doctor=other, starts_at=in_days(8, 9 + n)) for n in range(5)]


def test_reception_gives_one_patient_a_new_time_and_then_all(page, clinic):
    waiting, seats = clinic
    sign_in(page)
    page.get_by_role("link", name="3 appointments need a new time").click()
    expect(page.locator("ol.waiting > li")).to_have_count(3)
    expect(page.locator("ol.waiting > li").first).to_contain_text("Ewa Wójcik")  # urgent
    look(page, "worklist")
    accessible(page)

    row = page.locator("ol.waiting > li", has_text="Łucja")
    row.get_by_role("button", name="Mark as urgent").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Łucja Wójcik is urgent.")
    row = page.locator("ol.waiting > li", has_text="Łucja")
    row.get_by_role("button", name="Dr Bo Lind").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Moved: Łucja Wójcik, now")
    expect(page.locator("ol.waiting > li")).to_have_count(2)
    assert Appointment.objects.get(pk=waiting[0].pk).slot == seats[0]

    page.get_by_role("link", name="Rebook all").click()
    expect(page.locator("#content")).to_contain_text("2 of 2 can be moved")
    look(page, "rebook-all")
    accessible(page)
    page.get_by_role("button", name="Move these 2").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_contain_text("Moved: 2. Not moved: 0.")
    expect(page.get_by_role("table", name="Moved")).to_contain_text("+48 601 234 567")
    look(page, "rebooked")
    accessible(page)
    page.evaluate("window.print = () => { document.title = 'printed'; }")
    page.get_by_role("button", name="Print").click()
    expect(page).to_have_title("printed")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print", include_hidden=True)).to_be_hidden()
    expect(page.locator("#header")).to_be_hidden()
    look(page, "rebooked-print")
    page.emulate_media(media="screen", color_scheme="dark")
    for path in (LIST, f"{LIST}report/"):
        page.goto(path)
        accessible(page)
    expect(page.get_by_role("table", name="Moved")).to_contain_text("Adam Wójcik")


def test_the_worklist_can_be_read_in_the_dark_and_on_a_small_screen(page, clinic):
    sign_in(page)
    page.emulate_media(color_scheme="dark")
    page.goto(LIST)
    look(page, "dark-worklist")
    accessible(page)
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{LIST}rebook-all/")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
