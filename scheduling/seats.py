"""Single seats, added by hand beside the plan: an extra visit, or one more where the doctor has a slot already."""

import uuid
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from booking_site.core.actor import Actor
from booking_site.core.errors import KeyReused
from booking_site.core.ids import uuid7
from booking_site.core.localtime import NoSuchTime, instant
from booking_site.core.operations import operation
from booking_site.core.wallclock import clock_label, time_label
from doctors.models import Department, Doctor
from scheduling import signals
from scheduling.exceptions import InClosure, InvalidPlan, SeatOverbooks
from scheduling.generation import lock_doctors
from scheduling.models import MOST_MINUTES, MOST_SEATS, AvailableSlot, Closure, VisitType
from scheduling.planning import furthest
from scheduling.sessions import DAY, closures_over

NAMED = 3  # slots that a refusal names; the rest is counted


@operation("slot.added")
def add_seat(
    *,
    actor: Actor,
    doctor_id: str,
    department_id: uuid.UUID,
    local: datetime,
    duration_minutes: int,
    visit_type: str,
    is_public: bool = True,
    note: str = "",
    allow_overbooking: bool = False,
    slot_id: uuid.UUID | None = None,
) -> AvailableSlot:
    """Add one seat that belongs to no schedule, so that generation leaves it alone.

    ``local``: naive, by the department's clock, to the minute; of a time that comes twice the first is meant.
    ``allow_overbooking``: also where the doctor has a slot already, with the reason as ``note``. The seat gets the
    lowest number that is free then. ``slot_id``: the id of the new slot; a repeated call with it adds nothing more.

    Raises InvalidPlan, InClosure, SeatOverbooks, KeyReused.
    """
    lock_doctors([doctor_id])
    local = local.replace(second=0, microsecond=0)
    made = AvailableSlot.objects.filter(pk=slot_id).first() if slot_id else None
    if made is not None:
        if (made.doctor_id, made.date, made.time) != (doctor_id, local.date(), local.time()):
            raise KeyReused(_("This form has added another seat before. Open it anew to add one more."))
        return made
    doctor, department = _who_and_where(doctor_id, department_id)
    _check_kind(visit_type, duration_minutes)
    starts_at = _instant(local, department)
    ends_at = starts_at + timedelta(minutes=duration_minutes)
    check_open(doctor_id, department, starts_at, ends_at)
    there = list(_live(doctor_id, starts_at, ends_at))
    if there and not allow_overbooking:
        message = _("%(doctor)s has a slot at that time already: %(slots)s. Choose another time.")
        raise SeatOverbooks(message % {"doctor": doctor.name, "slots": _named(there)})
    if there and not note.strip():
        message = _("Say why %(doctor)s is overbooked: %(slots)s is there already.")
        raise _invalid("note", "required", message % {"doctor": doctor.name, "slots": _named(there)})
    taken = {slot.seat for slot in there}
    seat = next(number for number in range(1, len(taken) + 2) if number not in taken)
    if seat > MOST_SEATS:
        message = _("%(doctor)s has %(most)d seats at that time, which is as many as there may be.")
        raise SeatOverbooks(message % {"doctor": doctor.name, "most": MOST_SEATS})
    slot = AvailableSlot.objects.create(
        id=slot_id or uuid7(),
        doctor=doctor,
        department=department,
        date=local.date(),
        time=local.time(),
        duration_minutes=duration_minutes,
        starts_at=starts_at,
        ends_at=ends_at,
        seat=seat,
        visit_type_id=visit_type,
        is_public=is_public,
        note=note.strip(),
    )
    signals.seat_added.send(sender=add_seat, actor=actor, slot=slot, overbooked=bool(there))
    return slot


