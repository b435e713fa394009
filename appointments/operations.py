"""The only writers of an appointment. Admin, API and commands all call these.

Each is one transaction (see ``core.operations.operation``): claim what is scarce first, then write, then send the
domain signal. The constraints named in ``models`` are the guarantee; what is checked here makes the message good.
Locks are taken in one order everywhere: appointment, patient, slots by key. What is out of the actor's reach is not
there, and is neither locked nor waited for.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments import signals
from appointments.exceptions import (
    AppointmentNotFound,
    InvalidTransition,
    NothingToUndo,
    PatientInactive,
    PatientNotFound,
)
from appointments.idempotency import Idempotency, earlier_answer, remember
from appointments.models import BEFORE, BESIDE, LIVE, MOMENTS, MOVES, SEATLESS, Appointment, Status
from appointments.refusals import check_limits, explain_booking, explain_move, refuse_overlap
from booking_site.core.actor import Actor
from booking_site.core.ids import uuid7
from booking_site.core.operations import check_version, operation
from booking_site.core.reach import EVERYTHING, Reach
from booking_site.core.sql import Select, SqlCondition, planned
from patients.exceptions import PatientErased
from patients.models import Patient, answering
from scheduling.availability import CLAIMABLE_SQL
from scheduling.exceptions import SlotNotFound, SlotUnavailable
from scheduling.models import AvailableSlot
from scheduling.operations import check_reach, digest

NEW_TIME = ("needs_new_time_since", "needs_new_time_because")
CANCELLATION = ("cancellation_code", "cancellation_reason")
OF_SLOT = ("doctor_id", "department_id", "date", "time", "starts_at", "ends_at", "visit_type")  # columns of both

FIELDS = Appointment._meta.concrete_fields
NAMES = (*(field.attname for field in FIELDS), *BESIDE)
COLUMNS = ", ".join(f"appointments.{field.column}" for field in FIELDS)
COLUMNS += "".join(f", ({text.sql})" for text in BESIDE.values())
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
# A record that has been merged books for the one it was merged into. The lock is the one that the foreign key takes at
# the end anyway: taken here, a merge at the same moment waits for the booking, or the booking for the merge.
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
WHERE patients.id = (SELECT coalesce(merged_into_id, id) FROM patients WHERE id = %(patient_id)s)
    AND patients.is_active AND (%(doctor_id)s::text IS NULL OR claimed.doctor_id = %(doctor_id)s)
FOR KEY SHARE OF patients
ON CONFLICT DO NOTHING
RETURNING {COLUMNS}, ({LIMITED})
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
RETURNING {COLUMNS}, ({LIMITED})
"""
FREE = """
UPDATE available_slots
SET status = CASE WHEN retiring THEN 'withdrawn' ELSE 'available' END, retiring = FALSE, updated_at = clock_timestamp()
WHERE id = %s AND status = 'booked'
"""
# Give back the seat of a visit that is undone, unless somebody else has it by now.
SEAT_AGAIN = """
UPDATE available_slots
SET status = 'booked', held_until = NULL, held_by = '', hold_digest = '', updated_at = clock_timestamp()
WHERE id = %s AND (status = 'available' OR (status = 'held' AND held_until <= statement_timestamp()))
"""


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

    The id of a record that has been merged into another one books for that one.

    Raises SlotNotFound, PatientNotFound, DoctorMismatch, PatientErased, PatientInactive, SlotUnavailable, HoldExpired,
    PatientDoubleBooked, PatientLimitReached, KeyReused.
    """
    _check_patient(actor, patient_id)
    check_reach(actor, slot_id)
    if (made := earlier_answer(idempotency)) is not None:
        return _reached(actor, made)
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
    appointment, is_limited = _written(BOOK, parameters)
    if appointment is None:
        explain_booking(actor, patient_id, slot_id, doctor_id, hold_token)
    if not actor.reach.allows(department_id=appointment.department_id, doctor_id=appointment.doctor_id):
        raise SlotNotFound  # it has gone to another department since
    if is_limited:
        check_limits(appointment)
    remember(idempotency, appointment.pk)
    signals.appointment_booked.send(sender=book, actor=actor, appointment=appointment)
    return appointment


@operation("appointment.cancelled")
def cancel(
    *,
    actor: Actor,
    appointment_id: uuid.UUID,
    reason: str = "",
    cancellation_code: str = "",
    expected_versions: frozenset[str] | None = None,
    idempotency: Idempotency | None = None,
) -> Appointment:
    """Cancel an appointment and free its seat. Cancelling twice is harmless and keeps the first reason.

    ``cancellation_code`` is one of ``CancellationCode``, or empty where nobody says.

    Raises AppointmentNotFound, InvalidTransition, PreconditionFailed, KeyReused.
    """
    if (made := earlier_answer(idempotency)) is not None:
        return _reached(actor, made)
    appointment = _locked(actor, appointment_id)
    remember(idempotency, appointment.pk)
    if appointment.status == Status.CANCELLED:
        return appointment
    check_version(appointment, expected_versions)
    old = _to(appointment, Status.CANCELLED, cancellation_code=cancellation_code, cancellation_reason=reason)
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
        return _reached(actor, made)
    appointment = _locked(actor, appointment_id)
    remember(idempotency, appointment.pk)
    check_version(appointment, expected_versions)
    if appointment.status != Status.BOOKED:
        raise InvalidTransition(status=appointment.get_status_display(), target=_("booked for another time"))
    if appointment.slot_id == slot_id:
        return appointment
    # Two moves of one patient could each wait for the other's new times: one after the other, then.
    patient = Patient.objects.select_for_update(no_key=True).get(pk=appointment.patient_id)
    if not patient.is_active:
        raise PatientInactive
    check_reach(actor, slot_id)
    slots = AvailableSlot.objects.select_for_update(no_key=True).filter(pk__in=[appointment.slot_id, slot_id])
    list(slots.order_by("pk").values_list("pk"))
    parameters = {
        "id": appointment.pk,
        "slot_id": slot_id,
        "live": list(LIVE),
        "hold_digest": digest(hold_token),
        "is_staff": actor.is_staff,
    }
    moved, is_limited = _written(MOVE, parameters)
    if moved is None:
        explain_move(actor, appointment, slot_id, hold_token)
    _free(appointment.slot_id)
    if is_limited:
        check_limits(moved)
    changed = ("slot_id", *OF_SLOT, *(NEW_TIME if appointment.needs_new_time_since is not None else ()))
    old = {name: getattr(appointment, name) for name in changed}
    signals.appointment_rescheduled.send(sender=reschedule, actor=actor, appointment=moved, old=old, reason=reason)
    return moved


@operation("appointment.checked_in")
def check_in(*, actor: Actor, appointment_id: uuid.UUID, **kwargs: Any) -> Appointment:
    """The patient is here. ``expected_versions``, ``idempotency``: as of ``cancel``.

    Raises AppointmentNotFound, InvalidTransition, PreconditionFailed, KeyReused; so do the next three.
    """
    return _step(actor, appointment_id, Status.CHECKED_IN, "appointment.checked_in", **kwargs)


@operation("appointment.started")
def start(*, actor: Actor, appointment_id: uuid.UUID, **kwargs: Any) -> Appointment:
    """The patient is with the doctor."""
    return _step(actor, appointment_id, Status.IN_PROGRESS, "appointment.started", **kwargs)


@operation("appointment.completed")
def complete(*, actor: Actor, appointment_id: uuid.UUID, **kwargs: Any) -> Appointment:
    """The visit is over. It keeps its seat."""
    return _step(actor, appointment_id, Status.COMPLETED, "appointment.completed", **kwargs)


@operation("appointment.no_show")
def mark_no_show(*, actor: Actor, appointment_id: uuid.UUID, **kwargs: Any) -> Appointment:
    """The patient has not come. The seat is free again."""
    return _step(actor, appointment_id, Status.NO_SHOW, "appointment.no_show", **kwargs)


@operation("appointment.undone")
def undo(
    *,
    actor: Actor,
    appointment_id: uuid.UUID,
    expected_versions: frozenset[str] | None = None,
    idempotency: Idempotency | None = None,
) -> Appointment:
    """Take the last step back, on the day (of the site) that it was done. What had given up its seat needs it again.

    Raises AppointmentNotFound, NothingToUndo (an InvalidTransition), PatientErased, PatientInactive,
    SlotUnavailable, PatientDoubleBooked, PatientLimitReached, PreconditionFailed, KeyReused.
    """
    if (made := earlier_answer(idempotency)) is not None:
        return _reached(actor, made)
    appointment = _locked(actor, appointment_id)
    remember(idempotency, appointment.pk)
    check_version(appointment, expected_versions)
    if (refusal := why_not_undone(appointment)) is not None:
        raise refusal
    undone, moment = appointment.status, MOMENTS[appointment.status]
    emptied = [moment, *(CANCELLATION if undone == Status.CANCELLED else ())]
    old = {name: getattr(appointment, name) for name in ("status", *emptied)}
    if undone == Status.COMPLETED and appointment.patient.erased_at is not None:
        raise PatientErased(appointment.patient_id)  # nobody is with the doctor
    if undone in SEATLESS:
        _seat_again(actor, appointment)
    appointment.status = BEFORE[undone]
    setattr(appointment, moment, None)
    for name in emptied[1:]:
        setattr(appointment, name, "")
    if appointment.status == Status.BOOKED and _is_retiring(appointment.slot_id):
        appointment.needs_new_time_since = timezone.now()
        appointment.needs_new_time_because = _("The doctor's plan has changed.")
    appointment.save(update_fields=["status", *emptied, *NEW_TIME, "updated_at"])
    if undone in SEATLESS:
        check_limits(appointment)
    signals.appointment_status_changed.send(
        sender=undo, actor=actor, appointment=appointment, old=old, action="appointment.undone"
    )
    return appointment


def why_not_undone(appointment: Appointment) -> NothingToUndo | None:
    """What keeps the last step from being taken back, as far as the appointment itself tells (see ``undo``)."""
    if appointment.status not in BEFORE:
        return NothingToUndo(_("Nothing has been done with this appointment that could be undone."))
    if appointment.slot_id is None:
        return NothingToUndo(_("This appointment comes from imported history, which stays as it is."))
    zone = appointment.department.tz
    if (
        getattr(appointment, MOMENTS[appointment.status]).astimezone(zone).date()
        != timezone.now().astimezone(zone).date()
    ):
        return NothingToUndo(_("A step can be undone on the day it was done, and that day is over."))
    return None


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
    appointment = _locked(actor, appointment_id)
    if appointment.is_urgent == is_urgent:
        return appointment
    check_version(appointment, expected_versions)
    if appointment.status != Status.BOOKED:
        raise InvalidTransition(status=appointment.get_status_display(), target=_("more or less urgent"))
    old = {"is_urgent": appointment.is_urgent}
    _change(appointment, {"is_urgent": is_urgent})
    signals.appointment_urgency_changed.send(sender=set_urgent, actor=actor, appointment=appointment, old=old)
    return appointment


def _check_patient(actor: Actor, patient_id: uuid.UUID) -> None:
    """PatientNotFound for a patient out of the actor's reach. Asks nothing for those who reach all patients."""
    if actor.reach.is_every_patient:
        return
    if not Patient.objects.within(actor.reach).filter(pk=answering(patient_id)).exists():
        raise PatientNotFound


