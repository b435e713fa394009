"""Reception at work, in a real browser over the served site: by keyboard, under the strict policy, read aloud."""

import pytest
from playwright.sync_api import expect

from appointments.models import Appointment
from booking_site.testing.browser import BROWSER, accessible, look, ready, sign_in
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


def test_reception_finds_books_moves_and_cancels(page, clinic):
    sign_in(page)
    look(page, "index")
    page.get_by_label("Find a patient").fill("wojcik lucja")
    page.keyboard.press("Enter")
    expect(page.locator("#result_list")).to_contain_text("Wójcik, Łucja")
    look(page, "patients")
    page.locator("#result_list").get_by_role("link", name="Book", exact=True).click()

    expect(page.get_by_role("combobox", name="Who", exact=True)).to_have_value(
        "Łucja Wójcik, born 1980-02-29, MRN-0007, +48 601 234 567"
    )
    page.get_by_role("combobox", name="With whom").fill("sena")
    page.get_by_role("option", name="Dr Amara Sena").click()
    page.get_by_label("Reason").fill("Palpitations <b>at night</b>")
    page.locator("input[name=slot]").nth(1).check()
    expect(page.locator("[data-held]")).to_be_visible()
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    expect(page.locator("#content")).to_contain_text("Palpitations <b>at night</b>")
    look(page, "booked")

    page.get_by_role("link", name="Move: ").click()
    page.locator("input[name=slot]").nth(1).check()
    expect(page.locator("[data-held]")).to_be_visible()
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".messagelist")).to_contain_text("Moved: Łucja Wójcik")
    appointment = Appointment.objects.get(patient__last_name="Wójcik")
    assert appointment.slot == clinic[2]

    page.get_by_role("link", name="Cancel: ").click()
    page.get_by_label("Kind of reason").select_option("ill")
    page.get_by_label("Why it is cancelled").fill("has recovered")
    page.get_by_role("button", name="Cancel the appointment").click()
    expect(page.locator(".messagelist")).to_contain_text("Cancelled: Łucja Wójcik")
    look(page, "cancelled")
    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason) == ("cancelled", "has recovered")
    assert set(AvailableSlot.objects.free().values_list("pk", flat=True)) == {slot.pk for slot in clinic}


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
    page.goto("/admin/scheduling/week/")
    ready(page)
    page.get_by_role("combobox", name="Doctor").focus()
    page.keyboard.press("Enter")
    page.get_by_role("option", name="Dr Amara Sena").wait_for()
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
