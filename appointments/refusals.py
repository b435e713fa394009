"""Why an appointment cannot be made or moved: limits asked after the fact, and the reasons of a refusal."""

import uuid
from typing import Any, NoReturn

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
from patients.exceptions import PatientErased
from patients.models import Patient, answering
from scheduling.models import AvailableSlot, VisitType
from scheduling.operations import check_day_limit, refuse

# Advisory, until the end of the transaction: of a patient's visits of one type.
LOCK_PATIENT = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'patient', %s::text, %s::text), 0))"


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
    patient = Patient.objects.filter(pk=answering(patient_id)).first()
    if patient is None:
        raise PatientNotFound
    slot: Any = AvailableSlot.objects.filter(pk=slot_id).first()
    if slot is not None and doctor_id is not None and slot.doctor_id != doctor_id:
        raise DoctorMismatch
    if patient.erased_at is not None:
        raise PatientErased(patient.pk)
    if not patient.is_active:
        raise PatientInactive
    if slot is not None:
        # The statement may have claimed the seat before it met the patient's other appointment: look at that first.
        refuse_overlap(actor.reach, patient.pk, slot)
        is_ours = slot.status == AvailableSlot.Status.BOOKED and not slot.appointments.holding_seat().exists()
        if patient.pk != patient_id and is_ours:
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
