"""The lists on screens that are not wide, in a real browser: what reception needs is in sight."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from booking_site.testing.browser import BROWSER, look, sign_in
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
LISTS = {
    "patients_patient": "Book",
    "appointments_appointment": "Next",
    "scheduling_availableslot": "Book",
    "audit_auditlog": "Address",
}
# How far what is furthest to the right sticks out of the list.
OVERHANG = """results => {
    const cells = [...results.querySelectorAll("tr > :last-child")].map((cell) => cell.getBoundingClientRect().right);
    return Math.max(...cells) - results.getBoundingClientRect().right;
}"""


@pytest.fixture
def clinic():
    staff("Administrator")
    department = DepartmentFactory(name="Cardiology and Vascular Medicine", time_zone="America/Argentina/Buenos_Aires")
    doctor = DoctorFactory(name="Dr Anastasia Papadopoulou-Vandenberg", department=department)
    for n, (first, last) in enumerate((("Maximiliane-Charlotte", "von und zu Hohenstein"), ("Łucja", "Wójcik"))):
        patient = PatientFactory(
            first_name=first, last_name=last, phone="+49 30 901820 4711", mrn=f"MRN-000{n}",
            email=f"{first}.{n}@a-rather-long-domain.example",
        )  # fmt: skip
        booked(patient=patient, slot=SlotFactory(doctor=doctor, starts_at=in_days(7, 10 + n)))
    SlotFactory(doctor=doctor, starts_at=in_days(7, 15))


def test_the_last_column_of_a_list_is_in_sight(page, clinic):
    """Also on a tablet, and on a screen of 1280 pixels that is enlarged to twice the size."""
    sign_in(page, "administrator")
    for name, last in LISTS.items():
        page.goto(reverse(f"admin:{name}_changelist") + ("" if name.startswith("patients") else "?day=all"))
        results = page.locator("#changelist .results")
        expect(results.locator("thead th").last).to_have_text(last)
        for width in (1101, 1024, 768, 640):
            page.set_viewport_size({"width": width, "height": 900})
            look(page, f"{name}-{width}")
            assert (name, width, results.evaluate(OVERHANG) < 1) == (name, width, True)
            narrowed = page.locator("#changelist-filter").bounding_box()
            is_above = narrowed["y"] + narrowed["height"] <= results.bounding_box()["y"]
            assert (name, width, is_above) == (name, width, width <= 1100)
