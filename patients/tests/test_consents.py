"""Consents: each change is kept with its moment, who wrote it down and how it was said, whatever wrote it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from appointments.merging import merge, unmerge
from audit.models import AuditLog
from booking_site.testing.factories import TESTER, PatientFactory, staff
from patients.consents import record
from patients.models import Patient, PatientConsent

pytestmark = pytest.mark.django_db
PATIENTS = "/api/v1/patients"
NEW = {"first_name": "Ada", "last_name": "Byron", "dob": "1980-02-29"}


def history(patient) -> list[tuple]:
    """Oldest first: channel, whether it was given, how, by whom."""
    rows = PatientConsent.objects.filter(patient=patient).order_by("id")
    return list(rows.values_list("channel", "is_given", "source", "recorded_by"))


def test_a_consent_has_a_moment_a_way_and_a_writer():
    patient = PatientFactory()
    before = timezone.now() - timedelta(minutes=5)
    record(actor=TESTER, patient_id=patient.pk, given={"email": True, "sms": False}, source="writing")
    record(actor=TESTER, patient_id=patient.pk, given={"email": True}, source="phone")  # nothing new
    record(actor=TESTER, patient_id=patient.pk, given={"email": False}, source="phone")
    by = "command:tests"
    assert history(patient) == [("email", True, "writing", by), ("email", False, "phone", by)]
    assert before < patient.consents.first().recorded_at <= timezone.now()
    assert Patient.objects.get(pk=patient.pk).remind_by_email is False


def test_each_change_is_in_the_audit_log_with_how_it_was_said():
    patient = PatientFactory()
    record(actor=TESTER, patient_id=patient.pk, given={"phone": True}, source="desk")
    row = AuditLog.objects.get(action="patient.consents_changed")
    assert (row.object_id, row.details) == (str(patient.pk), {"new": {"phone": True, "source": "desk"}})


def test_what_sql_and_bulk_writes_change_is_kept_too_and_not_given_to_anybody():
    patient = PatientFactory(remind_by_phone=True)
    Patient.objects.filter(pk=patient.pk).update(remind_by_phone=False, remind_by_sms=True)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE patients SET remind_by_email = true WHERE id = %s", [patient.pk])
    assert history(patient) == [
        ("phone", True, "unknown", ""), ("sms", True, "unknown", ""), ("phone", False, "unknown", ""),
        ("email", True, "unknown", ""),
    ]  # fmt: skip


def test_other_changes_leave_no_trace_in_it(django_assert_num_queries):
    patient = PatientFactory(remind_by_email=True)
    Patient.objects.filter(pk=patient.pk).update(phone="030 123456", remind_by_email=True)
    assert len(history(patient)) == 1


def test_only_what_changed_just_now_is_attributed():
    patient = PatientFactory()
    PatientConsent.objects.create(
        patient=patient, channel="sms", is_given=True, recorded_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    record(actor=TESTER, patient_id=patient.pk, given={"email": True}, source="desk")
    assert history(patient) == [("sms", True, "unknown", ""), ("email", True, "desk", "command:tests")]


def test_a_merge_that_takes_a_consent_over_says_so_and_so_does_its_undoing():
    survivor, duplicate = PatientFactory(), PatientFactory(remind_by_sms=True)
    made = merge(
        actor=TESTER, survivor_id=survivor.pk, duplicate_id=duplicate.pk, choices={"remind_by_sms": "duplicate"}
    )
    unmerge(actor=TESTER, merge_id=made.pk)
    assert history(survivor) == [("sms", True, "merge", "command:tests"), ("sms", False, "merge", "command:tests")]


def test_the_api_changes_consents_says_how_and_tells_the_history(api):
    made = api.post(PATIENTS, NEW | {"remind_by_email": True}).json()
    url = f"{PATIENTS}/{made['id']}"
    assert api.patch(url, {"remind_by_email": False, "consent_source": "phone"}).status_code == 200
    answer = api.get(f"{url}/consents")
    told = [(one["channel"], one["is_given"], one["source"], one["recorded_by"]) for one in answer.json()["results"]]
    by = "client:test client"
    assert told == [("email", False, "phone", by), ("email", True, "app", by)]
    assert "consent_source" not in api.get(url).json()
    assert api.get(f"{PATIENTS}/{PatientFactory.build().pk}/consents").json()["code"] == "not_found"
    assert AuditLog.objects.filter(action="patient.viewed", object_id=made["id"]).count() == 2


def test_consents_need_the_scope_of_patients(make_token):
    from booking_site.testing.fixtures import api_client

    patient = PatientFactory()
    answer = api_client(make_token("slots:read")).get(f"{PATIENTS}/{patient.pk}/consents")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_the_page_shows_and_changes_them(client):
    patient = PatientFactory(remind_by_sms=True)
    client.force_login(staff("Reception"))
    page = reverse("admin:patient_consents", args=[patient.pk])
    assert page in client.get(reverse("admin:patient", args=[patient.pk])).content.decode()
    text = client.get(page).content.decode()
    assert "SMS: <b>given</b>, not recorded" in text
    assert client.post(page, {"email": "on"}).context["errors"].keys() == {"source"}
    stale = client.post(page, {"email": "on", "source": "phone", "version": "0"})
    assert "Somebody else has changed this" in stale.content.decode()
    answer = client.post(page, {"email": "on", "source": "phone"})
    assert answer.headers["Location"] == reverse("admin:patient", args=[patient.pk])
    by = "user:reception"
    assert history(patient)[1:] == [("email", True, "phone", by), ("sms", False, "phone", by)]


def test_the_form_registers_consents_at_the_desk_and_then_leaves_them_to_their_page(client):
    client.force_login(staff("Reception"))
    client.post(reverse("admin:patients_patient_add"), NEW | {"is_active": "on", "remind_by_phone": "on"})
    patient = Patient.objects.get()
    assert history(patient) == [("phone", True, "desk", "user:reception")]
    change = reverse("admin:patients_patient_change", args=[patient.pk])
    assert "remind_by" not in client.get(change).content.decode()
    client.post(change, NEW | {"last_name": "Lovelace", "is_active": "on"})
    patient.refresh_from_db()
    assert (patient.last_name, patient.remind_by_phone) == ("Lovelace", True)


def test_an_import_says_that_the_file_has_said_so(tmp_path):
    from django.core.management import call_command

    profile = tmp_path / "p.toml"
    profile.write_text(
        '[patients.fields]\nmrn = "mrn"\nlast_name = "name"\n'
        'remind_by_email = { column = "mail", values = { yes = true, no = false } }\n'
    )
    file = tmp_path / "p.csv"
    file.write_text("mrn,name,mail\nM-1,Byron,yes\nM-2,Lovelace,no\n")
    call_command("import_csv", "patients", str(file), profile=str(profile))
    assert [row[:3] for row in history(Patient.objects.get(mrn="M-1"))] == [("email", True, "file")]
    assert history(Patient.objects.get(mrn="M-2")) == []
