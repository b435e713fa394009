"""The only writers of an appointment. Admin, API and commands all call these.

Each is one transaction (see ``core.operations.operation``): claim what is scarce first, then write, then send the
domain signal. The constraints named in ``models`` are the guarantee; what is checked here makes the message good.
Locks are taken in one order everywhere: appointment, patient, slots by key.
"""

import uuid
from datetime import datetime
from typing import Any, NoReturn

from django.db import connection
from django.utils import timezone

from appointments import signals
from appointments.exceptions import (
    AppointmentNotFound,
    DoctorMismatch,
    InvalidTransition,
    PatientDoubleBooked,
    PatientInactive,
    PatientLimitReached,
    PatientNotFound,
)
from appointments.idempotency import Idempotency, earlier_answer, remember
from appointments.models import LIVE, MOVES, Appointment, Status
from booking_site.core.actor import Actor
from booking_site.core.ids import uuid7
from booking_site.core.operations import check_version, operation
from patients.models import Patient
from scheduling.availability import CLAIMABLE_SQL
from scheduling.models import AvailableSlot, VisitType
from scheduling.operations import check_day_limit, digest, refuse

NEW_TIME = ("needs_new_time_since", "needs_new_time_because")
OF_SLOT = ("doctor_id", "department_id", "date", "time", "starts_at", "ends_at", "visit_type")  # columns of both

LIMITED = """
SELECT limit_per_doctor_day IS NOT NULL OR limit_per_patient IS NOT NULL
FROM visit_types WHERE code = appointments.visit_type
"""

# Take the seat, if it is still to be had: for booking and for moving alike.
CLAIM = f"""
UPDATE available_slots
SET status = 'booked', held_until = NULL, held_by = '', hold_digest = '', updated_at = clock_timestamp()
WHERE id = %(slot_id)s AND {CLAIMABLE_SQL}
RETURNING *
"""

# Claim the seat and write the appointment in one statement. Three outcomes: a row; no row because the seat could not
# be claimed or the patient may not book; no row because a constraint stood in the way (DO NOTHING waits for rivals
# without deadlocking, where a plain INSERT would). No row means roll back, then ask why.
BOOK = f"""
WITH claimed AS ({CLAIM})
INSERT INTO appointments (
    id, patient_id, doctor_id, department_id, slot_id, reason, status, requested_datetime, date, time, starts_at,
    ends_at, visit_type, source, booked_by, is_urgent, cancellation_reason, booked_at, created_at,
    updated_at
)
SELECT %(id)s, patients.id, claimed.doctor_id, department_id, claimed.id, %(reason)s, 'booked',
    %(requested)s::timestamptz, date, time, starts_at, ends_at, visit_type, %(source)s, %(booked_by)s, %(is_urgent)s,
    '', now(), now(), clock_timestamp()
FROM claimed, patients
WHERE patients.id = %(patient_id)s AND patients.is_active
    AND (%(doctor_id)s::text IS NULL OR claimed.doctor_id = %(doctor_id)s)
ON CONFLICT DO NOTHING
RETURNING *, ({LIMITED}) AS is_limited
"""

# The same for an appointment that is there, locked, and moves. No row means the same.
MOVE = f"""
WITH claimed AS ({CLAIM})
UPDATE appointments
SET slot_id = claimed.id, {", ".join(f"{name} = claimed.{name}" for name in OF_SLOT)},
    needs_new_time_since = NULL, needs_new_time_because = '', updated_at = clock_timestamp()
FROM claimed
WHERE appointments.id = %(id)s AND NOT EXISTS (
    SELECT FROM appointments AS other
    WHERE other.patient_id = appointments.patient_id AND other.id <> appointments.id AND other.status = ANY(%(live)s)
        AND other.starts_at < claimed.ends_at AND other.ends_at > claimed.starts_at
)
RETURNING appointments.*, ({LIMITED}) AS is_limited
"""
# Advisory, until the end of the transaction: of a patient's visits of one type.
LOCK_PATIENT = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'patient', %s::text, %s::text), 0))"


