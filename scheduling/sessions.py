"""When does a doctor hold a session? Schedules and closures, as instants.

The wall clock is read here, once, by ``core.localtime``: a session lasts from the first instant at which the clock of
the department shows its beginning, or a later time where that one is skipped, to the first at which it shows its end.
In between time passes evenly. So a nine o'clock clinic is at nine on every day of the year; no seat lies in an hour
that does not exist; and of the seats in an hour that comes twice each has an instant of its own.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from booking_site.core.localtime import reached
from doctors.models import Department
from scheduling.exceptions import InvalidPlan
from scheduling.models import Closure, Schedule
from scheduling.recurrence import dates

Interval = tuple[datetime, datetime]  # from an instant up to another, which is not part of it
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """One sitting of a schedule. ``closed``: the closures that lie in it, as intervals."""

    schedule: Schedule
    opens: datetime
    closes: datetime
    closed: tuple[Interval, ...]


def sessions_of(schedules: Iterable[Schedule], closures: Iterable[Closure], first: date, last: date) -> list[Session]:
    """The sessions on the local dates from ``first`` to ``last``, both included, in order; no two of a doctor overlap.

    Schedules need ``department`` at hand. Overlapping schedules are refused when they are made; should there be some,
    the session that begins later (of the later schedule, when both begin at once) is left out.
    """
    closures = list(closures)
    of_doctor: dict[str, list[Session]] = defaultdict(list)
    for schedule in schedules:
        shut = _shut(schedule, closures)
        for opens, closes in sittings(schedule, first, last):
            closed = tuple((start, end) for start, end in shut if start < closes and end > opens)
            of_doctor[schedule.doctor_id].append(Session(schedule, opens, closes, closed))
    kept = []
    for held in of_doctor.values():
        until = datetime.min.replace(tzinfo=UTC)
        for session in sorted(held, key=lambda session: (session.opens, session.schedule.pk)):
            if session.opens >= until:
                kept.append(session)
                until = session.closes
    return kept


def sittings(schedule: Schedule, first: date, last: date) -> list[Interval]:
    """When a schedule sits on these local dates, closures aside. Raises InvalidPlan when its rule cannot be read."""
    if not schedule.is_active:
        return []
    first = max(first, schedule.starts_on)
    last = min(last, schedule.ends_on or last)
    if first > last:
        return []
    zone = schedule.department.time_zone
    try:
        days = dates(schedule.recurrence, schedule.starts_on, first, last, schedule.start_time, zone)
    except ValidationError as error:
        raise InvalidPlan(
            _("The recurrence of the schedule “%(name)s” (%(doctor)s) cannot be read. Correct it: %(why)s")
            % {"name": schedule.name, "doctor": schedule.doctor_id, "why": " ".join(error.messages)}
        ) from error
    found = []
    for day in days:
        opens = reached(datetime.combine(day, schedule.start_time), zone)
        closes = reached(datetime.combine(day, schedule.end_time), zone)
        if opens < closes:
            found.append((opens, closes))
    return found


def _shut(schedule: Schedule, closures: list[Closure]) -> list[Interval]:
    return [
        span_of(closure, schedule.department.time_zone)
        for closure in closures
        if concerns(closure, schedule.doctor_id, schedule.department_id)
    ]


def closures_over(
    closures: Iterable[Closure], doctor_id: str, department: Department, opens: datetime, closes: datetime
) -> list[Closure]:
    """Those of the closures in which some of this time of a doctor lies, when it is spent in this department."""
    found = []
    for closure in closures:
        start, end = span_of(closure, department.time_zone)
        if concerns(closure, doctor_id, department.pk) and start < closes and end > opens:
            found.append(closure)
    return found


def concerns(closure: Closure, doctor_id: str, department_id: uuid.UUID) -> bool:
    return (
        closure.is_active and closure.doctor_id in (None, doctor_id) and closure.department_id in (None, department_id)
    )


def span_of(closure: Closure, zone: str) -> Interval:
    """From when to when the closure lasts at a site: whole days are days of the site's own clock."""
    if closure.starts_at is not None and closure.ends_at is not None:
        return closure.starts_at, closure.ends_at
    assert closure.first_day is not None and closure.last_day is not None  # noqa: PT018, S101 - closure_span_complete
    return (
        reached(datetime.combine(closure.first_day, time()), zone),
        reached(datetime.combine(closure.last_day + DAY, time()), zone),
    )


def clash(one: Schedule, other: Schedule, first: date, last: date) -> datetime | None:
    """The first instant on these dates at which both sit; None when they never do."""
    # One instant bears three dates at once: in Pago Pago it may be two days earlier than in Kiritimati.
    mine, others = sittings(one, first, last), sittings(other, first - 2 * DAY, last + 2 * DAY)
    at = 0
    for opens, closes in mine:
        while at < len(others) and others[at][1] <= opens:
            at += 1
        if at < len(others) and others[at][0] < closes:
            return max(opens, others[at][0])
    return None
