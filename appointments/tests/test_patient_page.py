"""The page of a patient: what it shows to whom, the notes, and what the audit log learns of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from appointments import operations
from appointments.merging import merge
from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.core.actor import Actor
from booking_site.core.operations import save_record, version_of
from booking_site.core.signals import record_viewed
from booking_site.core.wallclock import day_label
from booking_site.testing.factories import TESTER, DoctorFactory, PatientFactory, SlotFactory, booked, in_days, staff
from booking_site.testing.fixtures import written_at
from patients.models import Patient

pytestmark = pytest.mark.django_db
ELSEWHERE = "Appointment in another department"


@pytest.fixture
def patient():
    return PatientFactory(
        first_name="Ada", last_name="Byron", phone="+49 (0)30 5550-199", email="ada@mail.example", mrn="M-1"
    )


def url(patient, name="patient"):
    return reverse(f"admin:{name}", args=[patient.pk])


def text(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def over(status, **kwargs):
    """A visit with its outcome."""
    visit = booked(**kwargs)
    moment = {"no_show": "no_show_at", "completed": "completed_at"}[status]
    Appointment.objects.filter(pk=visit.pk).update(**{"status": status, moment: in_days(0)})
    return visit


def test_who_the_patient_is(reception, patient):
    page = text(reception.get(url(patient)))
    assert 'href="tel:+490305550199"' in page
    assert 'href="mailto:ada@mail.example"' in page
    assert "M-1" in page
    assert "1980-02-29" in page


@pytest.mark.parametrize(
    ("code", "english", "german"),
    [
        ("id", "Indonesian", "Indonesisch"),
        ("pt-PT", "Portuguese (pt-PT)", "Portugiesisch (pt-PT)"),
        ("pt-BR", "Brazilian Portuguese", "Brasilianisches Portugiesisch"),
        ("prs", "prs", "prs"),
    ],
)
def test_the_language_is_named_in_that_of_the_reader(reception, patient, code, english, german):
    Patient.objects.filter(pk=patient.pk).update(preferred_language=code)
    for language, name in (("en", english), ("de", german)):
        assert f"<dd>{name}</dd>" in text(reception.get(url(patient), headers={"Accept-Language": language}))


def test_upcoming_and_past_appointments_stand_apart(reception, patient):
    ahead = booked(patient=patient, reason="Cough")
    off = booked(patient=patient)
    operations.cancel(actor=TESTER, appointment_id=off.pk)
    lists = reception.get(url(patient)).context["lists"]
    assert [[visit.appointment.pk for visit in each["visits"]] for each in lists] == [[ahead.pk], [off.pk]]


def test_20_appointments_are_on_a_page(reception, patient):
    doctor = DoctorFactory()
    for _ in range(22):
        booked(patient=patient, slot=SlotFactory(doctor=doctor))
    first, second = (reception.get(url(patient), {"upcoming": page}).context["lists"][0] for page in (1, 2))
    assert (len(first["visits"]), len(second["visits"])) == (20, 2)
    assert text(reception.get(url(patient), {"upcoming": "x" * 5000}))  # nonsense is the first page


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([], "No visits so far."),
        (["completed"], "Came to the one visit so far."),
        (["completed", "completed"], "Came to all 2 visits."),
        (["completed", "no_show", "completed", "no_show"], "Missed 2 of 4 visits, last on {last}."),
    ],
)
def test_how_often_the_patient_came_is_said_in_words(reception, patient, outcomes, words):
    visits = [over(outcome, patient=patient) for outcome in outcomes]
    last = day_label(visits[-1].date) if visits else ""
    assert words.format(last=last) in text(reception.get(url(patient)))


# --- who sees what -----------------------------------------------------------------------------------------------


def test_an_appointment_in_another_department_is_shown_by_its_time_only(client, patient):
    own = booked(patient=patient, reason="Cough")
    other = booked(patient=patient, reason="Secret", slot=SlotFactory(doctor__name="Dr Hidden"))
    client.force_login(staff("Reception", own.department))
    page = text(client.get(url(patient)))
    assert ELSEWHERE in page
    assert f"{other.time:%H:%M}" in page
    assert "Cough" in page
    for hidden in ("Secret", "Dr Hidden", str(other.pk), str(other.department)):
        assert hidden not in page


def test_a_clinician_sees_of_others_that_it_is_with_somebody_else(client, patient):
    own = booked(patient=patient)
    booked(patient=patient, slot=SlotFactory(doctor=DoctorFactory(name="Dr Hidden", department=own.department)))
    client.force_login(staff("Clinician", doctor=own.doctor))
    page = text(client.get(url(patient)))
    assert ("Appointment with somebody else" in page, ELSEWHERE in page, "Dr Hidden" in page) == (True, False, False)


def test_a_clinician_opens_only_patients_of_their_own(client, patient):
    visit = booked(patient=patient)
    booked()
    client.force_login(staff("Clinician", doctor=visit.doctor))
    assert client.get(url(patient)).status_code == 200
    stranger = PatientFactory()
    for page in ("patient", "patients_patient_change"):
        assert client.get(url(stranger, page)).url == "/admin/"  # as one that is not there
    assert [row.pk for row in client.get("/admin/patients/patient/").context["cl"].result_list] == [patient.pk]
    assert AuditLog.objects.filter(action="access.denied", details__code="out_of_scope").exists()


@pytest.mark.parametrize(
    ("role", "status", "notes", "trail"),
    [
        ("Reception", 200, True, True),
        ("Administrator", 200, True, True),
        ("Scheduler", 200, False, False),
        ("Clinician", 200, False, False),
        ("Auditor", 403, False, False),
    ],
)
def test_each_role_sees_what_it_needs(client, patient, role, status, notes, trail):
    Patient.objects.filter(pk=patient.pk).update(notes="Rings twice")
    client.force_login(staff(role))
    answer = client.get(url(patient))
    page = answer.content.decode()
    assert answer.status_code == status
    assert ("Rings twice" in page, "Who saw and changed" in page) == (notes, trail)
    assert ("All entries" in page) == (role == "Administrator")
    assert client.post(url(patient), {"notes": "Changed"}).status_code == (302 if notes else 403)


def test_unknown_patients_and_strangers_are_sent_away(client, reception):
    assert reception.get("/admin/patients/patient/00000000-0000-7000-8000-000000000000/").status_code == 302
    client.logout()
    assert client.get(url(PatientFactory())).status_code == 302


def test_the_old_id_leads_to_the_survivor(reception, patient):
    old = PatientFactory()
    merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=old.pk)
    for name in ("patient", "patient_merge"):
        answer = reception.get(url(old, name), follow=True)
        assert answer.redirect_chain == [(url(patient), 302)]
        assert "That record has been merged into this one." in text(answer)
    answer = reception.get(url(old, "patients_patient_change"), follow=True)
    assert answer.redirect_chain[-1] == (url(patient), 302)


def test_lists_and_appointments_lead_to_the_page(reception, patient):
    visit = booked(patient=patient)
    for address in (
        "/admin/patients/patient/",
        "/admin/appointments/appointment/?day=all",
        reverse("admin:appointments_appointment_change", args=[visit.pk]),
    ):
        assert f'href="{url(patient)}"' in text(reception.get(address))


# --- notes ---------------------------------------------------------------------------------------------------------


def test_notes_are_saved_and_their_text_is_not_in_the_log(reception, patient):
    version = version_of(patient)
    answer = reception.post(url(patient), {"notes": "Rings\r\ntwice", "version": version})
    assert answer.status_code == 302
    patient.refresh_from_db()
    assert patient.notes == "Rings\ntwice"
    row = AuditLog.objects.get(action="patient.updated")
    assert (row.details["new"], row.object_id) == ({"notes": "[11 characters]"}, str(patient.pk))


def test_notes_that_somebody_changed_meanwhile_are_not_overwritten(reception, patient):
    version = version_of(patient)
    patient.notes = "Theirs"
    save_record(actor=TESTER, instance=patient, fields=["notes"])
    page = text(reception.post(url(patient), {"notes": "Mine", "version": version}))
    assert "Somebody else has changed this meanwhile" in page
    assert "Mine" in page  # as typed
    patient.refresh_from_db()
    assert patient.notes == "Theirs"


@pytest.mark.parametrize("notes", ["a" * 4001, "a\x00b"])
def test_notes_that_cannot_be_kept_are_refused_beside_the_field(reception, patient, notes):
    page = text(reception.post(url(patient), {"notes": notes, "version": version_of(patient)}))
    assert 'id="id_notes_error"' in page
    patient.refresh_from_db()
    assert patient.notes == ""


# --- the log ---------------------------------------------------------------------------------------------------------


def test_every_look_at_a_record_is_a_row(reception, patient, api):
    reception.get(url(patient))
    reception.get(url(patient))
    reception.get(url(patient, "patients_patient_change"))
    api.get(f"/api/v1/patients/{patient.pk}")
    rows = AuditLog.objects.filter(action="patient.viewed", object_id=patient.pk)
    assert [row.user_name for row in rows.order_by("id")] == ["reception"] * 3 + ["test client"]


def test_the_page_tells_who_looked_and_who_changed_which_fields(reception, patient):
    patient.first_name, patient.phone = "Augusta", "030 1"
    save_record(actor=TESTER, instance=patient, fields=["phone", "first_name"])
    reception.post(url(patient), {"notes": "New", "version": version_of(patient)})
    answer = reception.get(url(patient))
    assert [(who, str(what), fields) for _, who, what, fields, _ in answer.context["changes"]] == [
        ("reception", "changed the record", "notes"),
        ("tests", "changed the record", "first name, phone"),
    ]
    assert [(who, times) for _, who, times in answer.context["views"]] == [("reception", 1)]
    assert "changed the record: first name, phone" in text(answer)
    assert "030 1" not in text(answer).partition("Newest changes")[2]


def test_looks_of_one_person_on_one_day_are_one_line(reception, patient, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    for moment in ("2026-03-01 22:50Z", "2026-03-01 23:10Z", "2026-03-01 23:11Z"):  # midnight of Berlin
        record_viewed.send(sender=Patient, actor=TESTER, pk=patient.pk)
        written_at(AuditLog.objects.latest("seq"), moment)
    reception.get(url(patient))
    answer = reception.get(url(patient))
    assert [(who, times) for _, who, times in answer.context["views"]] == [("reception", 2), ("tests", 2), ("tests", 1)]
    assert "looked at the record, 2 times" in text(answer)


def test_no_change_is_lost_among_the_looks_and_each_list_ends_at_20(reception, patient):
    save_record(actor=TESTER, instance=renamed(patient, "Augusta"), fields=["first_name"])
    for number in range(22):
        record_viewed.send(sender=Patient, actor=Actor(kind="user", id=str(number), name=f"U{number}"), pk=patient.pk)
    context = reception.get(url(patient)).context
    assert (len(context["changes"]), len(context["views"])) == (1, 20)
    for number in range(22):
        save_record(actor=TESTER, instance=renamed(patient, f"Ada {number}"), fields=["first_name"])
    assert len(reception.get(url(patient)).context["changes"]) == 20


def renamed(patient, name):
    patient.first_name = name
    return patient


def test_the_trail_holds_those_of_merged_records(reception, patient):
    old = PatientFactory(phone="030 1")
    record_viewed.send(sender=Patient, actor=TESTER, pk=old.pk)
    merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=old.pk)
    context = reception.get(url(patient)).context
    assert [who for _, who, _ in context["views"]] == ["reception", "tests"]
    assert {(str(what), fields) for _, _, what, fields, _ in context["changes"]} == {
        ("merged another record into this one", ""),
        ("merged this record into another one", "active"),
    }


def test_the_page_takes_the_same_queries_however_much_there_is(reception, patient):
    counts = []
    doctor = DoctorFactory()
    for _ in range(3):
        booked(patient=patient, slot=SlotFactory(doctor=doctor))
        over("completed", patient=patient, slot=SlotFactory(doctor=doctor))
        PatientFactory(first_name="Ada", last_name="Byron", dob=patient.dob)
        with CaptureQueriesContext(connection) as queries:
            reception.get(url(patient))
        counts.append(len(queries))
    assert counts[1] == counts[2], counts
