"""The manager's numbers in a real browser: under the strict policy, read aloud, in both colour schemes, on a tablet."""

import csv
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from appointments.reports.catalogue import REPORTS
from appointments.tests.reporting import DAY, MONDAY, at, visit
from booking_site.testing.browser import BROWSER, accessible, choose, look, ready, sign_in
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, SlotFactory, staff

PERIOD = f"first={MONDAY}&last={MONDAY + 13 * DAY}"
pytestmark = BROWSER


@pytest.fixture
def fortnight():
    """Two weeks of two doctors, with everything that there is to count."""
    staff("Scheduler", first_name="Sol")
    for name, doctor in (("Cardiology", "Dr Amara Sena"), ("Oncology", "Dr Roth")):
        doctor = DoctorFactory(name=doctor, department=DepartmentFactory(name=name))
        for number in range(10):
            day, clock = MONDAY + number * DAY, f"{9 + number % 3:02d}:00"
            arrived = at(doctor, day, clock) - timedelta(minutes=number)
            moments = {"checked_in_at": arrived, "started_at": arrived + timedelta(minutes=5 * number)}
            status = "no_show" if number % 4 == 0 else "completed"
            visit(doctor, day, clock, status, **(moments if status == "completed" else {}))
        for _ in range(3):
            SlotFactory(doctor=doctor)


def test_every_report_is_readable_in_both_schemes_and_on_a_tablet(page, fortnight):
    sign_in(page, "scheduler")
    page.get_by_role("link", name="Numbers").click()
    for key, report in REPORTS.items():
        page.goto(f"/admin/reports/?report={key}&{PERIOD}")
        expect(page.get_by_role("heading", level=1, name=str(report.title))).to_be_visible()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            accessible(page)
            look(page, f"report-{key}-{scheme}")
    page.set_viewport_size({"width": 768, "height": 1024})
    for key in ("no_shows", "waiting"):
        page.goto(f"/admin/reports/?report={key}&{PERIOD}")
        accessible(page)
        look(page, f"report-{key}-768")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, key


def test_choosing_by_keyboard_and_taking_the_file_home(page, fortnight):
    sign_in(page, "scheduler")
    page.goto(f"/admin/reports/?report=bookings&{PERIOD}")
    page.get_by_role("navigation", name="Reports").get_by_role("link", name="No-shows").press("Enter")
    expect(page.get_by_role("heading", level=1, name="No-shows")).to_be_visible()
    expect(page.get_by_label("From")).to_have_value(f"{MONDAY}")  # the period stays
    by_doctor = page.get_by_role("region", name="By doctor")
    expect(by_doctor.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("img", name="No-shows: By doctor")).to_be_visible()
    choose(page, "Department", "Onco", "Oncology")
    page.get_by_role("button", name="Show").press("Enter")
    ready(page)
    expect(by_doctor.get_by_role("row")).to_have_count(2)
    expect(by_doctor.get_by_role("row", name="Dr Roth")).to_contain_text("3 of 10")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").press("Enter")
    assert download.value.suggested_filename == f"no_shows_{MONDAY}_{MONDAY + 13 * DAY}.csv"
    with open(download.value.path(), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["breakdown"] == "all"]
    assert [(row["no_shows"], row["visits"]) for row in rows] == [("3", "10")]
