"""Schedules, and the slots that come from them: staged in one table, decided there, and copied from it.

When a session begins and ends is what ``scheduling.sessions`` says, and a doctor's days away are closures: to
``generate_slots`` the demo hospital is one that it has made itself.

``demo_seats`` then decides what became of each seat: ``first``, the status of its first appointment (NULL for none),
``again``, whether it was taken once more after a cancellation, and from both the status of the slot.
Draws are MD5 of the seed and the number of the seat: the same on every version of PostgreSQL, in any order.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from booking_site.demo.hospital import KINDS, SITES, WALK_IN, Session, Size
from booking_site.demo.people import Clinician, Identifiers, copy_rows
from doctors.models import Department
from scheduling.models import Schedule
from scheduling.sessions import sittings

CHUNK = 25_000  # slots between two moves of the progress bar


def draw(digest: str, number: int) -> str:
    """SQL: the number-th (0 to 3) uniform draw from [0, 1) of an MD5 in hex."""
    return f"(('x' || substr({digest}, {7 * number + 1}, 7))::bit(28)::int / 268435456.0::float8)"


# SQL: a UUID of version 7, from milliseconds and an MD5 in hex.
UUID7 = """(lpad(to_hex({milliseconds}), 12, '0') || '7' || substr({digest}, 1, 3) || '8'
    || substr({digest}, 4, 15))::uuid"""


def before(now: datetime) -> int:
    """Milliseconds from which the n-th row's UUID counts up: three hours ago, so that none lies in the future."""
    return int(now.timestamp() * 1000) - 10_000_000


PLAN = """
CREATE TEMPORARY TABLE demo_plan (
    schedule_id uuid, doctor_id text, department_id uuid, pool text, zone text, today date, walk_in boolean,
    opens timestamptz, closes timestamptz, minutes int, visit_type text, seats int
)
"""

SEATS = f"""
CREATE TEMPORARY TABLE demo_seats AS
WITH seat AS (
    SELECT row_number() OVER (ORDER BY plan.doctor_id, starts_at, seat) AS n, schedule_id, plan.doctor_id,
        department_id, pool, walk_in, (starts_at AT TIME ZONE zone)::date AS date,
        (starts_at AT TIME ZONE zone)::time AS time, today, minutes, visit_type, starts_at, seat,
        NOT walk_in AND {draw("md5(concat_ws(':', %(seed)s, plan.doctor_id, day - %(day)s::date))", 0)} < 0.02 AS away
    FROM demo_plan AS plan
    CROSS JOIN LATERAL (SELECT (opens AT TIME ZONE zone)::date AS day) AS local
    CROSS JOIN LATERAL generate_series(
        opens, closes - make_interval(mins => minutes), make_interval(mins => minutes)
    ) AS starts_at
    CROSS JOIN LATERAL generate_series(1, seats) AS seat
), drawn AS (
    SELECT seat.*, digest, {draw("digest", 0)} AS taken, {draw("digest", 1)} AS fate, {draw("digest", 2)} AS lead,
        {draw("digest", 3)} AS again_draw
    FROM seat, LATERAL (SELECT md5(concat_ws(':', %(seed)s, 'seat', n)) AS digest) AS draws
)
SELECT n, {UUID7.format(milliseconds="%(milliseconds)s::bigint + n", digest="digest")} AS slot_id,
    schedule_id, doctor_id, department_id, pool, walk_in, date, time, today, minutes, visit_type, starts_at,
    starts_at + make_interval(mins => minutes) AS ends_at, seat, away, lead, again_draw,
    CASE
        WHEN away THEN NULL
        WHEN date < today THEN CASE  -- about 10 %% cancel, 6.5 %% do not come
            WHEN taken >= CASE WHEN walk_in THEN 0.30 ELSE 0.86 END THEN NULL
            WHEN fate < 0.100 THEN 'cancelled'
            WHEN fate < 0.165 THEN 'no_show'
            ELSE 'completed'
        END
        WHEN date > today THEN CASE  -- 60 %% taken tomorrow, and fewer the farther away
            WHEN taken >= CASE WHEN walk_in THEN 0.03 ELSE 0.62 * exp((today - date) / 30.0::float8) END THEN NULL
            WHEN fate < 0.07 THEN 'cancelled'
            ELSE 'booked'
        END
        WHEN taken >= CASE WHEN walk_in THEN 0.40 ELSE 0.90 END THEN NULL
        WHEN fate < 0.08 THEN 'cancelled'
        WHEN starts_at > %(now)s + interval '40 minutes' THEN 'booked'
        WHEN starts_at > %(now)s THEN CASE WHEN fate < 0.45 THEN 'checked_in' ELSE 'booked' END
        WHEN fate < 0.14 THEN 'no_show'
        WHEN starts_at + make_interval(mins => minutes) > %(now)s THEN 'in_progress'
        ELSE 'completed'
    END AS first
FROM drawn
ORDER BY n
"""

