"""Patients who come without an appointment: the next free seat of today, and checked in at once.

Emergency departments are open at midnight too: today reaches some hours into the days beside it.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments.exceptions import AlreadyToday, DoctorNotThere, NoFreeSeat, PatientInactive, PatientNotFound
from appointments.idempotency import Idempotency, earlier_answer, remember
from appointments.models import LIVE, Appointment, Status
from appointments.operations import book, check_in
from booking_site.core.actor import Actor
from booking_site.core.errors import Invalid
from booking_site.core.operations import operation
from booking_site.core.wallclock import clock_label
from doctors.models import Department, Doctor
from patients.exceptions import PatientErased
from patients.models import Patient, answering
from scheduling.days import on
from scheduling.exceptions import SlotUnavailable
from scheduling.models import AvailableSlot, SlotQuerySet, VisitType
from scheduling.seats import add_seat
from scheduling.sessions import DAY

SOURCE = "walk_in"
AROUND = timedelta(hours=4)  # what begins so soon, or began so lately, is of today whatever the date
ROUND_TO = timedelta(minutes=5)  # an extra seat begins at the next full five minutes
TRIES = 20  # seats that may fall through one after the other: each has a limit of its own in its way


@operation("appointment.walked_in")
def walk_in(
    *,
    actor: Actor,
    patient_id: uuid.UUID,
    department_id: uuid.UUID | None = None,
    doctor_id: str | None = None,
    visit_type: str | None = None,
    reason: str = "",
    overbook: bool = False,
    overbook_reason: str = "",
    although_booked: bool = False,
    idempotency: Idempotency | None = None,
) -> Appointment:
    """Book the next free seat of today of this doctor, department and kind of visit, and check the patient in.

    At least a doctor or a department is given. ``overbook``: not a free seat but one more, beside what the doctor has
    at the next full five minutes, with ``overbook_reason``; needs ``doctor_id`` and ``visit_type``, and that the doctor
    has seats there today. (Who may do that is for the page to check.) ``although_booked``: also when the patient is
    expected today already.

    The id of a record that has been merged into another one stands for that one. A seat that somebody else is taking
    at this moment is passed over. Raises PatientNotFound, PatientInactive,
    AlreadyToday, NoFreeSeat, PatientDoubleBooked, PatientLimitReached, Invalid, KeyReused, and for an extra seat
    DoctorNotThere, InvalidPlan, InClosure, SeatOverbooks.
    """
    if (made := earlier_answer(idempotency)) is not None:
        return Appointment.objects.get(pk=made)
    if not (department_id or doctor_id):
        raise _invalid("department", _("Choose a department or a doctor."))
    # Two desks at once: the second sees what the first has booked.
    patient = Patient.objects.select_for_update(no_key=True).filter(pk=answering(patient_id)).first()
    if patient is None:
        raise PatientNotFound
    if patient.erased_at is not None:
        raise PatientErased(patient.pk)
    if not patient.is_active:
        raise PatientInactive
    if not although_booked and (expected := [one for one in today_of(patient.pk) if one.status in LIVE]):
        raise AlreadyToday(_when_and_who(expected[0]))
    given: dict[str, Any] = {"actor": actor, "patient_id": patient.pk, "reason": reason}
    appointment: Appointment | None
    if overbook:
        slot = _extra_seat(actor, department_id, doctor_id, visit_type, overbook_reason)
        appointment = book(slot_id=slot.pk, source=SOURCE, **given)
    else:
        appointment = _next_seat(given, free_today(department_id, doctor_id, visit_type))
    if appointment is None:
        raise NoFreeSeat(_next_one(department_id, doctor_id, visit_type))
    remember(idempotency, appointment.pk)
    return check_in(actor=actor, appointment_id=appointment.pk)


def free_today(department_id: uuid.UUID | None, doctor_id: str | None, visit_type: str | None) -> SlotQuerySet:
    """The free seats that staff may book, of the rest of the site's day and of the next hours, soonest first."""
    return _free(department_id, doctor_id, visit_type).filter(_today())


