"""Reception before a browser: notes, a merge with its preview, and the way back."""

import pytest
from playwright.sync_api import expect

from appointments.models import Appointment
from booking_site.testing.browser import BROWSER, accessible, choose, look, sign_in
from booking_site.testing.factories import PatientFactory, SlotFactory, booked, staff
from patients.models import Patient

pytestmark = BROWSER


@pytest.fixture
def pair():
    survivor = PatientFactory(
        first_name="Ada", last_name="Byron", dob="1985-12-10", phone="030 5550 199", mrn="M-100", notes="Rings twice"
    )
    duplicate = PatientFactory(
        first_name="Ada", last_name="Biron", dob="1985-12-10", email="ada@mail.example", notes="Needs an interpreter"
    )
    doctor = SlotFactory().doctor
    for _ in range(2):
        booked(patient=survivor, slot=SlotFactory(doctor=doctor), reason="Cough")
    booked(patient=duplicate)
    return survivor, duplicate


@pytest.fixture
def desk(page):
    staff("Reception")
    sign_in(page)
    return page


def test_notes_are_written_on_the_page_of_the_patient(desk, pair):
    desk.goto("/admin/patients/patient/")
    desk.get_by_role("link", name="Byron, Ada").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Ada Byron")
    desk.get_by_role("textbox", name="Notes for reception").fill("Rings three times")
    desk.get_by_role("button", name="Save the notes").click()
    expect(desk.get_by_text("The notes have been saved.")).to_be_visible()
    expect(desk.get_by_role("textbox", name="Notes for reception")).to_have_value("Rings three times")


def test_two_records_are_merged_after_a_look_and_taken_apart_again(desk, pair):
    _survivor, duplicate = pair
    desk.goto(f"/admin/patients/patient/{duplicate.pk}/")
    desk.get_by_role("link", name="Merge", exact=True).click()
    choose(desk, "other record", "Byron", "Ada Byron, born 1985-12-10, M-100, 030 5550 199")
    desk.get_by_role("button", name="Compare").click()
    expect(desk.get_by_role("columnheader", name="Stays: Ada Byron")).to_be_visible()  # it has more appointments
    expect(desk.get_by_role("radio", name="Notes keep both")).to_be_checked()
    desk.get_by_role("radio", name="First name, last name Ada Biron").check()
    look(desk, "merge")
    desk.get_by_role("button", name="Merge the records").click()
    expect(desk.get_by_text("Merged. 1 appointment came with the other record.")).to_be_visible()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Ada Biron")
    expect(desk.get_by_role("textbox", name="Notes for reception")).to_have_value("Rings twice\n\nNeeds an interpreter")
    look(desk, "merged")
    desk.goto(f"/admin/patients/patient/{duplicate.pk}/")
    expect(desk.get_by_text("That record has been merged into this one.")).to_be_visible()
    desk.get_by_role("button", name="Take back the merge of Ada Biron").click()
    expect(desk.get_by_text("Taken back: the other record is its own again, with 1 appointment.")).to_be_visible()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Ada Byron")
    assert Appointment.objects.filter(patient=duplicate).count() == 1
    assert Patient.objects.get(pk=duplicate.pk).is_active


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit_a_tablet(desk, pair, scheme):
    survivor, duplicate = pair
    desk.emulate_media(color_scheme=scheme)
    for name, address in {
        "patient": f"{survivor.pk}/",
        "choose": f"{survivor.pk}/merge/",
        "merge": f"{survivor.pk}/merge/?other={duplicate.pk}",
    }.items():
        for width in (1280, 768):
            desk.set_viewport_size({"width": width, "height": 900})
            desk.goto(f"/admin/patients/patient/{address}")
            accessible(desk)
            look(desk, f"{name}-{scheme}-{width}")
            assert desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (name, width)