# Whatever the hour, each site has today an appointment in each status: the walk-in seats around now are given one
# each. The night shift begins at midnight with three seats, so there are always three that have begun.
TODAY = """
UPDATE demo_seats SET first = showcase.status
FROM (
    SELECT n, (ARRAY['in_progress', 'no_show', 'completed', 'checked_in', 'booked', 'cancelled'])[row_number() OVER (
        PARTITION BY department_id
        ORDER BY CASE WHEN NOT ahead AND nearness <= 3 THEN 1 WHEN ahead THEN 2 ELSE 3 END, nearness
    )] AS status
    FROM (
        SELECT n, department_id, starts_at > %(now)s AS ahead, row_number() OVER (
            PARTITION BY department_id, starts_at > %(now)s ORDER BY abs(extract(epoch FROM starts_at - %(now)s)), seat
        ) AS nearness
        FROM demo_seats WHERE walk_in AND date = today
    ) AS near
) AS showcase
WHERE demo_seats.n = showcase.n AND showcase.status IS NOT NULL
"""

# Half of the seats that were given up are taken again, but not those of today.
AGAIN = "(first = 'cancelled' AND date <> today AND again_draw < 0.5)"

WRITE = f"""
INSERT INTO available_slots (
    id, doctor_id, department_id, schedule_id, date, time, duration_minutes, status, starts_at, ends_at, seat,
    visit_type, held_by, hold_digest, created_at, updated_at
)
SELECT slot_id, doctor_id, department_id, schedule_id, date, time, minutes,
    CASE
        WHEN away THEN 'withdrawn'
        WHEN first NOT IN ('cancelled', 'no_show') OR {AGAIN} THEN 'booked'
        ELSE 'available'
    END,
    starts_at, ends_at, seat, visit_type, '', '', %(now)s, %(now)s
FROM demo_seats WHERE n > %(after)s AND n <= %(after)s + %(chunk)s
"""