def today_of(patient_id: uuid.UUID) -> list[Appointment]:
    """What a patient has today, by the day of each site, or around now, but what was cancelled: soonest first."""
    found = Appointment.objects.filter(_today(), patient_id=patient_id).exclude(status=Status.CANCELLED)
    return list(found.select_related("patient", "doctor", "department", "slot"))


def seats_today(doctor_id: str) -> SlotQuerySet:
    """What a doctor has today, free or not: when and where they are to be found."""
    slots = AvailableSlot.objects.filter(_today(), doctor_id=doctor_id).exclude(status=AvailableSlot.Status.WITHDRAWN)
    return slots.select_related("department").order_by("starts_at", "id")


def _today() -> Q:
    now = timezone.now()
    around = Q(starts_at__gt=now - AROUND, starts_at__lt=now + AROUND)
    near = Q(starts_at__gt=now - 2 * DAY, starts_at__lt=now + 2 * DAY)  # what is indexed
    return (on("today") | around) & near


def _free(department_id: uuid.UUID | None, doctor_id: str | None, visit_type: str | None) -> SlotQuerySet:
    given = {"department_id": department_id, "doctor_id": doctor_id, "visit_type_id": visit_type}
    wanted = Q(**{name: value for name, value in given.items() if value})
    slots = AvailableSlot.objects.free(to_staff=True).filter(wanted).select_related("doctor", "department")
    return slots.order_by("starts_at", "id")


def _next_seat(given: dict[str, Any], free: SlotQuerySet) -> Appointment | None:
    """Book the first seat that nobody else has a hand on and that the patient has time for."""
    busy = Appointment.objects.live().filter(patient_id=given["patient_id"], ends_at__gt=timezone.now())
    for begin, end in busy.order_by().values_list("starts_at", "ends_at"):
        free = free.exclude(starts_at__lt=end, ends_at__gt=begin)
    fell_through: list[uuid.UUID] = []
    while len(fell_through) < TRIES:
        slots = free.exclude(pk__in=fell_through).select_for_update(no_key=True, skip_locked=True, of=("self",))
        if (slot := slots.first()) is None:
            return None
        try:
            return book(slot_id=slot.pk, source=SOURCE, **given)
        except SlotUnavailable:  # the doctor's day is full of this kind: somebody else had the last one
            fell_through.append(slot.pk)
    return None


def _extra_seat(
    actor: Actor, department_id: uuid.UUID | None, doctor_id: str | None, visit_type: str | None, note: str
) -> AvailableSlot:
    doctor = Doctor.objects.filter(pk=doctor_id).first()
    if doctor is None:
        raise _invalid("doctor", _("Choose the doctor who is to be overbooked."))
    kind = VisitType.objects.filter(pk=visit_type).first()
    if kind is None:
        raise _invalid("visit_type", _("Choose the kind of visit: it says how long the extra seat is."))
    if not note.strip():
        raise _invalid("overbook_reason", _("Say why %(doctor)s is overbooked.") % {"doctor": doctor.name})
    department = Department.objects.filter(pk=department_id or doctor.department_id).first()
    if department is None:
        raise _invalid("department", _("There is no department with this id."))
    if not seats_today(doctor.pk).filter(department=department).exists():
        raise DoctorNotThere(doctor.name, department.name)
    return add_seat(
        actor=actor,
        doctor_id=doctor.pk,
        department_id=department.pk,
        local=next_full(timezone.now()).astimezone(department.tz).replace(tzinfo=None),
        duration_minutes=kind.duration_minutes,
        visit_type=kind.pk,
        is_public=False,
        note=note,
        allow_overbooking=True,
    )


def next_full(moment: datetime) -> datetime:
    """The next full five minutes after an instant, never the instant itself."""
    floor = moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)
    return floor + ROUND_TO


def _next_one(department_id: uuid.UUID | None, doctor_id: str | None, visit_type: str | None) -> str:
    slot = _free(department_id, doctor_id, visit_type).first()
    return _when_and_who(slot) if slot is not None else ""


def _when_and_who(one: AvailableSlot | Appointment) -> str:
    return f"{clock_label(one.date, one.time, one.department.time_zone, one.starts_at)}, {one.doctor.name}"


def _invalid(field: str, detail: str) -> Invalid:
    return Invalid(detail, code="required", errors=[{"field": field, "code": "required", "detail": detail}])
