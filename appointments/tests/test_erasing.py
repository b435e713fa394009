"""Forgetting a person: what is gone, what stays, and what stands in the way."""

import json
import uuid
from datetime import timedelta

import pytest
from dateutil.relativedelta import relativedelta
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from appointments import operations
from appointments.admin.patient import patient_url
from appointments.erasing import erase
from appointments.exceptions import PatientStillExpected, RecordMustBeKept
from appointments.merging import merge, unmerge
from appointments.models import Appointment, IdempotencyKey
from appointments.reports.catalogue import REPORTS
from audit.models import AuditLog
from booking_site.core.errors import Invalid, PreconditionFailed
from booking_site.core.operations import save_record
from booking_site.testing.factories import (
    TESTER,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    booked_before,
    in_days,
    staff,
)
from patients.consents import record
from patients.exceptions import PatientErased, PatientMerged
from patients.finding import find
from patients.models import PERSONAL, Patient, PatientConsent, PatientMerge

pytestmark = pytest.mark.django_db
SECRET = "Quillfeather"
WHO = {
    "first_name": f"{SECRET}a", "last_name": f"{SECRET}b", "email": f"{SECRET}@mail.example", "phone": "+49 30 5559172",
    "insurance_provider": f"{SECRET}c", "insurance_id": f"{SECRET}d", "mrn": f"{SECRET}e", "notes": f"{SECRET}f",
    "preferred_language": "vi", "dob": "1931-03-07",
}  # fmt: skip
TRACES = (SECRET, "5559172", "1931-03-07")


def completed(patient, **ago: int) -> Appointment:
    """A visit that long ago, with every text of it filled in."""
    moment = timezone.now() - relativedelta(**ago)
    doctor = DoctorFactory()
    return Appointment.objects.create(
        patient=patient, doctor=doctor, department=doctor.department, reason=f"{SECRET} has a cough",
        status="completed", date=moment.date(), starts_at=moment, ends_at=moment + timedelta(minutes=30),
        booked_at=moment, completed_at=moment, cancellation_reason=f"{SECRET} again", source="import:x",
        external_id=f"{SECRET}-{uuid.uuid4()}",
    )  # fmt: skip


@pytest.fixture
def patient():
    """A patient with everything that there can be, whose record may go; merged with another record of theirs."""
    twin = PatientFactory(**WHO | {"mrn": f"{SECRET}-twin", "email": f"{SECRET}-old@mail.example"})
    patient = PatientFactory(**WHO)
    save_record(actor=TESTER, instance=_with_consents(patient), fields=["remind_by_email", "remind_by_sms"])
    completed(patient, years=11)
    cancelled = booked(patient=twin, reason=f"{SECRET} asked")
    IdempotencyKey.objects.create(client="x", key="k", fingerprint="f", appointment=cancelled)
    operations.cancel(actor=TESTER, appointment_id=cancelled.pk, reason=f"{SECRET} is ill", cancellation_code="ill")
    merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=twin.pk, choices={"email": "duplicate"})
    return Patient.objects.get(pk=patient.pk)


def _with_consents(patient):
    patient.remind_by_email = patient.remind_by_sms = True
    return patient