AWAY = """
INSERT INTO closures (id, doctor_id, first_day, last_day, reason, source, is_active, created_at, updated_at)
SELECT {id}, doctor_id, date, date, (%(reasons)s::text[])[1 + floor({pick} * cardinality(%(reasons)s::text[]))::int],
    '', TRUE, %(now)s, %(now)s
FROM (
    SELECT doctor_id, date, row_number() OVER (ORDER BY doctor_id, date) AS n,
        md5(concat_ws(':', %(seed)s, 'away', doctor_id, date - %(day)s::date)) AS digest
    FROM demo_seats WHERE away GROUP BY doctor_id, date
) AS absence
""".format(id=UUID7.format(milliseconds="%(milliseconds)s::bigint + n", digest="digest"), pick=draw("digest", 1))
REASONS = ["Conference", "Training", "On leave", "Hospital board"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A weekly session of a doctor between two days."""

    clinician: Clinician
    session: Session
    today: date  # at the department's site
    starts_on: date
    ends_on: date

    def schedule(self, key: uuid.UUID) -> Schedule:
        """Doctors who stay have no last day."""
        session = self.session
        return Schedule(
            id=key,
            doctor_id=self.clinician.code,
            department=Department(id=self.clinician.department_id, time_zone=SITES[self.clinician.unit.site][1]),
            name=session.name,
            recurrence=session.recurrence,
            starts_on=self.starts_on,
            ends_on=self.ends_on if self.clinician.leaves else None,
            start_time=session.start,
            end_time=session.end,
            slot_minutes=session.minutes,
            seats=session.seats,
            visit_type_id=session.visit_type,
            room=session.room,
        )


def plan(size: Size, clinicians: list[Clinician], now: datetime) -> list[Planned]:
    """Who works when. The walk-in teams have a short horizon; the others as many working days as the size asks for."""
    today = {zone: now.astimezone(ZoneInfo(zone)).date() for _, zone in SITES}
    rota = {}
    for number, clinician in enumerate(clinicians):
        rota[clinician.code] = WALK_IN if clinician.unit.walk_in else size.weeks[number % len(size.weeks)]
    ahead = _days_ahead(size, clinicians, rota, min(today.values()))
    planned = []
    for clinician in clinicians:
        day = today[SITES[clinician.unit.site][1]]
        if clinician.unit.walk_in:
            first, last = day - timedelta(days=size.walk_in_days), day + timedelta(days=size.walk_in_days)
        else:
            first, last = _working_day(day, -size.days_back), _working_day(day, ahead)
        if clinician.leaves:
            last = day - timedelta(days=1)
        planned += [Planned(clinician, session, day, first, last) for session in rota[clinician.code]]
    return planned


def _working_day(day: date, count: int) -> date:
    """The count-th working day, Monday to Friday, after the day; before it when count is negative."""
    step = timedelta(days=1 if count > 0 else -1)
    while count:
        day += step
        if day.isoweekday() <= 5:
            count += -1 if count > 0 else 1
    return day


def _days_ahead(size: Size, clinicians: list[Clinician], rota: dict[str, tuple[Session, ...]], today: date) -> int:
    """Working days ahead: those of the size, and more until the slots of the regular clinics alone add up."""
    ahead = size.days_ahead
    if not size.slots:
        return ahead
    per_weekday = [0] * 8
    total = 0
    for clinician in clinicians:
        for session in rota[clinician.code]:
            for weekday in session.weekdays:
                if not (clinician.unit.walk_in or clinician.leaves):
                    per_weekday[weekday] += session.slots
    day = _working_day(today, -size.days_back)
    end = _working_day(today, ahead)
    while True:
        total += per_weekday[day.isoweekday()]
        if day >= end:
            if total >= size.slots:
                return ahead
            ahead += 1
            end = _working_day(today, ahead)
        day += timedelta(days=1)


VISIT_TYPES = """
INSERT INTO visit_types (
    code, name, duration_minutes, latest_minutes, is_public, instructions, is_active, created_at, updated_at
) VALUES (%s, %s, %s, %s, TRUE, %s, TRUE, %s, %s)
ON CONFLICT (code) DO UPDATE SET name = excluded.name, duration_minutes = excluded.duration_minutes,
    latest_minutes = excluded.latest_minutes, instructions = excluded.instructions
"""


def write_visit_types(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            VISIT_TYPES,
            [(each.code, each.name, each.minutes, each.latest_minutes, each.instructions, now, now) for each in KINDS],
        )


def write_schedules(planned: list[Planned], identify: Identifiers, now: datetime) -> None:
    """The schedules, and beside them the staging table that the slots are made from."""
    schedules = [(item, item.schedule(identify())) for item in planned]
    Schedule.objects.bulk_create([schedule for _, schedule in schedules])
    Schedule.objects.update(created_at=now, updated_at=now)
    with connection.cursor() as cursor:
        cursor.execute(PLAN)
    columns = (
        *("schedule_id", "doctor_id", "department_id", "pool", "zone", "today", "walk_in", "opens", "closes"),
        *("minutes", "visit_type", "seats"),
    )
    copy_rows("demo_plan", columns, _sittings(schedules))


def _sittings(schedules: list[tuple[Planned, Schedule]]) -> Iterator[tuple]:
    for item, schedule in schedules:
        unit = item.clinician.unit
        for opens, closes in sittings(schedule, item.starts_on, item.ends_on):
            yield (
                *(schedule.pk, schedule.doctor_id, schedule.department_id, unit.pool, schedule.department.time_zone),
                *(item.today, unit.walk_in, opens, closes),
                *(schedule.slot_minutes, schedule.visit_type_id, schedule.seats),
            )


def stage_seats(seed: int, now: datetime) -> int:
    """Make ``demo_seats``; returns how many there are."""
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"seed": seed, "now": now, "day": now.date(), "milliseconds": before(now)}
        cursor.execute(SEATS, parameters)
        count = cursor.rowcount
        cursor.execute("CREATE UNIQUE INDEX ON demo_seats (n)")
        cursor.execute(TODAY, parameters)
        cursor.execute(AWAY, parameters | {"reasons": REASONS})
        cursor.execute("ANALYZE demo_seats")
    return count


def write_slots(count: int, now: datetime, advance: Callable[[int], object]) -> None:
    with connection.cursor() as cursor:
        for after in range(0, count, CHUNK):
            cursor.execute(WRITE, {"now": now, "after": after, "chunk": CHUNK})
            advance(cursor.rowcount)
