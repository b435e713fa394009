"""Reception at work, in a real browser over the served site: by keyboard, under the strict policy, read aloud."""

import pytest
from playwright.sync_api import expect

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.testing.browser import BROWSER, accessible, choose, look, sign_in
from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
    staff,
)
from scheduling.models import AvailableSlot

pytestmark = BROWSER


@pytest.fixture
def clinic():
    staff("Reception", first_name="Rosa")
    cardiology = DepartmentFactory(name="Cardiology", time_zone="Europe/Berlin")
    doctor = DoctorFactory(name="Dr Amara Sena", department=cardiology, specialization="Cardiology")
    PatientFactory(first_name="Łucja", last_name="Wójcik", phone="+48 601 234 567", mrn="MRN-0007")
    return [SlotFactory(doctor=doctor, starts_at=in_days(7, 8 + n)) for n in range(4)]


def test_reception_finds_books_meets_a_taken_seat_moves_and_cancels(page, clinic):
    sign_in(page)
    look(page, "index")
    page.get_by_label("Find a patient").fill("wojcik lucja")
    page.keyboard.press("Enter")
    expect(page.locator("#result_list")).to_contain_text("Wójcik, Łucja")
    look(page, "patients")
    page.get_by_role("link", name="Book", exact=True).click()

    # The seat that is about to be chosen is taken by somebody else while the form is open.
    expect(page.get_by_role("combobox", name="Patient")).to_contain_text("Łucja Wójcik, born 1980-02-29, MRN-0007")
    choose(page, "Doctor", "sena", "Dr Amara Sena, Cardiology, Cardiology")
    time = clinic[0].time
    choose(page, "Free slot", f"{time:%H:%M}", f"{time:%H:%M} Europe/Berlin, Dr Amara Sena, Cardiology".split(",")[0])
    page.get_by_label("Reason").fill("Palpitations <b>at night</b>")
    booked(slot=clinic[0])
    look(page, "booking")
    page.get_by_role("button", name="Book").click()
    expect(page.get_by_role("alert")).to_contain_text("This seat is taken. Choose another time.")
    expect(page.get_by_label("Reason")).to_have_value("Palpitations <b>at night</b>")
    expect(page.get_by_role("combobox", name="Patient")).to_contain_text("Łucja Wójcik")
    look(page, "taken")
    accessible(page)
    refused = AuditLog.objects.get(action="appointment.booked", status="failure")
    assert (refused.user_name, refused.details["code"]) == ("reception", "slot_unavailable")

    choose(page, "Free slot", f"{clinic[1].time:%H:%M}", f"{clinic[1].time:%H:%M} Europe/Berlin")
    page.get_by_role("button", name="Book").click()
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    expect(page.locator("#content")).to_contain_text("Palpitations <b>at night</b>")
    look(page, "booked")

    page.get_by_role("link", name="Move", exact=True).click()
    choose(page, "Free slot", f"{clinic[2].time:%H:%M}", f"{clinic[2].time:%H:%M} Europe/Berlin")
    look(page, "move")
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".messagelist")).to_contain_text("Moved: Łucja Wójcik")
    appointment = Appointment.objects.get(patient__last_name="Wójcik")
    assert appointment.slot == clinic[2]

    page.get_by_role("link", name="Cancel", exact=True).click()
    page.get_by_label("Kind of reason").select_option("ill")
    page.get_by_label("Why it is cancelled").fill("has recovered")
    page.get_by_role("button", name="Cancel the appointment").click()
    expect(page.locator(".messagelist")).to_contain_text("Cancelled: Łucja Wójcik")
    look(page, "cancelled")
    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason) == ("cancelled", "has recovered")
    assert set(AvailableSlot.objects.free().values_list("pk", flat=True)) == {slot.pk for slot in clinic[1:]}


def test_the_slots_offered_are_narrowed_by_department_doctor_and_day(page, clinic):
    other = SlotFactory(doctor=DoctorFactory(name="Dr Ito", department=DepartmentFactory(name="Eyes")))
    sign_in(page)
    page.goto("/admin/appointments/appointment/add/")

    def offered(count: int) -> None:
        page.get_by_role("combobox", name="Free slot").focus()
        page.keyboard.press("Enter")
        with page.expect_response("**/autocomplete/**field_name=slot**"):
            page.keyboard.type("e")
        expect(page.locator(".select2-results__option[role=option]", has_text="Dr")).to_have_count(count)
        page.keyboard.press("Escape")

    offered(5)
    choose(page, "Department", "eyes", "Eyes")
    offered(1)
    page.get_by_label("Day").fill(f"{other.date:%Y-%m-%d}")
    offered(1)
    page.get_by_label("Day").fill("2036-01-01")
    offered(0)


def test_the_pages_of_a_day_can_be_read_by_all(page, clinic):
    page.goto("/admin/login/")
    accessible(page)
    sign_in(page)
    appointment = booked(slot=clinic[0], reason="Check-up")
    patient = appointment.patient
    for path in (
        "/admin/",
        "/admin/appointments/appointment/?day=all",
        "/admin/appointments/appointment/add/",
        f"/admin/appointments/appointment/{appointment.pk}/change/",
        f"/admin/appointments/appointment/{appointment.pk}/move/",
        f"/admin/appointments/appointment/{appointment.pk}/cancel/",
        "/admin/patients/patient/",
        f"/admin/patients/patient/{patient.pk}/change/",
        "/admin/scheduling/availableslot/?day=all",
    ):
        page.goto(path)
        accessible(page)
    page.emulate_media(color_scheme="dark")
    for path in ("/admin/appointments/appointment/?day=all", "/admin/appointments/appointment/add/"):
        page.goto(path)
        look(page, f"dark-{path.split('?')[0].strip('/').split('/')[-1]}")
        accessible(page)


def test_an_autocomplete_is_named_when_it_is_open(page, clinic):
    sign_in(page)
    page.goto("/admin/appointments/appointment/add/")
    page.get_by_role("combobox", name="Patient").focus()
    page.keyboard.press("Enter")
    page.get_by_role("option", name="Łucja").wait_for()
    accessible(page)


def test_a_person_lets_an_app_act_for_them_and_the_browser_goes_back_to_it(page, clinic, server):
    from booking_site.api.models import ApiClient

    back = server.replace("127.0.0.1", "localhost") + "/health"
    app = ApiClient.objects.create(
        name="Ward tablet",
        client_type="public",
        authorization_grant_type="authorization-code",
        redirect_uris=back,
        scopes="slots:read appointments:write",
    )
    sign_in(page)
    page.goto(
        f"/oauth/authorize?response_type=code&client_id={app.client_id}&redirect_uri={back}&state=x"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    )
    expect(page.get_by_role("heading", name="Ward tablet asks to act for you")).to_be_visible()
    look(page, "consent")
    accessible(page)
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # the app's own page, not ours
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{back}?**")
    assert "code=" in page.url