@operation("appointment.booked")
def book(
    *,
    actor: Actor,
    patient_id: uuid.UUID,
    slot_id: uuid.UUID,
    reason: str = "",
    doctor_id: str | None = None,
    requested_datetime: datetime | None = None,
    hold_token: str = "",
    is_urgent: bool = False,
    source: str = "api",
    idempotency: Idempotency | None = None,
) -> Appointment:
    """Book a patient into a seat. ``doctor_id``, when given, must be the slot's. Returns the appointment.

    Raises SlotNotFound, PatientNotFound, DoctorMismatch, PatientInactive, SlotUnavailable, HoldExpired,
    PatientDoubleBooked, PatientLimitReached, KeyReused.
    """
    if (made := earlier_answer(idempotency)) is not None:
        return Appointment.objects.get(pk=made)
    parameters = {
        "id": uuid7(),
        "patient_id": patient_id,
        "slot_id": slot_id,
        "doctor_id": doctor_id,
        "reason": reason,
        "requested": requested_datetime,
        "source": source,
        "booked_by": str(actor),
        "is_urgent": is_urgent,
        "hold_digest": digest(hold_token),
        "is_staff": actor.is_staff,
    }
    appointment: Any = next(iter(Appointment.objects.raw(BOOK, parameters)), None)
    if appointment is None:
        _explain_booking(patient_id, slot_id, doctor_id, hold_token, is_staff=actor.is_staff)
    if appointment.is_limited:
        _check_limits(appointment)
    remember(idempotency, appointment.pk)
    signals.appointment_booked.send(sender=book, actor=actor, appointment=appointment)
    return appointment


@operation("appointment.cancelled")
def cancel(
    *,
    actor: Actor,
    appointment_id: uuid.UUID,
    reason: str = "",
    expected_versions: frozenset[str] | None = None,
    idempotency: Idempotency | None = None,
) -> Appointment:
    """Cancel an appointment and free its seat. Cancelling twice is harmless and keeps the first reason.

    Raises AppointmentNotFound, InvalidTransition, PreconditionFailed, KeyReused.
    """
    if (made := earlier_answer(idempotency)) is not None:
        return Appointment.objects.get(pk=made)
    appointment = _locked(appointment_id)
    remember(idempotency, appointment.pk)
    if appointment.status == Status.CANCELLED:
        return appointment
    check_version(appointment, expected_versions)
    _check_move(appointment, Status.CANCELLED)
    old = {"status": appointment.status}
    appointment.status = Status.CANCELLED
    appointment.cancelled_at = timezone.now()
    appointment.cancellation_reason = reason
    appointment.needs_new_time_since, appointment.needs_new_time_because = None, ""
    appointment.save(update_fields=["status", "cancelled_at", "cancellation_reason", *NEW_TIME, "updated_at"])
    _free(appointment.slot_id)
    signals.appointment_cancelled.send(sender=cancel, actor=actor, appointment=appointment, old=old)
    return appointment


@operation("appointment.rescheduled")
def reschedule(
    *,
    actor: Actor,
    appointment_id: uuid.UUID,
    slot_id: uuid.UUID,
    reason: str = "",
    hold_token: str = "",
    expected_versions: frozenset[str] | None = None,
    idempotency: Idempotency | None = None,
) -> Appointment:
    """Move an appointment to another seat: the same id, the old seat freed, all or nothing.

    Moving to the seat it already has is harmless. Raises AppointmentNotFound, SlotNotFound, InvalidTransition,
    PatientInactive, SlotUnavailable, HoldExpired, PatientDoubleBooked, PatientLimitReached, PreconditionFailed,
    KeyReused.
    """
    if (made := earlier_answer(idempotency)) is not None:
        return Appointment.objects.get(pk=made)
    appointment = _locked(appointment_id)
    remember(idempotency, appointment.pk)
    check_version(appointment, expected_versions)
    if appointment.status != Status.BOOKED:
        raise InvalidTransition(status=appointment.get_status_display(), target="booked for another time")
    if appointment.slot_id == slot_id:
        return appointment
    # Two moves of one patient could each wait for the other's new times: one after the other, then.
    patient = Patient.objects.select_for_update(no_key=True).get(pk=appointment.patient_id)
    if not patient.is_active:
        raise PatientInactive
    slots = AvailableSlot.objects.select_for_update(no_key=True).filter(pk__in=[appointment.slot_id, slot_id])
    list(slots.order_by("pk").values_list("pk"))
    parameters = {
        "id": appointment.pk,
        "slot_id": slot_id,
        "live": list(LIVE),
        "hold_digest": digest(hold_token),
        "is_staff": actor.is_staff,
    }
    moved: Any = next(iter(Appointment.objects.raw(MOVE, parameters)), None)
    if moved is None:
        _explain_move(appointment, slot_id, hold_token, is_staff=actor.is_staff)
    _free(appointment.slot_id)
    if moved.is_limited:
        _check_limits(moved)
    changed = ("slot_id", *OF_SLOT, *(NEW_TIME if appointment.needs_new_time_since is not None else ()))
    old = {name: getattr(appointment, name) for name in changed}
    signals.appointment_rescheduled.send(sender=reschedule, actor=actor, appointment=moved, old=old, reason=reason)
    return moved


