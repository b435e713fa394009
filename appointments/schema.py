"""The calls about appointments, as the OpenAPI document shows them."""

from appointments.serializers import AppointmentSerializer, BookRequest, CancelRequest, RescheduleRequest, StepRequest
from booking_site.api.problems import (
    BAD_IDEMPOTENCY_KEY,
    BAD_IF_MATCH,
    BUSY,
    FIELD_NOT_ALLOWED,
    KEY_REUSED,
    NOT_FOUND,
    PATIENT_NOT_FOUND,
    STALE,
    Refusal,
)
from booking_site.api.schema import Call
from scheduling.schema import HOLD_EXPIRED, HOLD_TOKEN, SLOT, SLOT_NOT_FOUND, SLOT_UNAVAILABLE

PATIENT_ID = "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"
OTHER_SLOT_ID = "0198c5f2-1c44-7e05-b1d2-90a7c3e8f616"
APPOINTMENT = {
    "id": "0198c5f3-02b7-7a90-a8e4-6f1d5c3b2a19",
    "patient_id": PATIENT_ID,
    "doctor_id": SLOT["doctor_id"],
    "doctor_name": SLOT["doctor_name"],
    "department": SLOT["department"],
    "department_id": SLOT["department_id"],
    "slot_id": SLOT["id"],
    "status": "booked",
    "reason": "Palpitations, since Monday",
    "date": SLOT["date"],
    "time": SLOT["time"],
    "time_zone": SLOT["time_zone"],
    "starts_at": SLOT["starts_at"],
    "ends_at": SLOT["ends_at"],
    "requested_datetime": "2030-05-14T09:00:00+02:00",
    "visit_type": "consultation",
    "source": "api",
    "booked_by": "client:patient portal",
    "cancellation_code": "",
    "cancellation_reason": "",
    "is_urgent": False,
    "needs_new_time_since": None,
    "needs_new_time_because": "",
    "booked_at": "2030-05-02T09:44:51.120377+02:00",
    "checked_in_at": None,
    "started_at": None,
    "completed_at": None,
    "cancelled_at": None,
    "no_show_at": None,
    "created_at": "2030-05-02T07:44:51.120377Z",
    "updated_at": "2030-05-02T07:44:51.120377Z",
}
CANCELLED = APPOINTMENT | {
    "id": "0198c5f3-02b7-7a90-a8e4-6f1d5c3b2a20",
    "status": "cancelled",
    "cancelled_at": "2030-05-09T18:02:33.907112+02:00",
    "cancellation_code": "patient",
    "cancellation_reason": "The patient is away that week",
    "updated_at": "2030-05-09T16:02:33.907112Z",
}
MOVED = APPOINTMENT | {
    "slot_id": OTHER_SLOT_ID,
    "time": "10:00:00",
    "starts_at": "2030-05-14T10:00:00+02:00",
    "ends_at": "2030-05-14T10:30:00+02:00",
    "updated_at": "2030-05-03T11:20:05.443021Z",
}
CHECKED_IN = APPOINTMENT | {
    "status": "checked_in",
    "checked_in_at": "2030-05-14T09:02:11.640913+02:00",
    "updated_at": "2030-05-14T07:02:11.640913Z",
}
STARTED = CHECKED_IN | {
    "status": "in_progress",
    "started_at": "2030-05-14T09:17:45.081526+02:00",
    "updated_at": "2030-05-14T07:17:45.081526Z",
}
COMPLETED = STARTED | {
    "status": "completed",
    "completed_at": "2030-05-14T09:41:30.225104+02:00",
    "updated_at": "2030-05-14T07:41:30.225104Z",
}
NO_SHOW = APPOINTMENT | {
    "status": "no_show",
    "no_show_at": "2030-05-14T10:30:00.118402+02:00",
    "updated_at": "2030-05-14T08:30:00.118402Z",
}
DOCTOR_MISMATCH = Refusal(400, "doctor_mismatch", "The slot belongs to another doctor.", field="doctor_id")
APPOINTMENT_NOT_FOUND = Refusal(404, "appointment_not_found", "There is no appointment with this id.")
PATIENT_ERASED = Refusal(409, "patient_erased", f"The record {PATIENT_ID} has been erased. Register the person anew.")
PATIENT_INACTIVE = Refusal(409, "patient_inactive", "This patient's record is closed. Reactivate it before booking.")
DOUBLE_BOOKED = Refusal(
    409,
    "patient_double_booked",
    "The patient already has an appointment then: 2030-05-14 09:15, Dr. Amara Okafor. Move or cancel that one, or "
    "choose another time.",
)
PATIENT_LIMIT = Refusal(
    409,
    "patient_limit_reached",
    "The patient has as many visits of the type Stress test ahead as there may be (1). Move or cancel one of them "
    "instead.",
)
INVALID_TRANSITION = Refusal(409, "invalid_transition", "An appointment that is completed cannot become cancelled.")
CHANGING = (BAD_IDEMPOTENCY_KEY, BAD_IF_MATCH, APPOINTMENT_NOT_FOUND, INVALID_TRANSITION, BUSY, STALE, KEY_REUSED)