def check_open(doctor_id: str, department: Department, starts_at: datetime, ends_at: datetime) -> None:
    """InClosure, naming it, when some of this time is closed."""
    near = Closure.objects.near(starts_at, ends_at, [doctor_id])
    for closure in closures_over(near, doctor_id, department, starts_at, ends_at):
        raise InClosure(
            _("It is closed then: %(closure)s. Choose another time, or change the closure first.")
            % {"closure": closure}
        )


def _who_and_where(doctor_id: str, department_id: uuid.UUID) -> tuple[Doctor, Department]:
    doctor = Doctor.objects.filter(pk=doctor_id).first()
    if doctor is None:
        raise _invalid("doctor", "unknown", _("There is no doctor with this code."))
    if not doctor.is_active:
        message = _("%(doctor)s does not see patients at present.")
        raise _invalid("doctor", "doctor_inactive", message % {"doctor": doctor.name})
    department = Department.objects.filter(pk=department_id).first()
    if department is None:
        raise _invalid("department", "unknown", _("There is no department with this id."))
    if not department.is_active:
        message = _("%(department)s is closed at present.")
        raise _invalid("department", "department_inactive", message % {"department": department.name})
    return doctor, department


def _check_kind(visit_type: str, duration_minutes: int) -> None:
    if not VisitType.objects.filter(pk=visit_type, is_active=True).exists():
        message = _("There is no visit type with this code that is offered at present.")
        raise _invalid("visit_type", "unknown", message)
    if not 1 <= duration_minutes <= MOST_MINUTES:
        message = _("A slot lasts from 1 to %(most)d minutes.")
        raise _invalid("duration_minutes", "invalid_duration", message % {"most": MOST_MINUTES})


def _instant(local: datetime, department: Department) -> datetime:
    """When it is ``local`` there: to come, and not further off than seats may be made at all."""
    now = timezone.now()
    if local.date() > furthest():
        message = _("Seats can be added up to %(day)s. Choose an earlier day.")
        raise _invalid("date", "too_far", message % {"day": furthest()})
    when = clock_label(local.date(), local.time(), department.time_zone)
    try:
        starts_at = instant(local, department.time_zone) if local.date() > now.date() - 2 * DAY else None
    except NoSuchTime as error:
        message = _("There is no %(when)s: the clock goes forward then. Choose an earlier or a later time.")
        raise _invalid("time", "no_such_time", message % {"when": when}) from error
    if starts_at is None or starts_at <= now:
        raise _invalid("time", "past", _("%(when)s is in the past. Choose a later time.") % {"when": when})
    return starts_at


def _live(doctor_id: str, starts_at: datetime, ends_at: datetime) -> "QuerySet[AvailableSlot]":
    """The doctor's slots that are not withdrawn and share some of this time."""
    near = AvailableSlot.objects.filter(
        doctor_id=doctor_id,
        date__gte=starts_at.date() - 2 * DAY,  # what is indexed
        date__lte=ends_at.date() + 2 * DAY,
        starts_at__lt=ends_at,
        ends_at__gt=starts_at,
    )
    near = near.exclude(status=AvailableSlot.Status.WITHDRAWN).select_related("department", "visit_type")
    return near.order_by("starts_at", "seat")


def _named(slots: list[AvailableSlot]) -> str:
    """``09:00 to 09:30, Consultation (booked)``, by the clock of the slot's own department."""
    names = []
    for slot in slots[:NAMED]:
        zone = slot.department.time_zone
        begin, end = (
            time_label(moment.astimezone(slot.department.tz).time(), zone, moment)
            for moment in (slot.starts_at, slot.ends_at)
        )
        hours = _("%(begin)s to %(end)s") % {"begin": begin, "end": end}
        names.append(f"{hours} {zone}, {slot.visit_type.name} ({slot.state.label})")
    more = [_("%(number)d more") % {"number": len(slots) - NAMED}] if len(slots) > NAMED else []
    return "; ".join([*names, *more])


def _invalid(field: str, code: str, detail: str) -> InvalidPlan:
    return InvalidPlan(detail, code=code, errors=[{"field": field, "code": code, "detail": detail}])