def _written(statement: str, parameters: dict[str, Any]) -> tuple[Appointment | None, bool]:
    """The appointment that the statement (``BOOK``, ``MOVE``) gives back, if any, and whether its kind has a limit."""
    for *row, is_limited in planned(statement, parameters):
        return _from_row(row), is_limited
    return None, False


def _reached(actor: Actor, appointment_id: uuid.UUID) -> Appointment:
    """The answer that was given before, as it now stands."""
    return _read(actor, appointment_id, "")


def _locked(actor: Actor, appointment_id: uuid.UUID) -> Appointment:
    return _read(actor, appointment_id, " FOR NO KEY UPDATE")


def _read(actor: Actor, appointment_id: uuid.UUID, lock: str) -> Appointment:
    rows = _everywhere() if actor.reach.is_everything else _within(actor.reach)
    row = rows.where(SqlCondition("appointments.id = %s", appointment_id)).first(lock)
    if row is None:
        raise AppointmentNotFound
    return _from_row(row.values())


def _within(reach: Reach) -> Select:
    return Select.of(Appointment.objects.within(reach).values(*(field.attname for field in FIELDS), **BESIDE))


@cache
def _everywhere() -> Select:
    return _within(EVERYTHING)


def _from_row(values: Iterable[Any]) -> Appointment:
    """With what is said beside its columns as attributes."""
    row = dict(zip(NAMES, values, strict=True))
    beside = {name: row.pop(name) for name in BESIDE}
    appointment: Appointment = Appointment.from_db(DEFAULT_DB_ALIAS, list(row), list(row.values()))
    vars(appointment).update(beside)
    return appointment


