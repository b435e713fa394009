"""The pages of the slip: who may see, print and send it, and what a mail holds."""

import socket
from io import BytesIO

import pytest
from django.core import mail
from django.urls import reverse
from icalendar import Calendar
from pypdf import PdfReader

from appointments.slips import number_of
from audit.models import AuditLog
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, PatientFactory, SlotFactory, booked, staff

pytestmark = pytest.mark.django_db
KEY = "00000000-0000-7000-8000-0000000000aa"


def url(page, appointment):
    return reverse(f"admin:appointments_appointment_{page}", args=[appointment.pk])


@pytest.fixture
def appointment():
    return booked(patient=PatientFactory(first_name="Ана", last_name="Ковач", email="ana@example.org"))


def test_page_shows_the_slip_and_what_can_be_done_with_it(reception, appointment):
    page = reception.get(url("slip", appointment)).content.decode()
    assert "Ана Ковач" in page
    assert number_of(appointment.pk) in page
    for other in ("slip_pdf", "slip_ics", "slip_send"):
        assert url(other, appointment) in page
    assert "<script>" not in page
    assert "style=" not in page


def test_page_of_an_appointment_is_linked_from_its_actions(reception, appointment):
    page = reception.get(reverse("admin:appointments_appointment_change", args=[appointment.pk]))
    assert url("slip", appointment) in page.content.decode()


def test_pdf_and_calendar_file_come_as_files_that_nobody_keeps(reception, appointment):
    pdf, ics = (reception.get(url(page, appointment)) for page in ("slip_pdf", "slip_ics"))
    assert (pdf["Content-Type"], ics["Content-Type"]) == ("application/pdf", "text/calendar; charset=utf-8")
    for answer in (pdf, ics):
        assert "no-store" in answer["Cache-Control"]
        assert "Ковач" not in answer["Content-Disposition"]
    assert "Ана Ковач" in PdfReader(BytesIO(pdf.content)).pages[0].extract_text()
    (event,) = Calendar.from_ical(ics.content).walk("VEVENT")
    assert event["uid"] == str(appointment.pk)


@pytest.mark.parametrize("page", ["slip", "slip_pdf", "slip_ics"])
def test_page_takes_the_same_queries_whatever_there_is(reception, appointment, page, django_assert_max_num_queries):
    with django_assert_max_num_queries(9):
        assert reception.get(url(page, appointment)).status_code == 200


@pytest.mark.parametrize("page", ["slip", "slip_pdf", "slip_ics"])
def test_auditor_sees_no_slip(client, appointment, page):
    client.force_login(staff("Auditor"))
    assert client.get(url(page, appointment)).status_code == 403


@pytest.mark.parametrize("page", ["slip", "slip_pdf", "slip_ics"])
def test_slip_of_another_department_is_not_found(client, appointment, page):
    client.force_login(staff("Reception", DepartmentFactory()))
    assert client.get(url(page, appointment)).status_code == 302
    client.force_login(staff("Scheduler", appointment.department))
    assert client.get(url(page, appointment)).status_code == 200


@pytest.mark.parametrize("unknown", ["nothing", "0", "00000000-0000-7000-8000-000000000000", "%ED%A0%80", "x" * 300])
def test_slip_of_an_unknown_appointment_is_not_found(reception, unknown):
    for page in ("slip/", "slip.pdf", "slip.ics"):
        assert reception.get(f"/admin/appointments/appointment/{unknown}/{page}").status_code in (302, 404)


# --- sending -------------------------------------------------------------------------------------------------


def send(client, appointment, **fields):
    return client.post(url("slip_send", appointment), {"key": KEY, **fields})


def test_slip_is_sent_with_both_files_once_for_two_clicks(reception, appointment):
    for _ in range(2):
        assert send(reception, appointment, asked_for="on").status_code == 302
    (sent,) = mail.outbox
    assert sent.to == ["ana@example.org"]
    names = {name.rpartition(".")[2]: content for name, content, _ in sent.attachments}
    assert "Ана Ковач" in PdfReader(BytesIO(names["pdf"])).pages[0].extract_text()
    (event,) = Calendar.from_ical(names["ics"]).walk("VEVENT")
    assert event["uid"] == str(appointment.pk)
    (row,) = AuditLog.objects.filter(action="appointment.slip_sent")
    assert (row.status, row.appointment_id, row.details["new"]["email"]) == ("success", appointment.pk, "a***rg")


