"""A session that ends in the middle of a form: sign in on the spot, and what was sent is done."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import expect

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.testing.browser import BROWSER, accessible, look, sign_in
from booking_site.testing.factories import PASSWORD, PatientFactory, SlotFactory, booked, staff
from patients.models import Patient

ADD = "/admin/patients/patient/add/"
TYPED = {"first_name": "Ínês", "last_name": "<b>O'Neill</b>", "dob": "1980-02-29", "phone": "+351 21 555 0101"}


@pytest.mark.django_db
def test_what_was_sent_is_asked_to_wait_and_done_after_signing_in(client):
    staff("Reception")
    answer = client.post(ADD, TYPED)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    text = answer.content.decode()
    assert 'name="first_name" value="Ínês"' in text
    assert 'value="&lt;b&gt;O&#x27;Neill&lt;/b&gt;"' in text
    assert not Patient.objects.exists()
    done = client.post(ADD, TYPED | {"sign_in-username": "reception", "sign_in-password": PASSWORD})
    assert done.status_code == 302
    assert Patient.objects.get().last_name == "<b>O'Neill</b>"
    assert AuditLog.objects.filter(action="user.signed_in").count() == 1


@pytest.mark.django_db
def test_a_wrong_password_keeps_what_was_sent_and_does_nothing(client):
    staff("Reception")
    answer = client.post(ADD, TYPED | {"sign_in-username": "reception", "sign_in-password": "wrong"})
    assert 'name="first_name" value="Ínês"' in answer.content.decode()
    assert "correct username and password" in answer.content.decode()
    assert not Patient.objects.exists()
    assert AuditLog.objects.get().action == "user.sign_in_failed"


@pytest.mark.django_db
def test_a_password_that_was_typed_into_a_form_is_not_shown_again(client):
    text = client.post("/admin/password_change/", {"old_password": "secret one"}).content.decode()
    assert "secret one" not in text


@pytest.mark.django_db
def test_who_signs_in_may_do_no_more_than_always(client):
    staff("Auditor")
    answer = client.post(ADD, TYPED | {"sign_in-username": "auditor", "sign_in-password": PASSWORD})
    assert answer.status_code == 403
    assert not Patient.objects.exists()


@pytest.mark.django_db
def test_a_page_that_is_only_looked_at_leads_to_the_sign_in_page(client):
    assert client.get(ADD)["Location"] == f"/admin/login/?next={ADD}"


@pytest.mark.django_db
def test_a_script_is_told_instead_of_shown_a_page(client):
    for method in (client.get, client.post):
        answer = method(ADD, HTTP_SEC_FETCH_DEST="empty")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.django_db
@pytest.mark.parametrize(("origin", "status"), [("http://testserver", 200), ("https://elsewhere.example", 403)])
def test_a_form_older_than_the_last_sign_in_is_offered_again_if_it_is_ours(origin, status):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("Reception"))
    answer = client.post(
        ADD, TYPED | {"csrfmiddlewaretoken": "of another day"}, HTTP_ORIGIN=origin, HTTP_ACCEPT="text/html"
    )
    assert answer.status_code == status
    assert ("Nothing you typed is lost" in answer.content.decode()) == (status == 200)
    assert not Patient.objects.exists()


class TestInTheBrowser:
    pytestmark = BROWSER

    def signs_in_again(self, page):
        expect(page.get_by_label("Username")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("Nothing you typed is lost.")
        page.get_by_label("Username").fill("reception")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")

    def test_reception_signs_in_again_and_the_appointment_is_cancelled_with_what_was_typed(self, page):
        staff("Reception")
        appointment = booked(patient=PatientFactory(), slot=SlotFactory())
        sign_in(page)
        page.goto(f"/admin/appointments/appointment/{appointment.pk}/cancel/")
        page.get_by_label("Kind of reason").select_option("ill")
        page.get_by_label("Why it is cancelled").fill("has a cold, “again”")
        Session.objects.all().delete()
        page.get_by_role("button", name="Cancel the appointment").click()
        expect(page.get_by_role("status")).to_contain_text("Nothing you typed is lost.")
        accessible(page)
        look(page, "sign-in-again")
        self.signs_in_again(page)
        expect(page.locator(".messagelist")).to_contain_text("Cancelled:")
        assert Appointment.objects.get().cancellation_reason == "has a cold, “again”"

    def test_a_session_that_ends_while_somebody_is_looked_up_loses_nothing_of_the_booking(self, page):
        staff("Reception")
        seat = SlotFactory()
        PatientFactory(first_name="Łucja", last_name="Wójcik", mrn="MRN-0007")
        sign_in(page)
        page.goto(f"/admin/appointments/appointment/add/?doctor={seat.doctor_id}")
        page.get_by_label("Reason").fill("has a cold, “again”")
        Session.objects.all().delete()
        page.get_by_role("combobox", name="Who", exact=True).fill("wojcik")
        expect(page.get_by_role("alert")).to_contain_text("Your session has ended. Nothing you typed is lost.")
        look(page, "book-session-ended")
        page.complaints.clear()  # the browser reports the 401
        page.get_by_role("button", name="Sign in and go on").click()
        self.signs_in_again(page)
        expect(page.get_by_role("combobox", name="Who", exact=True)).to_have_value("wojcik")
        page.get_by_role("combobox", name="Who", exact=True).press("Enter")
        page.get_by_role("option", name="MRN-0007").click()
        expect(page.locator(".chosen-patient")).to_contain_text("MRN-0007")
        page.locator("input[name=slot]").first.check()
        expect(page.locator("[data-held]")).to_be_visible()
        assert page.get_by_label("Reason").input_value() == "has a cold, “again”"
        page.get_by_role("button", name="Book", exact=True).click()
        expect(page.locator(".messagelist")).to_contain_text("Booked:")
        assert Appointment.objects.get().reason == "has a cold, “again”"

    def test_a_session_that_ends_while_a_seat_is_held_books_that_seat_after_signing_in(self, page):
        staff("Reception")
        seat, patient = SlotFactory(), PatientFactory()
        sign_in(page)
        page.goto(f"/admin/appointments/appointment/add/?doctor={seat.doctor_id}&patient={patient.pk}")
        page.locator("input[name=slot]").first.check()
        expect(page.locator("[data-held]")).to_be_visible()
        Session.objects.all().delete()
        page.get_by_role("button", name="Book", exact=True).click()
        self.signs_in_again(page)
        expect(page.locator(".messagelist")).to_contain_text("Booked:")
        assert Appointment.objects.get().slot_id == seat.pk
