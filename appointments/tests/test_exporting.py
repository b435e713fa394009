"""All that is kept on a patient, as one document: nothing is left out, and nobody else is in it."""

import json
import os
import stat
import uuid

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from appointments import operations
from appointments.exporting import export, referring_to, tables_of
from appointments.merging import merge, unmerge
from appointments.models import IdempotencyKey
from audit.models import AuditLog
from booking_site.core.errors import DomainError
from booking_site.core.signals import record_viewed
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory, booked, staff
from patients.consents import record
from patients.models import Patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient():
    """With a row in every table that can hold one."""
    patient = PatientFactory(last_name="Quillfeather", email="quill@mail.example", notes="Rings twice")
    twin = PatientFactory(last_name="Quilfeather")
    made = booked(patient=twin, reason="A cough")
    merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=twin.pk)
    operations.reschedule(actor=TESTER, appointment_id=made.pk, slot_id=SlotFactory().pk)
    IdempotencyKey.objects.create(client="x", key="k", fingerprint="f", appointment=made)
    record(actor=TESTER, patient_id=patient.pk, given={"email": True}, source="phone")
    record_viewed.send(sender=Patient, actor=TESTER, pk=patient.pk)
    return Patient.objects.get(pk=patient.pk)


def exported(patient) -> dict:
    return json.loads(export(actor=TESTER, patient_id=patient.pk))


def test_the_document_has_a_format_and_a_version(patient):
    document = exported(patient)
    assert (document["format"], document["version"]) == ("hospital-booking/patient", 1)
    shape = ["format", "version", "exported_at", "patient_id", "tables", "names", "mail", "audit_log"]
    assert list(document) == shape
    text = (settings.BASE_DIR / "docs" / "patient-export.md").read_text()
    assert [name for name in (*shape, *document["tables"]) if f"`{name}`" not in text] == []


def test_every_table_that_refers_to_a_patient_is_in_it(patient):
    """Found by walking all models, and by the names of columns: a new table cannot be forgotten."""
    tables = exported(patient)["tables"]
    reached, waiting = {Patient}, [Patient]
    while waiting:
        for other, _name in referring_to(waiting.pop()):
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    assert {model._meta.db_table for model in reached} == tables.keys()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND (column_name LIKE '%patient%' OR column_name IN ('survivor_id', 'duplicate_id', 'appointment_id'))"
        )
        named = {name for (name,) in cursor.fetchall()}
    named = {name for name in named if not name.startswith("audit_logs")}  # which have a part of their own
    # A limit is nobody's, and the doors by which an app of the patient gets in are not given out.
    assert named - tables.keys() == {"visit_types", "api_clients", "api_registrations"}
    assert all(tables.values())  # the fixture has a row in each, so that the next test means something


def test_every_column_but_those_of_the_search_is_in_it(patient):
    tables = exported(patient)["tables"]
    for model in apps.get_models():
        if model._meta.db_table in tables:
            columns = {field.attname for field in model._meta.concrete_fields if not field.generated}
            assert (model, tables[model._meta.db_table][0].keys()) == (model, columns)


def test_what_the_log_tells_is_in_it_and_so_are_looks_and_refusals(patient):
    with pytest.raises(DomainError):
        operations.book(actor=TESTER, patient_id=patient.pk, slot_id=uuid.uuid4())
    actions = {row["action"] for row in exported(patient)["audit_log"]}
    assert actions >= {
        "patient.viewed", "patient.merged", "patient.merged_into", "patient.consents_changed", "appointment.booked",
        "appointment.rescheduled",
    }  # fmt: skip
    refusals = [row for row in exported(patient)["audit_log"] if row["status"] == "failure"]
    assert [row["action"] for row in refusals] == ["appointment.booked"]


def test_nobody_else_is_in_it(patient):
    other = PatientFactory(first_name="Ottoline", last_name="Strangeways", notes="Not hers")
    booked(patient=other)
    undone = merge(actor=TESTER, survivor_id=patient.pk, duplicate_id=other.pk, choices={"notes": "both"})
    unmerge(actor=TESTER, merge_id=undone.pk)
    text = json.dumps(exported(patient))
    for trace in ("Ottoline", "Strangeways", "Not hers"):
        assert trace not in text
    assert "Rings twice" in text  # the control


def test_a_merged_record_gives_what_the_one_that_answers_for_it_does(patient):
    twin = Patient.objects.get(merged_into=patient)
    assert exported(twin)["patient_id"] == str(patient.pk)
    assert {row["id"] for row in exported(twin)["tables"]["patients"]} == {str(patient.pk), str(twin.pk)}


def test_mail_in_files_is_in_it(patient, settings, tmp_path):
    settings.EMAIL_FILE_PATH = tmp_path
    for number, address in enumerate(("QUILL@mail.example", "other@mail.example")):
        (tmp_path / f"{number}.log").write_text(f"Subject: Visit {number}\nTo: {address}\nDate: today\n\nbody\n")
    assert [mail["subject"] for mail in exported(patient)["mail"]] == ["Visit 0"]


def test_the_number_of_queries_does_not_grow_with_the_appointments(patient, django_assert_num_queries):
    for count in (1, 4):
        for _ in range(count):
            booked(patient=patient)
        with django_assert_num_queries(6):
            tables_of(patient)


def test_that_it_was_exported_is_in_the_log(patient):
    document = exported(patient)
    row = AuditLog.objects.get(action="patient.exported")
    assert (row.object_id, row.user_id) == (str(patient.pk), "tests")
    counts = {name: len(rows) for name, rows in document["tables"].items()}
    assert row.details["new"]["rows"] == counts | {"mail": 0, "audit_log": len(document["audit_log"])}


def test_the_command_writes_a_file_for_its_owner_only(patient, tmp_path, capsys):
    path = tmp_path / "out.json"
    usual = os.umask(0)
    try:
        call_command("export_patient", str(patient.pk), output=str(path))
    finally:
        os.umask(usual)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes())["patient_id"] == str(patient.pk)
    with pytest.raises(CommandError, match="File exists"):
        call_command("export_patient", str(patient.pk), output=str(path))
    with pytest.raises(CommandError, match="no patient with this id"):
        call_command("export_patient", str(uuid.uuid4()), output=str(tmp_path / "none.json"))
    assert not (tmp_path / "none.json").exists()


def test_the_console_gives_a_file_by_post_to_those_who_may(patient, client):
    page = reverse("admin:patient_export", args=[patient.pk])
    client.force_login(staff("Reception"))
    assert client.post(page).status_code == 403
    assert page not in client.get(reverse("admin:patient", args=[patient.pk])).content.decode()
    client.force_login(staff("Administrator"))
    assert page in client.get(reverse("admin:patient", args=[patient.pk])).content.decode()
    answer = client.post(page)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="patient-{patient.pk}.json"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert json.loads(answer.content)["patient_id"] == str(patient.pk)
    assert AuditLog.objects.get(action="patient.exported").user_name == "administrator"
