import pytest

from audit.models import AuditLog
from booking_site.core.operations import save_record
from booking_site.testing.factories import TESTER, PatientFactory
from patients.models import Patient

pytestmark = pytest.mark.django_db


def test_register_and_change_a_patient(api):
    sent = {"first_name": " Þóra ", "last_name": "O'Hara 张", "dob": "1990-02-03", "phone": "+49 30 123456"}
    made = api.post("/api/v1/patients", sent)
    assert made.status_code == 201, made.content
    body = made.json()
    assert {name: body[name] for name in sent} == sent
    assert made["Location"].endswith(f"/api/v1/patients/{body['id']}")

    changed = api.patch(f"/api/v1/patients/{body['id']}", {"phone": ""}, HTTP_IF_MATCH=made["ETag"])
    assert changed.status_code == 200, changed.content
    assert changed.json()["phone"] == ""
    stale = api.patch(f"/api/v1/patients/{body['id']}", {"phone": "123456"}, HTTP_IF_MATCH=made["ETag"])
    assert stale.status_code == 412
    said = "It has changed since you read it. Read it again, then repeat your change."
    assert (stale.json()["code"], stale.json()["detail"]) == ("stale", said)

    rows = AuditLog.objects.filter(object_id=body["id"]).order_by("timestamp")
    assert [row.action for row in rows] == ["patient.created", "patient.updated"]
    assert rows[1].details == {"old": {"phone": "+***56"}, "new": {"phone": ""}}


def test_a_stale_copy_writes_its_own_fields_only():
    patient = PatientFactory(first_name="Old", last_name="Old")
    stale = Patient.objects.get(pk=patient.pk)
    patient.last_name = "New"
    save_record(actor=TESTER, instance=patient, fields=["last_name"])
    stale.first_name = "New"
    save_record(actor=TESTER, instance=stale, fields=["first_name"])
    patient.refresh_from_db()
    assert (patient.first_name, patient.last_name) == ("New", "New")


def test_every_fault_of_a_body_is_told_at_once(api):
    answer = api.post("/api/v1/patients", {"first_name": "A", "last_name": 7, "nickname": "B"})
    assert answer.status_code == 400
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == {
        ("last_name", "invalid"),
        ("dob", "required"),
        ("nickname", "unknown_field"),
    }