def _step(
    actor: Actor,
    appointment_id: uuid.UUID,
    target: Status,
    action: str,
    *,
    expected_versions: frozenset[str] | None = None,
    idempotency: Idempotency | None = None,
) -> Appointment:
    """One of the steps at the front desk."""
    if (made := earlier_answer(idempotency)) is not None:
        return _reached(actor, made)
    appointment = _locked(actor, appointment_id)
    remember(idempotency, appointment.pk)
    check_version(appointment, expected_versions)
    old = _to(appointment, target)
    signals.appointment_status_changed.send(sender=_step, actor=actor, appointment=appointment, old=old, action=action)
    return appointment


def _to(appointment: Appointment, target: Status, **more: Any) -> dict[str, Any]:
    """Let the (locked) appointment reach ``target``, if ``MOVES`` allows it. Returns what was before."""
    if target not in MOVES[appointment.status]:
        raise InvalidTransition(status=appointment.get_status_display(), target=str(target.label))
    old = {"status": appointment.status}
    changed = {"status": target.value, MOMENTS[target]: timezone.now(), **more}
    if appointment.needs_new_time_since is not None:
        changed |= {"needs_new_time_since": None, "needs_new_time_because": ""}
    _change(appointment, changed)
    if target in SEATLESS:
        _free(appointment.slot_id)
    return old


