"""The Scheduler at work, in a real browser over the served site: by keyboard, under the strict policy, read aloud."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from booking_site.testing.browser import BROWSER, accessible, choose, look, sign_in
from booking_site.testing.factories import (
    TESTER,
    ClosureFactory,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    VisitTypeFactory,
    booked,
    in_days,
    staff,
)
from scheduling import planning
from scheduling.models import Closure, Schedule

MONDAY = in_days(7).date() - timedelta(days=in_days(7).weekday()) + timedelta(days=7)
pytestmark = BROWSER


@pytest.fixture
def clinic():
    """A doctor who sits each weekday morning, and a patient who comes on a Monday."""
    staff("Scheduler", first_name="Sven")
    cardiology = DepartmentFactory(name="Cardiology", time_zone="Europe/Berlin")
    doctor = DoctorFactory(name="Dr Amara Sena", department=cardiology, specialization="Cardiology")
    DoctorFactory(name="Dr Kenji Ito", department=cardiology, specialization="Cardiology")
    VisitTypeFactory(code="consultation", name="Consultation")
    VisitTypeFactory(code="stress_test", name="Stress test", duration_minutes=45)
    schedule = ScheduleFactory.build(doctor=doctor)
    schedule.visit_type_id = "consultation"
    planning.save_schedule(actor=TESTER, schedule=schedule)
    patient = PatientFactory(first_name="Łucja", last_name="Wójcik")
    booked(slot=schedule.slots.get(date=MONDAY, time="11:30"), patient=patient)
    return schedule


def test_a_schedule_is_typed_shown_gone_back_from_and_made(page, clinic):
    sign_in(page, "scheduler")
    page.goto("/admin/scheduling/schedule/")
    look(page, "schedules")
    page.get_by_role("link", name="Add schedule").click()
    dates = page.locator("[data-live]")
    expect(dates).to_contain_text("Choose the doctor, the days and the first day.")
    choose(page, "Doctor", "sena", "Dr Amara Sena, Cardiology, Cardiology")
    page.get_by_label("Name").fill("Afternoon clinic")
    expect(page.get_by_label("Rule:", exact=True)).to_be_hidden()
    expect(page.get_by_label("Which of the month")).to_be_hidden()
    page.get_by_label("Tuesday").focus()
    page.keyboard.press("Space")
    page.get_by_label("Every so many weeks").fill("2")
    page.get_by_label("Valid from").fill(f"{MONDAY}")
    page.get_by_label("From:", exact=True).fill("11:00")
    page.get_by_label("To:", exact=True).fill("15:00")
    expect(dates).to_contain_text("every other Tuesday, 11:00 to 15:00")
    expect(dates).to_contain_text("Europe/Berlin")
    expect(dates.locator("li")).to_have_count(10)
    page.get_by_label("Visit type").select_option("Stress test")
    expect(page.get_by_label("Slot length")).to_have_value("45")
    look(page, "schedule-form")
    accessible(page)

    page.get_by_role("button", name="Show what it does").click()
    expect(page.get_by_role("alert")).to_contain_text("It overlaps “Morning clinic”")
    expect(page.locator(".field-start_time")).to_contain_text("Overlaps “Morning clinic”.")
    look(page, "schedule-overlap")
    accessible(page)
    page.get_by_label("From:", exact=True).fill("13:00")
    page.get_by_role("button", name="Show what it does").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("What it does")
    expect(page.locator(".figures")).to_contain_text("0 appointments need a new time")
    look(page, "schedule-preview")
    accessible(page)
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_label("Name")).to_have_value("Afternoon clinic")
    expect(page.get_by_label("Tuesday")).to_be_checked()
    page.get_by_role("button", name="Show what it does").click()
    page.get_by_role("button", name="Do it").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Saved: Afternoon clinic, Dr Amara Sena.")
    made = Schedule.objects.get(name="Afternoon clinic")
    assert (made.recurrence, made.slot_minutes) == ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", 45)
    look(page, "schedule-made")


def test_a_schedule_is_cut_short_copied_and_ended(page, clinic):
    sign_in(page, "scheduler")
    page.goto(f"/admin/scheduling/schedule/{clinic.pk}/change/")
    page.get_by_label("To:", exact=True).fill("11:30")
    page.get_by_role("button", name="Show what it does").click()
    expect(page.get_by_role("heading", name="These patients need a new time")).to_be_visible()
    expect(page.get_by_role("row", name="Łucja Wójcik")).to_contain_text("11:30 Europe/Berlin")
    look(page, "schedule-affected")
    accessible(page)
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messagelist")).to_contain_text("1 appointment needs a new time")

    page.get_by_role("link", name="Copy to another doctor").click()
    choose(page, "To the doctor", "ito", "Dr Kenji Ito, Cardiology, Cardiology")
    look(page, "schedule-copy")
    accessible(page)
    page.get_by_role("button", name="Show what it does").click()
    look(page, "schedule-copy-preview")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messagelist")).to_contain_text("Copied: Morning clinic, Dr Kenji Ito.")

    page.get_by_role("link", name="End it").click()
    page.get_by_label("Last day").fill(f"{MONDAY}")
    look(page, "schedule-end")
    accessible(page)
    page.get_by_role("button", name="Show what it does").click()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messagelist")).to_contain_text("Ended: Morning clinic, Dr Kenji Ito.")
    assert Schedule.objects.get(doctor__name="Dr Kenji Ito").ends_on == MONDAY


def test_a_closure_is_made_and_lifted(page, clinic):
    sign_in(page, "scheduler")
    page.goto("/admin/scheduling/closure/add/")
    expect(page.locator("[data-live]")).to_contain_text("each site’s own clock")
    choose(page, "Doctor", "sena", "Dr Amara Sena, Cardiology, Cardiology")
    page.get_by_label("How long").select_option("From moment to moment")
    expect(page.get_by_label("First day")).to_be_hidden()
    expect(page.locator("[data-live]")).to_contain_text("Europe/Berlin")
    page.get_by_label("From:", exact=True).fill(f"{MONDAY}T11:00")
    page.get_by_label("Until:", exact=True).fill(f"{MONDAY}T12:00")
    page.get_by_label("Reason").fill("Fire drill")
    look(page, "closure-form")
    accessible(page)
    page.get_by_role("button", name="Show what it does").click()
    expect(page.get_by_role("row", name="Łucja Wójcik")).to_be_visible()
    look(page, "closure-preview")
    accessible(page)
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messagelist")).to_contain_text("Closed: Fire drill")
    page.get_by_role("link", name="Lift it").click()
    look(page, "closure-lift")
    accessible(page)
    page.get_by_role("button", name="Show what it does").click()
    expect(page.get_by_role("heading", name="These patients no longer need a new time")).to_be_visible()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messagelist")).to_contain_text("Lifted: Fire drill")
    assert not Closure.objects.get().is_active
    look(page, "closure-lifted")


def test_public_holidays_are_chosen_from_a_list(page, clinic):
    sign_in(page, "scheduler")
    page.goto("/admin/scheduling/closure/")
    page.get_by_role("link", name="Public holidays").click()
    accessible(page)
    page.get_by_label("Country").select_option("Brazil (BR)")
    page.get_by_role("button", name="Show the days").click()
    page.get_by_label("Region").select_option("Espírito Santo (ES)")
    page.get_by_label("Year").select_option(f"{in_days(0).year + 1}")
    page.get_by_role("button", name="Show the days").click()
    expect(page.get_by_role("group", name="Days")).to_be_visible()
    look(page, "holidays")
    accessible(page)
    page.get_by_role("button", name="Show what it does").click()
    look(page, "holidays-preview")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".messagelist")).to_contain_text("Public holidays loaded")
    assert Closure.objects.filter(source="holidays:BR-ES").exists()
    look(page, "closures")
    accessible(page)


def test_the_pages_can_be_read_in_the_dark_and_without_scripts(page, clinic, browser, server):
    sign_in(page, "scheduler")
    closure = ClosureFactory()
    page.emulate_media(color_scheme="dark")
    for path in (
        "schedule/", "schedule/add/", f"schedule/{clinic.pk}/change/", "closure/", "closure/add/",
        f"closure/{closure.pk}/change/", "closure/holidays/?country=BR&region=ES&year=2027", "visittype/",
    ):  # fmt: skip
        page.goto(f"/admin/scheduling/{path}")
        page.wait_for_load_state("networkidle")
        look(page, f"dark-{path.split('?')[0].strip('/').replace('/', '-').replace(str(clinic.pk), 'x')}")
        accessible(page)
    page.goto(f"/admin/scheduling/schedule/{clinic.pk}/change/")
    page.get_by_label("To:", exact=True).fill("11:30")
    page.get_by_role("button", name="Show what it does").click()
    look(page, "dark-preview")
    accessible(page)

    context = browser.new_context(java_script_enabled=False, base_url=server)
    plain = context.new_page()
    sign_in(plain, "scheduler")
    plain.goto(f"/admin/scheduling/schedule/{clinic.pk}/change/")
    plain.get_by_label("Room").fill("7")
    plain.get_by_role("button", name="Show what it does").click()
    expect(plain.locator("dd li")).to_have_count(10)
    plain.get_by_role("button", name="Do it").click()
    expect(plain.locator(".messagelist")).to_contain_text("Saved: Morning clinic")
    context.close()
