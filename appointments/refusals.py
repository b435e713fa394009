"""Why an appointment cannot be made or moved: limits asked after the fact, and the reasons of a refusal."""

import uuid
from typing import NoReturn

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments.exceptions import (
    DoctorMismatch,
    PatientDoubleBooked,
    PatientInactive,
    PatientLimitReached,
    PatientNotFound,
)
from appointments.models import LIVE, Appointment, Status
from booking_site.core.actor import Actor
from booking_site.core.operations import Repeat
from booking_site.core.reach import Reach
from booking_site.core.sql import planned
from patients.exceptions import PatientErased
from scheduling.models import AvailableSlot, VisitType
from scheduling.operations import check_day_limit, refuse

# Advisory, until the end of the transaction: of a patient's visits of one type.
LOCK_PATIENT = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'patient', %s::text, %s::text), 0))"

# Of a booking that was refused: the record that answers for the patient, how it stands, whose the seat is, and whether
# the patient is anywhere else at that time. Rivals for one seat are all told why: it must not take long.
WHO_AND_WHAT = """
SELECT patients.id, patients.is_active, patients.erased_at IS NOT NULL, slot.doctor_id, EXISTS (
    SELECT FROM appointments WHERE patient_id = patients.id AND appointments.status = ANY(%(live)s)
        AND appointments.starts_at < slot.ends_at AND appointments.ends_at > slot.starts_at
)
FROM patients LEFT JOIN available_slots AS slot ON slot.id = %(slot_id)s
WHERE patients.id = (SELECT coalesce(merged_into_id, id) FROM patients WHERE id = %(patient_id)s)
"""


def check_limits(appointment: Appointment) -> None:
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


def explain_booking(
    actor: Actor, patient_id: uuid.UUID, slot_id: uuid.UUID, doctor_id: str | None, hold_token: str
) -> NoReturn:
    rows = planned(WHO_AND_WHAT, {"patient_id": patient_id, "slot_id": slot_id, "live": list(LIVE)})
    if not rows:
        raise PatientNotFound
    patient, is_active, is_erased, doctor, is_elsewhere = rows[0]
    if None not in (doctor, doctor_id) and doctor != doctor_id:
        raise DoctorMismatch
    if is_erased:
        raise PatientErased(patient)
    if not is_active:
        raise PatientInactive
    # The statement may have claimed the seat before it met the patient's other appointment: look at that first.
    slot = AvailableSlot.objects.filter(pk=slot_id).first() if is_elsewhere or patient != patient_id else None
    if slot is not None:
        refuse_overlap(actor.reach, patient, slot)
        is_ours = slot.status == AvailableSlot.Status.BOOKED and not slot.appointments.holding_seat().exists()
        if patient != patient_id and is_ours:
            raise Repeat  # the seat was to be had: the patient was merged into another one at this very moment
    refuse(slot_id, hold_token, is_staff=actor.is_staff)


def explain_move(actor: Actor, appointment: Appointment, slot_id: uuid.UUID, hold_token: str) -> NoReturn:
    if (slot := AvailableSlot.objects.filter(pk=slot_id).first()) is not None:
        refuse_overlap(actor.reach, appointment.patient_id, slot, but=appointment.pk)
    refuse(slot_id, hold_token, is_staff=actor.is_staff)


def refuse_overlap(
    reach: Reach, patient_id: uuid.UUID, slot: AvailableSlot | Appointment, but: uuid.UUID | None = None
) -> None:
    """PatientDoubleBooked, naming the other appointment to those within whose reach it is."""
    others = Appointment.objects.select_related("doctor").filter(
        patient_id=patient_id, status__in=LIVE, starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at
    )
    if but is not None:
        others = others.exclude(pk=but)
    if (other := others.first()) is not None:
        if not reach.allows(department_id=other.department_id, doctor_id=other.doctor_id):
            raise PatientDoubleBooked
        raise PatientDoubleBooked(
            _(
                "The patient already has an appointment then: %(when)s, %(doctor)s. "
                "Move or cancel that one, or choose another time."
            )
            % {"when": f"{other.date} {other.time:%H:%M}", "doctor": other.doctor.name},
            other.pk,
        )