def _change(appointment: Appointment, changed: dict[str, Any]) -> None:
    """Write the columns of the (locked) appointment."""
    given = ", ".join(f"{name} = %s" for name in changed)
    statement = f"UPDATE appointments SET {given}, updated_at = clock_timestamp() WHERE id = %s RETURNING updated_at"
    ((updated_at,),) = planned(statement, [*changed.values(), appointment.pk])
    for name, value in (changed | {"updated_at": updated_at}).items():
        setattr(appointment, name, value)


def _seat_again(actor: Actor, appointment: Appointment) -> None:
    """Claim the seat that a cancelled or missed appointment has given up. The patient is locked as in a move."""
    patient = Patient.objects.select_for_update(no_key=True).get(pk=appointment.patient_id)
    if not patient.is_active:
        raise PatientInactive
    refuse_overlap(actor.reach, appointment.patient_id, appointment, but=appointment.pk)
    with connection.cursor() as cursor:
        cursor.execute(SEAT_AGAIN, [appointment.slot_id])
        if cursor.rowcount == 0:
            raise SlotUnavailable(_("The seat has been given away or taken off since. Book another time."))


def _is_retiring(slot_id: uuid.UUID | None) -> bool:
    return AvailableSlot.objects.filter(pk__in=[slot_id], retiring=True).exists()


def _free(slot_id: uuid.UUID | None) -> None:
    """Give a booked seat back; one that is retiring is offered no more."""
    planned(FREE, [slot_id])
