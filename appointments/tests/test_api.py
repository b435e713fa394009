import pytest

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.testing.factories import PatientFactory, SlotFactory

pytestmark = pytest.mark.django_db


def test_book_and_read_and_move_and_cancel(api):
    patient, slot, other = PatientFactory(), SlotFactory(), SlotFactory()

    found = api.get("/api/v1/available-slots").json()["results"]
    assert [row["id"] for row in found] == [str(slot.pk), str(other.pk)]

    booked = api.post(
        "/api/v1/book-appointment", {"patient_id": str(patient.pk), "slot_id": str(slot.pk), "reason": " Ärger "}
    )
    assert booked.status_code == 201, booked.content
    body = booked.json()
    assert body["reason"] == " Ärger "
    assert booked["Location"].endswith(f"/api/v1/appointments/{body['id']}")

    detail = api.get(f"/api/v1/appointments/{body['id']}")
    assert detail.json() == body
    assert detail["ETag"] == booked["ETag"]

    moved = api.post("/api/v1/reschedule-appointment", {"appointment_id": body["id"], "slot_id": str(other.pk)})
    assert moved.status_code == 200, moved.content
    assert moved.json()["slot_id"] == str(other.pk)

    cancelled = api.post("/api/v1/cancel-appointment", {"appointment_id": body["id"], "reason": "ill"})
    assert cancelled.status_code == 200
    assert cancelled.json()["status"] == "cancelled"
    again = api.post("/api/v1/cancel-appointment", {"appointment_id": body["id"], "reason": "other"})
    assert again.status_code == 200
    assert again.json() == cancelled.json()

    assert Appointment.objects.count() == 1
    actions = list(AuditLog.objects.order_by("timestamp").values_list("action", "status"))
    assert actions == [
        ("appointment.booked", "success"),
        ("appointment.viewed", "success"),
        ("appointment.rescheduled", "success"),
        ("appointment.cancelled", "success"),
        ("appointment.viewed", "success"),  # the second call, which changed nothing, showed it
    ]
    assert len(api.get("/api/v1/available-slots").json()["results"]) == 2


def test_a_refused_booking_is_a_409_and_an_audit_row(api):
    slot = SlotFactory()
    for expected in (201, 409):
        answer = api.post("/api/v1/book-appointment", {"patient_id": str(PatientFactory().pk), "slot_id": str(slot.pk)})
        assert answer.status_code == expected, answer.content
    assert answer.json()["code"] == "slot_unavailable"
    assert answer["Content-Type"] == "application/problem+json"
    assert AuditLog.objects.filter(action="appointment.booked", status="failure").count() == 1
