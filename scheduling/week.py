"""A doctor's week as people look at it: the sessions of the plan by day, and in each its seats in order of time.

Four queries (slots, with their appointments a fifth), however many seats there are. Nothing is written.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Prefetch, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from booking_site.core.localtime import reached
from booking_site.core.sql import SqlCondition
from booking_site.core.wallclock import time_label
from doctors.models import Department, Doctor
from scheduling.availability import FREE_TO_STAFF_SQL
from scheduling.exceptions import InvalidPlan
from scheduling.models import AvailableSlot, Closure, Schedule
from scheduling.sessions import DAY, Session, concerns, sessions_of, span_of

WEEK = timedelta(days=7)
Status = AvailableSlot.Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """``kind``: free (can be booked now), held, booked, withdrawn, unused (of the past), or shut: available, but a
    rule of booking stands in the way. ``appointment`` is None also for those who may not see it."""

    slot: AvailableSlot
    kind: str
    clock: str
    until: str  # of a hold
    appointment: Any
    is_overbooked: bool
    marks: list[str]  # what sets it apart from the session that it lies in

    @property
    def name(self) -> str:
        """For those who do not see where it stands: ``Mon 23 Nov 09:00 seat 2``."""
        number = f" {_('seat')} {self.slot.seat}" if self.slot.seat > 1 else ""
        return f"{date_format(self.slot.date, 'MONTH_DAY_FORMAT')} {self.clock}{number}"

    @property
    def tick(self) -> str:
        """What a tick is for: free seats can be withdrawn, and those withdrawn by hand be offered again. What the plan
        or a closure took off comes back with these. Empty for none."""
        if self.kind in ("free", "shut"):
            return _("free")
        return _("withdrawn") if self.slot.by_hand and self.slot.starts_at > timezone.now() else ""


@dataclass(kw_only=True, slots=True)
class Block:
    """A session with its seats, or seats that lie in none (``session`` is None)."""

    title: str
    department: Department
    session: Session | None
    seats: list[Seat] = field(default_factory=list)
    taken_off: list[Seat] = field(default_factory=list)  # withdrawn by the plan or a closure, not by hand

    @property
    def begins(self) -> datetime:
        if self.session is not None:
            return self.session.opens
        return min(seat.slot.starts_at for seat in [*self.seats, *self.taken_off])

    @property
    def hours(self) -> str:
        if self.session is None:
            return ""
        return f"{local_time(self.session.opens, self.department)}–{local_time(self.session.closes, self.department)}"


@dataclass(kw_only=True, slots=True)
class Day:
    date: date
    closures: list[str]
    blocks: list[Block]

    def count(self, kind: str) -> int:
        return sum(seat.kind == kind for block in self.blocks for seat in block.seats)

    @property
    def free(self) -> int:
        return self.count("free")

    @property
    def held(self) -> int:
        return self.count("held")

    @property
    def booked(self) -> int:
        return self.count("booked")


@dataclass(kw_only=True, slots=True)
class Week:
    doctor: Doctor
    days: list[Day]
    departments: list[Department]  # the doctor's own first
    trouble: str  # why no sessions can be told, or empty

    @property
    def appointments(self) -> list[Any]:
        """Those that the seats show."""
        blocks = (block for day in self.days for block in day.blocks)
        seats = (seat for block in blocks for seat in (*block.seats, *block.taken_off))
        return [seat.appointment for seat in seats if seat.appointment is not None]

    @property
    def zones(self) -> list[str]:
        return list(dict.fromkeys(department.time_zone for department in self.departments))


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def week_of(doctor: Doctor, monday: date, *, seen: Q, with_appointments: bool, with_patients: bool) -> Week:
    """The seven days from ``monday``, by the clock of each department. ``doctor`` needs its department at hand.
    ``seen``: the condition on slots and schedules that somebody may see."""
    dates = [monday + timedelta(days=number) for number in range(7)]
    slots = _slots(doctor, dates, seen, with_appointments=with_appointments, with_patients=with_patients)
    schedules = list(
        Schedule.objects.filter(seen, Q(ends_on__isnull=True) | Q(ends_on__gte=dates[0]), doctor=doctor)
        .filter(starts_on__lte=dates[-1], is_active=True)
        .select_related("department", "visit_type")
    )
    begin = datetime.combine(monday, time(), UTC)
    closures = list(Closure.objects.near(begin, begin + WEEK, [doctor.pk]))
    trouble = ""
    try:
        sessions = sessions_of(schedules, closures, dates[0], dates[-1])
    except InvalidPlan as error:  # a rule that was not written here; the seats are there all the same
        sessions, trouble = [], error.detail
    blocks = _blocks(slots, sessions)
    places = (block.department for day in blocks.values() for block in day)
    departments = list({place.pk: place for place in (doctor.department, *places)}.values())
    return Week(
        doctor=doctor,
        departments=departments,
        trouble=trouble,
        days=[
            Day(date=day, closures=_closures_on(day, closures, doctor, blocks[day]), blocks=blocks[day])
            for day in dates
        ],
    )


def local_time(moment: datetime, department: Department) -> str:
    return time_label(moment.astimezone(department.tz).time(), department.time_zone, moment)


def _slots(
    doctor: Doctor, dates: list[date], seen: Q, *, with_appointments: bool, with_patients: bool
) -> list[AvailableSlot]:
    slots = AvailableSlot.objects.filter(seen, doctor=doctor, date__gte=dates[0], date__lte=dates[-1])
    slots = slots.select_related("department", "visit_type", "schedule").order_by("starts_at", "seat", "id")
    slots = slots.annotate(is_free=SqlCondition(FREE_TO_STAFF_SQL))
    if with_appointments or with_patients:
        # Imports run one way: the model of the appointments is found by following the relation back.
        related: Any = AvailableSlot._meta.get_field("appointments").related_model
        holding = related.objects.holding_seat().select_related("department", *["patient"] * with_patients)
        slots = slots.prefetch_related(Prefetch("appointments", queryset=holding, to_attr="holders"))
    return list(slots)


def _blocks(slots: Iterable[AvailableSlot], sessions: Iterable[Session]) -> dict[date, list[Block]]:
    """By local date. A seat belongs to the session in which it begins, whichever schedule it was made by."""
    found: dict[date, list[Block]] = defaultdict(list)
    for session in sessions:
        place = session.schedule.department
        day = session.opens.astimezone(place.tz).date()
        found[day].append(Block(title=session.schedule.name, department=place, session=session))
    loose: dict[tuple[date, uuid.UUID, uuid.UUID | None], Block] = {}
    live = [slot for slot in slots if slot.status != Status.WITHDRAWN]
    for slot in slots:
        block = next((block for block in found[slot.date] if _holds(block, slot)), None)
        if block is None:
            key = (slot.date, slot.department_id, slot.schedule_id)
            if key not in loose:
                title = slot.schedule.name if slot.schedule else _("Single seats")
                loose[key] = Block(title=title, department=slot.department, session=None)
            block = loose[key]
        seat = _seat(slot, block.session, live)
        taken_off = seat.kind == "withdrawn" and not slot.by_hand
        (block.taken_off if taken_off else block.seats).append(seat)
    for (day, _department, _schedule), block in loose.items():
        found[day].append(block)
    for day_blocks in found.values():
        day_blocks.sort(key=lambda block: block.begins)
    return found


def _holds(block: Block, slot: AvailableSlot) -> bool:
    session = block.session
    return (
        session is not None
        and slot.department_id == block.department.pk
        and session.opens <= slot.starts_at < session.closes
    )


def _seat(slot: AvailableSlot, session: Session | None, live: Collection[AvailableSlot]) -> Seat:
    state = slot.state
    kind = state.value
    if state == Status.AVAILABLE:
        past = slot.starts_at <= timezone.now()
        kind = "free" if slot.is_free else "unused" if past else "shut"  # type: ignore[attr-defined]
    is_single = slot.schedule_id is None
    is_overbooked = is_single and any(other.seat < slot.seat and _overlap(slot, other) for other in live)
    schedule = session.schedule if session else None
    marks = {
        _("overbooked"): is_overbooked,
        _("single"): is_single and session is not None and not is_overbooked,
        f"{_('seat')} {slot.seat}": slot.seat > 1 and not is_overbooked,
        slot.visit_type.name: schedule is None or slot.visit_type_id != schedule.visit_type_id,
        _("staff only"): not slot.is_public and (schedule is None or schedule.is_public),
    }
    holders = getattr(slot, "holders", [])
    return Seat(
        slot=slot,
        kind=kind,
        clock=time_label(slot.time, slot.department.time_zone, slot.starts_at),
        until=local_time(slot.held_until, slot.department) if state == Status.HELD and slot.held_until else "",
        appointment=holders[0] if holders else None,
        is_overbooked=is_overbooked,
        marks=[words for words, holds in marks.items() if holds],
    )


def _overlap(one: AvailableSlot, other: AvailableSlot) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def _closures_on(day: date, closures: list[Closure], doctor: Doctor, blocks: list[Block]) -> list[str]:
    """What is closed on a day where the doctor works then: the reason, with the hours unless it is the whole day."""
    found = []
    places = list({block.department.pk: block.department for block in blocks}.values()) or [doctor.department]
    for place in places:
        opens, closes = (reached(datetime.combine(each, time()), place.time_zone) for each in (day, day + DAY))
        for closure in closures:
            start, end = span_of(closure, place.time_zone)
            if not concerns(closure, doctor.pk, place.pk) or start >= closes or end <= opens:
                continue
            label = closure.reason
            if start > opens or end < closes:
                from_to = f"{local_time(max(start, opens), place)}–{local_time(min(end, closes), place)}"
                label = f"{from_to} {label}"
            if len(places) > 1 and (label != closure.reason or closure.department_id is not None):
                label = f"{label} ({place.name}, {place.time_zone})"
            found.append(label)
    return list(dict.fromkeys(found))