def test_slip_is_sent_again_when_the_page_is_opened_anew(reception, appointment):
    send(reception, appointment, asked_for="on")
    send(reception, appointment, asked_for="on", key="00000000-0000-7000-8000-0000000000ab")
    assert len(mail.outbox) == 2


def test_slip_is_sent_to_those_who_agreed_and_to_others_when_they_ask(reception, appointment):
    refused = send(reception, appointment)
    assert "has not agreed to e-mail" in refused.content.decode()
    appointment.patient.remind_by_email = True
    appointment.patient.save()
    assert send(reception, appointment).status_code == 302
    assert len(mail.outbox) == 1
    rows = AuditLog.objects.filter(action="appointment.slip_sent").order_by("timestamp", "pk")
    assert list(rows.values_list("status", "details__code")) == [
        ("failure", "no_consent"),
        ("success", None),
    ]


def test_slip_without_an_address_is_not_offered_to_be_sent(reception):
    appointment = booked()
    assert url("slip_send", appointment) not in reception.get(url("slip", appointment)).content.decode()
    assert "no e-mail address" in send(reception, appointment, asked_for="on").content.decode()


def test_slip_is_not_offered_to_be_sent_where_there_is_no_mail_server(reception, appointment, settings):
    settings.SENDS_MAIL = False
    assert url("slip_send", appointment) not in reception.get(url("slip", appointment)).content.decode()
    assert "sends no mail" in send(reception, appointment, asked_for="on").content.decode()
    assert mail.outbox == []


@pytest.mark.parametrize("listens", [False, True], ids=["refuses", "never answers"])
def test_a_mail_server_that_is_away_is_told_and_the_press_can_be_repeated(reception, appointment, settings, listens):
    working = settings.EMAIL_BACKEND
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT = "django.core.mail.backends.smtp.EmailBackend", 0.3
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        answer = send(reception, appointment, asked_for="on")
    assert (answer.status_code, "did not take the mail" in answer.content.decode()) == (200, True)
    settings.EMAIL_BACKEND = working
    assert send(reception, appointment, asked_for="on").status_code == 302
    assert len(mail.outbox) == 1


def test_mail_names_no_kind_of_visit_in_its_text(reception):
    slot = SlotFactory(doctor=DoctorFactory(specialization="Oncology"), visit_type="chemotherapy")
    send(reception, booked(slot=slot, patient=PatientFactory(email="b@example.org")), asked_for="on")
    (sent,) = mail.outbox
    for private in ("Oncology", "hemotherapy"):
        assert private not in sent.subject + sent.body


def test_clinician_sees_slips_and_sends_none(client):
    doctor = DoctorFactory()
    appointment = booked(slot=SlotFactory(doctor=doctor), patient=PatientFactory(email="c@example.org"))
    client.force_login(staff("Clinician", doctor=doctor))
    page = client.get(url("slip", appointment))
    assert (page.status_code, url("slip_send", appointment) in page.content.decode()) == (200, False)
    assert send(client, appointment, asked_for="on").status_code == 403
    assert mail.outbox == []


def test_slip_of_another_department_is_not_sent(client, appointment):
    client.force_login(staff("Reception", DepartmentFactory()))
    assert send(client, appointment, asked_for="on").status_code == 302
    assert mail.outbox == []


def test_sending_takes_a_press_of_the_button(reception, appointment):
    assert reception.get(url("slip_send", appointment)).status_code == 405


@pytest.mark.parametrize("key", ["", "x", "\x00", "\ud800"])
def test_sending_with_a_broken_form_sends_nothing(reception, appointment, key):
    answer = reception.post(url("slip_send", appointment), {"key": key.encode(errors="surrogatepass")})
    assert "Open this page anew" in answer.content.decode()
    assert mail.outbox == []