def step(id: str, summary: str, description: str, answer: dict, *more: Refusal) -> Call:
    """A step at the front desk: a POST without a body."""
    return Call(
        id=id,
        summary=summary,
        description=description,
        request=StepRequest,
        body={},
        response=AppointmentSerializer,
        answer=answer,
        takes=("IdempotencyKey", "IfMatch"),
        gives=("ETag",),
        refusals=(*CHANGING, *more),
    )


CALLS = {
    "list": Call(
        id="listAppointments",
        summary="Appointments, by their time",
        response=AppointmentSerializer,
        answer=APPOINTMENT,
        many=True,
    ),
    "retrieve": Call(
        id="getAppointment",
        summary="One appointment",
        response=AppointmentSerializer,
        answer=APPOINTMENT,
        takes=("IfNoneMatch",),
        gives=("ETag",),
        refusals=(NOT_FOUND,),
    ),
    "book": Call(
        id="bookAppointment",
        summary="Book a patient into a free seat",
        description="Two patients never share a seat: of all who ask for it at once one gets a 201, the others a 409. "
        "The id of a patient's record that has been merged books for the one it was merged into.",
        request=BookRequest,
        body={
            "patient_id": PATIENT_ID,
            "slot_id": SLOT["id"],
            "reason": "Palpitations, since Monday",
            "doctor_id": SLOT["doctor_id"],
            "requested_datetime": "2030-05-14T09:00:00+02:00",
            "hold_token": HOLD_TOKEN,
            "is_urgent": False,
        },
        status=201,
        response=AppointmentSerializer,
        answer=APPOINTMENT,
        takes=("IdempotencyKey",),
        gives=("Location", "ETag"),
        refusals=(
            *(BAD_IDEMPOTENCY_KEY, DOCTOR_MISMATCH, PATIENT_NOT_FOUND, SLOT_NOT_FOUND, *SLOT_UNAVAILABLE, HOLD_EXPIRED),
            *(DOUBLE_BOOKED, PATIENT_LIMIT, PATIENT_INACTIVE, PATIENT_ERASED, BUSY, KEY_REUSED, FIELD_NOT_ALLOWED),
        ),
    ),
    "cancel": Call(
        id="cancelAppointment",
        summary="Cancel an appointment and free its seat",
        description="Cancelling twice is harmless and keeps the first reason.",
        request=CancelRequest,
        body={
            "appointment_id": CANCELLED["id"],
            "reason": "The patient is away that week",
            "cancellation_code": "patient",
        },
        response=AppointmentSerializer,
        answer=CANCELLED,
        takes=("IdempotencyKey", "IfMatch"),
        gives=("ETag",),
        refusals=CHANGING,
    ),
    "reschedule": Call(
        id="rescheduleAppointment",
        summary="Move an appointment to another seat",
        description="The same appointment at a new time, the old seat freed: all or nothing.",
        request=RescheduleRequest,
        body={"appointment_id": APPOINTMENT["id"], "slot_id": OTHER_SLOT_ID, "reason": "Has to work that morning"},
        response=AppointmentSerializer,
        answer=MOVED,
        takes=("IdempotencyKey", "IfMatch"),
        gives=("ETag",),
        refusals=(
            *CHANGING,
            SLOT_NOT_FOUND,
            *SLOT_UNAVAILABLE,
            HOLD_EXPIRED,
            DOUBLE_BOOKED,
            PATIENT_LIMIT,
            PATIENT_INACTIVE,
        ),
    ),
    "check_in": step("checkIn", "The patient is here", "From `booked` to `checked_in`.", CHECKED_IN),
    "start": step("startVisit", "The patient is with the doctor", "From `checked_in` to `in_progress`.", STARTED),
    "complete": step("completeVisit", "The visit is over", "From `in_progress` to `completed`.", COMPLETED),
    "no_show": step(
        "markNoShow", "The patient has not come", "From `booked` to `no_show`. The seat is free again.", NO_SHOW
    ),
    "undo": step(
        "undoStep",
        "Take the last step back",
        "On the day, at the site, that it was done. An appointment that gave up its seat needs it to be still free. "
        "To undo a cancellation, which is to book again, needs the scope `appointments:write` as well.",
        APPOINTMENT,
        *SLOT_UNAVAILABLE,
        DOUBLE_BOOKED,
        PATIENT_LIMIT,
        PATIENT_INACTIVE,
    ),
}