def everything() -> str:
    """Every table of the database but the audit log, as text."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed}
    with connection.cursor() as cursor:
        texts = []
        for table in sorted(tables - {"audit_logs"}):
            cursor.execute(f"SELECT coalesce(string_agg(row::text, chr(10)), '') FROM \"{table}\" AS row")
            texts.append(cursor.fetchone()[0])
    return "\n".join(texts)


def gone(patient, reason: str = "request"):
    return erase(actor=TESTER, patient_id=patient.pk, reason=reason)


# --- what is gone, what stays ------------------------------------------------------------------------------------


def test_no_table_holds_anything_of_the_person_any_more(patient):
    before = everything()
    assert all(trace.lower() in before.lower() for trace in TRACES)  # the control
    done = gone(patient)
    after = everything().lower()
    assert [trace for trace in TRACES if trace.lower() in after] == []
    assert done.counts == {"records": 2, "appointments": 2, "idempotency_keys": 1, "consents": 4, "merges": 1}


def test_the_audit_log_stays_as_it_is_and_holds_no_value_of_the_person(patient):
    rows = list(AuditLog.objects.order_by("seq").values_list())
    gone(patient)
    assert list(AuditLog.objects.order_by("seq").values_list())[: len(rows)] == rows
    log = json.dumps(list(AuditLog.objects.values_list("details", flat=True)))
    assert [trace for trace in TRACES if trace in log] == []
    told = AuditLog.objects.filter(action="patient.erased").order_by("seq")
    assert {row.object_id for row in told} == {str(pk) for pk in Patient.objects.values_list("pk", flat=True)}
    assert {row.details["new"]["because"] for row in told} == {"request"}


def test_the_numbers_stay_true(patient, client, settings):
    settings.RETENTION_MINIMUM_YEARS = 0
    completed(patient, days=20)
    client.force_login(staff("Administrator"))
    left_out = ("reason", "cancellation_reason", "external_id", "updated_at")
    kept = [field.attname for field in Appointment._meta.concrete_fields if field.attname not in left_out]

    def numbers() -> list:
        period = {"first": f"{timezone.now().date() - timedelta(days=90)}", "last": f"{in_days(60).date()}"}
        reports = [client.get(reverse("admin:reports"), {"report": key, **period, "format": "csv"}) for key in REPORTS]
        assert {answer.headers["Content-Type"] for answer in reports} == {"text/csv; charset=utf-8"}
        return [list(Appointment.objects.order_by("pk").values(*kept)), [answer.content for answer in reports]]

    before = numbers()
    gone(patient)
    assert numbers() == before


def test_the_record_is_nobodys_and_erasing_twice_is_harmless(patient):
    gone(patient)
    patient.refresh_from_db()
    assert str(patient) == "Erased patient"
    assert {name: getattr(patient, name) for name in PERSONAL} == PERSONAL
    rows = AuditLog.objects.count()
    assert gone(patient, "mistake").counts == {}
    assert (AuditLog.objects.count(), Patient.objects.get(pk=patient.pk).erased_because) == (rows, "request")


@pytest.mark.parametrize("name", PERSONAL)
def test_the_database_keeps_an_erased_record_empty(patient, name):
    gone(patient)
    value = {"dob": "1990-01-01"}.get(name, "x" if isinstance(PERSONAL[name], (str, type(None))) else True)
    with pytest.raises(IntegrityError, match=r"patient_(erased_is_empty|merged_is_closed)"), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(**{name: value})
    with pytest.raises(IntegrityError, match="patient_erased_is_empty"), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(erased_because="")


def test_a_name_is_missing_on_no_record_that_is_not_erased(patient):
    with pytest.raises(IntegrityError, match="patient_name_present"), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(first_name="", last_name=" ")


# --- what stands in the way --------------------------------------------------------------------------------------


def test_who_is_expected_is_not_erased_and_the_appointments_are_named(patient):
    slot = SlotFactory(starts_at=in_days(9))
    booked(patient=patient, slot=slot)
    with pytest.raises(PatientStillExpected) as refused:
        gone(patient)
    assert f"{slot.date}" in refused.value.detail
    assert slot.doctor.name in refused.value.detail
    assert SECRET not in refused.value.detail
    row = AuditLog.objects.get(action="patient.erased")
    assert (row.status, row.details) == (
        "failure", {"code": "patient_has_appointments", "patient_id": str(patient.pk)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("years", "minimum", "is_kept"), [(9, 10, True), (11, 10, False), (1, 0, False), (12, 20, True)]
)
def test_the_law_keeps_the_record_of_who_was_treated(settings, years, minimum, is_kept):
    settings.RETENTION_MINIMUM_YEARS = minimum
    patient = PatientFactory(**WHO)
    completed(patient, years=years)
    if is_kept:
        with pytest.raises(RecordMustBeKept, match="kept until 20"):
            gone(patient)
    else:
        assert gone(patient).counts["records"] == 1


def test_who_never_came_is_forgotten_at_once():
    patient = PatientFactory(**WHO)
    missed = booked(patient=patient)
    operations.cancel(actor=TESTER, appointment_id=missed.pk)
    assert gone(patient).counts["records"] == 1


def test_the_record_that_answers_is_the_one_to_erase(patient):
    twin = Patient.objects.get(merged_into=patient)
    with pytest.raises(PatientMerged):
        gone(twin)
    with pytest.raises(PreconditionFailed):
        erase(actor=TESTER, patient_id=patient.pk, reason="request", expected_versions=frozenset(["0"]))
    with pytest.raises(Invalid):
        gone(patient, "because of Ada")


# --- afterwards --------------------------------------------------------------------------------------------------


def test_an_erased_record_is_not_found_booked_changed_or_merged(patient, api):
    other = PatientFactory()
    made = PatientMerge.objects.get()
    gone(patient)
    for text in (WHO["last_name"], WHO["mrn"], WHO["phone"], WHO["email"], "Erased patient", f"{patient.pk}"):
        assert find(text) == []
    assert list(Patient.objects.surviving()) == [other]
    with pytest.raises(PatientErased):
        merge(actor=TESTER, survivor_id=other.pk, duplicate_id=patient.pk)
    with pytest.raises(PatientErased):
        unmerge(actor=TESTER, merge_id=made.pk)
    with pytest.raises(PatientErased):
        record(actor=TESTER, patient_id=patient.pk, given={"email": True}, source="desk")
    body = {"patient_id": str(patient.pk), "slot_id": str(SlotFactory().pk)}
    answers = [
        api.post("/api/v1/book-appointment", body),
        api.patch(f"/api/v1/patients/{patient.pk}", {"first_name": "Ada"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "patient_erased")] * 2
    shown = api.get(f"/api/v1/patients/{patient.pk}").json()
    assert (shown["first_name"], shown["dob"], shown["erased_at"] is None) == ("", None, False)
    assert [row["id"] for row in api.get("/api/v1/patients").json()["results"]] == [str(other.pk)]


def test_a_visit_of_nobody_is_not_undone(settings):
    settings.RETENTION_MINIMUM_YEARS = 0
    visit = booked_before(SlotFactory(starts_at=timezone.now() - timedelta(minutes=40)), status="in_progress",
                          checked_in_at=timezone.now(), started_at=timezone.now())  # fmt: skip
    operations.complete(actor=TESTER, appointment_id=visit.pk)
    gone(visit.patient)
    with pytest.raises(PatientErased):
        operations.undo(actor=TESTER, appointment_id=visit.pk)


def test_mail_in_files_goes_too(patient, settings, tmp_path, django_capture_on_commit_callbacks):
    settings.EMAIL_FILE_PATH = tmp_path
    to = (WHO["email"], f"{SECRET.upper()}-old@mail.example", "somebody@mail.example")
    for number, address in enumerate(to):
        (tmp_path / f"{number}.log").write_text(f"Subject: x\nTo: Somebody <{address}>\n\nbody\n")
    with django_capture_on_commit_callbacks(execute=True):
        gone(patient)
    assert [path.name for path in tmp_path.iterdir()] == ["2.log"]


# --- by command and in the console -------------------------------------------------------------------------------


def test_the_command(patient, capsys):
    call_command("erase_patient", str(patient.pk), reason="request")
    call_command("erase_patient", str(patient.pk), reason="request")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Erased: 2 records, 2 appointments")
    assert second == "Had been erased before."
    with pytest.raises(CommandError, match="no patient with this id"):
        call_command("erase_patient", str(uuid.uuid4()), reason="request")
    assert AuditLog.objects.filter(action="patient.erased", status="success").first().user_id == "erase_patient"


def test_the_page_asks_for_a_reason_and_a_confirmation(patient, client):
    client.force_login(staff("Administrator"))
    page = reverse("admin:patient_erase", args=[patient.pk])
    text = client.get(page).content.decode()
    assert "what was written on 2 appointments" in text
    for sent in ({}, {"reason": "request"}, {"confirmed": "on"}, {"reason": "x", "confirmed": "on"}):
        assert client.post(page, sent).status_code == 200
    assert Patient.objects.get(pk=patient.pk).erased_at is None
    answer = client.post(page, {"reason": "request", "confirmed": "on"}, follow=True)
    text = answer.content.decode()
    assert "This record was erased on" in text
    assert SECRET not in text
    assert client.get(page).headers["Location"] == patient_url(patient.pk)
    change = reverse("admin:patients_patient_change", args=[patient.pk])
    assert client.get(change).headers["Location"] == patient_url(patient.pk)


def test_the_page_says_before_what_stands_in_the_way(patient, client):
    booked(patient=patient)
    client.force_login(staff("Administrator"))
    text = client.get(reverse("admin:patient_erase", args=[patient.pk])).content.decode()
    assert "There are appointments to come" in text
    assert "Erase for good" not in text


def test_lists_of_the_console_show_nobody_for_an_erased_record(patient, client):
    gone(patient)
    client.force_login(staff("Administrator"))
    appointments = client.get(reverse("admin:appointments_appointment_changelist"), {"day": "all"})
    assert "Erased patient" in appointments.content.decode()
    patients = client.get(reverse("admin:patients_patient_changelist"))
    assert [row.pk for row in patients.context["cl"].result_list] == []
    assert PatientConsent.objects.count() == 0
