"""Changing how doctors work: schedules and closures, with everything that follows from it, in one transaction.

Every change has a preview, which computes the same difference and writes nothing. Booked patients are never dropped:
their slots are retired (``signals.slots_retired``), and the appointments app marks them as needing a new time.
The doctors in question are locked first, then their plan is read: of two changes at once one follows the other.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from booking_site.core.actor import Actor
from booking_site.core.operations import operation, save_record
from booking_site.core.wallclock import clock_label
from doctors.models import Doctor
from scheduling import signals
from scheduling.exceptions import InvalidPlan, ScheduleOverlap
from scheduling.generation import Difference, Plan, apply, compare, lock_all_doctors, lock_doctors
from scheduling.models import AvailableSlot, Closure, Schedule
from scheduling.recurrence import upcoming
from scheduling.sessions import DAY, clash, sessions_of, span_of

CLASHES_WITHIN = timedelta(days=5 * 366)  # how far ahead two schedules are compared
FURTHEST = timedelta(days=3 * 366)  # how far ahead seats may be made
FAR = timedelta(days=10 * 366)  # so far ahead schedules begin, and closures end, at most
FURTHEST_ZONE = timedelta(hours=14)

# --- schedules -------------------------------------------------------------------------------------------------


def preview_schedule(schedule: Schedule) -> Difference:
    """What saving this schedule (new or changed, not saved yet) would do. Raises ScheduleOverlap, InvalidPlan."""
    check_schedule(schedule)
    return compare(_plan_of_doctors(_doctors_behind([schedule]), with_schedules=[schedule]))


@operation("schedule.saved")
def save_schedule(
    *,
    actor: Actor,
    schedule: Schedule,
    fields: Iterable[str] | None = None,
    expected_versions: frozenset[str] | None = None,
) -> Difference:
    """Write a new schedule, or ``fields`` of one that exists, and make the doctor's slots agree with it.

    Raises ScheduleOverlap, InvalidPlan, PreconditionFailed.
    """
    return _save_schedules(actor, [schedule], fields, expected_versions)


def preview_schedules(schedules: Sequence[Schedule]) -> Difference:
    """The same of several new schedules of one doctor, none of which clashes with another."""
    for number, schedule in enumerate(schedules):
        check_schedule(schedule, beside=schedules[:number])
    return compare(_plan_of_doctors(_doctors_behind(schedules), with_schedules=schedules))


@operation("schedule.saved")
def add_schedules(*, actor: Actor, schedules: Sequence[Schedule]) -> Difference:
    """Write several new schedules of one doctor, all or none."""
    return _save_schedules(actor, schedules, None, None)


def _save_schedules(
    actor: Actor,
    schedules: Sequence[Schedule],
    fields: Iterable[str] | None,
    expected_versions: frozenset[str] | None,
) -> Difference:
    doctors = _doctors_behind(schedules)
    lock_doctors(doctors)
    for schedule in schedules:
        check_schedule(schedule)
        save_record(actor=actor, instance=schedule, fields=fields, expected_versions=expected_versions)
    done = apply(_plan_of_doctors(doctors))
    _announce(actor, done, because=_("Schedule %(name)s") % {"name": schedules[0].name}, cause=schedules[0])
    return done


def _doctors_behind(schedules: Sequence[Schedule]) -> list[str]:
    """The doctors whose they are, and those whose they were."""
    kept = Schedule.objects.order_by().filter(pk__in=[schedule.pk for schedule in schedules])
    return sorted({schedule.doctor_id for schedule in schedules} | set(kept.values_list("doctor_id", flat=True)))


def copies(source: Iterable[Schedule], doctor: Doctor, starts_on: date) -> list[Schedule]:
    """The same patterns for another doctor, not saved: each from its first day on or after ``starts_on``.

    From a day of the original, so that every other week stays the same week.
    """
    made = []
    for schedule in source:
        begin = max(starts_on, schedule.starts_on)
        days = upcoming(schedule.recurrence, schedule.starts_on, begin, 1, schedule.ends_on, schedule.start_time)
        copy = Schedule(
            doctor=doctor,
            department=schedule.department,
            **{
                name: getattr(schedule, name)
                for name in (
                    *("name", "recurrence", "ends_on", "start_time", "end_time", "slot_minutes", "buffer_minutes"),
                    *("seats", "visit_type_id", "room", "is_public"),
                )
            },
            starts_on=days[0] if days else begin,
        )
        made.append(copy)
    return made


def check_schedule(schedule: Schedule, beside: Iterable[Schedule] = ()) -> None:
    """ScheduleOverlap, naming the clash, when the doctor already sits then; InvalidPlan when it makes no sense."""
    if not schedule.is_active:
        return
    _check_fields(schedule)
    first = max(schedule.starts_on, timezone.now().date() - DAY)
    last = min(schedule.ends_on or date.max, first + CLASHES_WITHIN)
    others = Schedule.objects.filter(doctor_id=schedule.doctor_id, is_active=True).exclude(pk=schedule.pk)
    others = others.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=first - 2 * DAY)).select_related("department")
    for other in (*others, *beside):
        if (moment := clash(schedule, other, first, last)) is not None:
            local = moment.astimezone(schedule.department.tz)
            when = clock_label(local.date(), local.time(), schedule.department.time_zone, moment)
            raise ScheduleOverlap(
                _(
                    "It overlaps “%(name)s” (%(days)s, %(begin)s to %(end)s), first on %(when)s. "
                    "Choose other times, or change or end that one first."
                )
                % {
                    "name": other.name,
                    "days": other.in_words,
                    "begin": f"{other.start_time:%H:%M}",
                    "end": f"{other.end_time:%H:%M}",
                    "when": when,
                },
                errors=[
                    {
                        "field": "start_time",
                        "code": ScheduleOverlap.code,
                        "detail": _("Overlaps “%(name)s”.") % {"name": other.name},
                    }
                ],
            )


def _check_fields(schedule: Schedule) -> None:
    """InvalidPlan, naming the fields that are wrong."""
    try:
        schedule.full_clean(validate_unique=False)
    except ValidationError as error:
        errors = [
            {"field": "" if field == "__all__" else field, "code": fault.code or "invalid", "detail": detail}
            for field, faults in error.error_dict.items()
            for fault in faults
            for detail in fault.messages
        ]
        raise InvalidPlan(" ".join(fault["detail"] for fault in errors), errors=errors) from error
    if schedule.starts_on > timezone.now().date() + FAR:
        message = _("That is more than ten years ahead. Choose an earlier first day.")
        raise InvalidPlan(message, errors=[{"field": "starts_on", "code": "too_far", "detail": message}])


# --- closures --------------------------------------------------------------------------------------------------


def preview_closures(closures: Sequence[Closure], *, before: Sequence[Closure] = ()) -> Difference:
    """What writing these closures would do; ``before`` are those that they take the place of, as they are now.

    A closure with ``is_active`` off is one that is lifted. Raises InvalidPlan.
    """
    found = Difference()
    for closure in closures:
        _check_span(closure)
    opens = bool(before) or not all(closure.is_active for closure in closures)
    for plan in _plans_around([*closures, *before], instead=closures, opens=opens):
        found += compare(plan)
    return found


@operation("closure.added")
def add_closures(*, actor: Actor, closures: Sequence[Closure]) -> Difference:
    """Write new closures and take the free seats in them off the market, all or nothing. Raises InvalidPlan."""
    for closure in closures:
        _check_span(closure)
    _lock_doctors_of(closures)
    for closure in closures:
        save_record(actor=actor, instance=closure)
    because = ", ".join(dict.fromkeys(closure.reason for closure in closures))
    return _follow(actor, closures, because=because, opens=False)


@operation("closure.changed")
def change_closure(
    *,
    actor: Actor,
    closure: Closure,
    fields: Iterable[str],
    expected_versions: frozenset[str] | None = None,
) -> Difference:
    """Write ``fields`` of a closure (with ``is_active`` off: lift it). Seats that it no longer covers come back.

    Raises InvalidPlan, PreconditionFailed.
    """
    _check_span(closure)
    before = Closure.objects.select_for_update(no_key=True).get(pk=closure.pk)
    _lock_doctors_of([before, closure])
    save_record(actor=actor, instance=closure, fields=fields, expected_versions=expected_versions)
    return _follow(actor, [closure, before], because=closure.reason, opens=True)


def _follow(actor: Actor, closures: Sequence[Closure], *, because: str, opens: bool) -> Difference:
    """Make the slots agree again wherever these closures are, or were."""
    total = Difference()
    for plan in _plans_around(closures, opens=opens):
        total += apply(plan)
    _announce(actor, total, because=because, cause=closures[0])
    return total


def _lock_doctors_of(closures: Sequence[Closure]) -> None:
    if any(closure.doctor_id is None for closure in closures):
        lock_all_doctors()
    lock_doctors(_doctors_of(closures))


def _check_span(closure: Closure) -> None:
    """InvalidPlan when a closure that is to be in force is over, or lasts beyond all that can be planned."""
    if not closure.is_active:
        return
    days, moments = (closure.first_day, closure.last_day), (closure.starts_at, closure.ends_at)
    field, message = ("last_day" if closure.last_day else "ends_at"), ""
    last = closure.last_day or (closure.ends_at and closure.ends_at.date())
    if last is None or (None in days and None in moments):
        code, message = "span_incomplete", _("Give the first and last day, or both moments.")
    elif last > timezone.now().date() + FAR:
        code, message = "too_far", _("That is more than ten years ahead. Choose an earlier end.")
    elif _widest(closure)[1] <= timezone.now():
        code, message = "past", _("This closure is over already. Choose a time to come.")
    if message:
        raise InvalidPlan(message, errors=[{"field": field, "code": code, "detail": message}])


def _widest(closure: Closure) -> tuple[datetime, datetime]:
    """From the first instant at which it is in force anywhere to the last."""
    begin, end = span_of(closure, "UTC")
    return (begin - FURTHEST_ZONE, end + FURTHEST_ZONE) if closure.first_day else (begin, end)


# --- generation ------------------------------------------------------------------------------------------------


def doctors_with_schedules(*, doctor: str | None = None, department: uuid.UUID | None = None) -> list[str]:
    """Codes of the active doctors who have schedules, in order."""
    found = Schedule.objects.filter(doctor__is_active=True)
    if doctor is not None:
        found = found.filter(doctor_id=doctor)
    if department is not None:
        found = found.filter(department_id=department)
    return list(found.order_by("doctor_id").values_list("doctor_id", flat=True).distinct())


def preview_generation(*, doctor_id: str, until: date) -> Difference:
    """What ``generate`` would do."""
    return compare(_plan_of_doctors([doctor_id], until=until))


@operation("slots.generated")
def generate(*, actor: Actor, doctor_id: str, until: date) -> Difference:
    """Make the slots of a doctor agree with the plan, up to and including the local date ``until``.

    Running it again changes nothing. Safe beside bookings, and beside another run.
    """
    lock_doctors([doctor_id])
    done = apply(_plan_of_doctors([doctor_id], until=until))
    _announce(actor, done, because=_("The doctor's sessions have changed"), cause=Doctor(pk=doctor_id))
    return done


def wants(slot: AvailableSlot) -> bool:
    """Does the plan leave this slot, offered now, as it is?"""
    found = compare(_plan([slot.doctor_id], slot.starts_at, slot.ends_at, until=None))
    return slot.pk not in found.changed


def horizon() -> date:
    """The last day for which seats are made: ``settings.HORIZON_DAYS`` from today."""
    return timezone.now().date() + timedelta(days=settings.HORIZON_DAYS)


def furthest() -> date:
    """The last day for which seats may be made at all."""
    return timezone.now().date() + FURTHEST


# --- the plan as it is, or would be ------------------------------------------------------------------------------


def _plan_of_doctors(
    doctors: Sequence[str], *, with_schedules: Sequence[Schedule] = (), until: date | None = None
) -> Plan:
    """From now on: up to ``until``, or as far as seats are made or have been made."""
    end = _midnight((until or horizon()) + DAY) + FURTHEST_ZONE
    if until is None:
        end = max(end, _last_slot(doctors, schedule__isnull=False))
    return _plan(doctors, timezone.now(), end, until=until or horizon(), with_schedules=with_schedules)


def _last_slot(doctors: Sequence[str], **such: bool) -> datetime:
    """An instant behind all (such) slots of these doctors."""
    latest = AvailableSlot.objects.filter(doctor_id__in=doctors, **such).aggregate(latest=Max("date"))["latest"]
    return _midnight((latest or date.min) + 2 * DAY)


def _plans_around(closures: Sequence[Closure], *, opens: bool, instead: Sequence[Closure] = ()) -> Iterator[Plan]:
    """The plan wherever closures are in force: one for each stretch of time, in which none is counted twice.

    ``opens``: something may be open again, so that slots may be missing; a new closure only takes away. ``instead``:
    closures that are to stand in the plan in place of what is in the database under their keys.
    """
    now = timezone.now()
    stretches: list[tuple[datetime, datetime, list[Closure]]] = []
    for closure in sorted(closures, key=lambda closure: _widest(closure)[0]):
        begin, end = _widest(closure)
        begin = max(begin - DAY, now)  # a slot that begins before the closure may reach into it
        if stretches and begin <= stretches[-1][1]:
            first, last, inside = stretches[-1]
            stretches[-1] = (first, max(last, end), [*inside, closure])
        elif begin < end:
            stretches.append((begin, end, [closure]))
    for begin, end, inside in stretches:
        doctors = _doctors_of(inside)
        if end > (made := _midnight(horizon() + DAY) + FURTHEST_ZONE):
            end = max(made, min(end, _last_slot(doctors)))
        if begin < end:
            yield _plan(doctors, begin, end, until=horizon() if opens else None, with_closures=instead)


def _plan(
    doctors: Sequence[str],
    begin: datetime,
    end: datetime,
    *,
    until: date | None,
    with_schedules: Sequence[Schedule] = (),
    with_closures: Sequence[Closure] = (),
) -> Plan:
    """The plan in the database, but for the schedules and closures that are given instead."""
    first, last = begin.date() - 2 * DAY, end.date() + 2 * DAY
    schedules = Schedule.objects.filter(doctor_id__in=doctors, is_active=True)
    schedules = schedules.exclude(pk__in=[schedule.pk for schedule in with_schedules]).filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=first), starts_on__lte=last
    )
    closures = Closure.objects.near(begin, end, doctors).exclude(pk__in=[closure.pk for closure in with_closures])
    shut = [*closures, *(closure for closure in with_closures if closure.is_active)]
    held = [
        *schedules.select_related("department", "doctor"),
        *(schedule for schedule in with_schedules if schedule.is_active),
    ]
    return Plan(
        doctors=list(doctors),
        sessions=sessions_of(held, shut, first, last),
        closures=shut,
        begin=begin,
        end=end,
        until=until,
    )


def _doctors_of(closures: Sequence[Closure]) -> list[str]:
    """The doctors whose slots these closures may touch: all who have any, where the whole hospital is closed."""
    codes: set[str] = set()
    for closure in closures:
        if closure.doctor_id is not None:
            codes.add(closure.doctor_id)
            continue
        begin, end = _widest(closure)
        scope = Q() if closure.department_id is None else Q(department_id=closure.department_id)
        codes |= set(Schedule.objects.order_by().filter(scope).values_list("doctor_id", flat=True).distinct())
        slots = AvailableSlot.objects.order_by().filter(scope, starts_at__gte=begin - DAY, starts_at__lt=end)
        codes |= set(slots.filter(schedule__isnull=True).values_list("doctor_id", flat=True).distinct())
    return sorted(codes)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _announce(actor: Actor, done: Difference, *, because: str, cause: Schedule | Closure | Doctor) -> None:
    if not done:
        return
    signals.plan_applied.send(sender=type(cause), actor=actor, cause=cause, counts=done.counts)
    if done.retired:
        signals.slots_retired.send(sender=type(cause), actor=actor, slot_ids=done.retired, because=because)
    if done.restored:
        signals.slots_restored.send(sender=type(cause), actor=actor, slot_ids=done.restored)