@operation("appointment.urgency_changed")
def set_urgent(
    *,
    actor: Actor,
    appointment_id: uuid.UUID,
    is_urgent: bool,
    expected_versions: frozenset[str] | None = None,
) -> Appointment:
    """Say that a booked appointment is urgent, or no longer: the first in line when new times are given.

    Saying it twice is harmless. Raises AppointmentNotFound, InvalidTransition, PreconditionFailed.
    """
    appointment = _locked(appointment_id)
    if appointment.is_urgent == is_urgent:
        return appointment
    check_version(appointment, expected_versions)
    if appointment.status != Status.BOOKED:
        raise InvalidTransition(status=appointment.get_status_display(), target="more or less urgent")
    old = {"is_urgent": appointment.is_urgent}
    appointment.is_urgent = is_urgent
    appointment.save(update_fields=["is_urgent", "updated_at"])
    signals.appointment_urgency_changed.send(sender=set_urgent, actor=actor, appointment=appointment, old=old)
    return appointment


def _locked(appointment_id: uuid.UUID) -> Appointment:
    appointment = Appointment.objects.select_for_update(no_key=True).filter(pk=appointment_id).first()
    if appointment is None:
        raise AppointmentNotFound
    return appointment


def _check_move(appointment: Appointment, target: Status) -> None:
    if target not in MOVES[appointment.status]:
        raise InvalidTransition(status=appointment.get_status_display(), target=str(target.label))


def _free(slot_id: uuid.UUID | None) -> None:
    """Give a booked seat back; one that is retiring is offered no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE available_slots SET status = CASE WHEN retiring THEN 'withdrawn' ELSE 'available' END, "
            "retiring = FALSE, updated_at = clock_timestamp() WHERE id = %s AND status = 'booked'",
            [slot_id],
        )


def _check_limits(appointment: Appointment) -> None:
    """After a booking: refuse it when it was one too many of its type, on the doctor's day or of the patient.

    Two at once may each have seen room for one more; each lock lets the second count the first.
    """
    kind = VisitType.objects.get(pk=appointment.visit_type)
    if kind.limit_per_doctor_day is not None and appointment.slot_id is not None:
        check_day_limit(appointment.slot_id)
    if kind.limit_per_patient is not None:
        with connection.cursor() as cursor:
            cursor.execute(LOCK_PATIENT, [appointment.patient_id, kind.pk])
        ahead = Appointment.objects.filter(
            patient_id=appointment.patient_id, status=Status.BOOKED, visit_type=kind.pk, starts_at__gt=timezone.now()
        )
        if ahead.count() > kind.limit_per_patient:
            raise PatientLimitReached(kind.name, kind.limit_per_patient)


def _explain_booking(
    patient_id: uuid.UUID, slot_id: uuid.UUID, doctor_id: str | None, hold_token: str, *, is_staff: bool
) -> NoReturn:
    patient = Patient.objects.filter(pk=patient_id).first()
    if patient is None:
        raise PatientNotFound
    slot: Any = AvailableSlot.objects.filter(pk=slot_id).first()
    if slot is not None and doctor_id is not None and slot.doctor_id != doctor_id:
        raise DoctorMismatch
    if not patient.is_active:
        raise PatientInactive
    if slot is not None:
        # The statement may have claimed the seat before it met the patient's other appointment: look at that first.
        _refuse_overlap(patient_id, slot)
    refuse(slot_id, hold_token, is_staff=is_staff)


def _explain_move(appointment: Appointment, slot_id: uuid.UUID, hold_token: str, *, is_staff: bool) -> NoReturn:
    if (slot := AvailableSlot.objects.filter(pk=slot_id).first()) is not None:
        _refuse_overlap(appointment.patient_id, slot, but=appointment.pk)
    refuse(slot_id, hold_token, is_staff=is_staff)


def _refuse_overlap(patient_id: uuid.UUID, slot: AvailableSlot, but: uuid.UUID | None = None) -> None:
    others = Appointment.objects.select_related("doctor").filter(
        patient_id=patient_id, status__in=LIVE, starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at
    )
    if but is not None:
        others = others.exclude(pk=but)
    if (other := others.first()) is not None:
        raise PatientDoubleBooked(
            f"The patient already has an appointment then: {other.date} {other.time:%H:%M}, {other.doctor.name}. "
            "Move or cancel that one, or choose another time."
        )
