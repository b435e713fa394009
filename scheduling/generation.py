"""Make the slots agree with the plan: what schedules and closures say, against what is in ``available_slots``.

``compare`` finds the difference and writes nothing: it is what a preview shows. ``apply`` finds it again and makes it
true. Both are given the plan, which need not be the one in the database yet, and both are sets of rows in SQL.

Doctors in question must be locked (``lock_doctors``) before the plan is read: of two changes at once the second then
sees the first. Where it is still to be found out who they are (``lock_all_doctors``), nobody may be added meanwhile.
Bookings go on: a slot that somebody takes meanwhile is met as a booked one.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from doctors.models import Department, Doctor
from scheduling.models import AvailableSlot, Closure, Schedule
from scheduling.sessions import Interval, Session, span_of

ROUNDS = 3  # of comparing and changing, while bookings go on


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What shall be, of some doctors, for slots that begin from ``begin`` up to ``end``.

    Slots that are missing are made for the local dates up to ``until``, or as far as the doctor's schedules have had
    slots already; without ``until`` none are made. Of a doctor who is inactive none are made either, but those that
    are there follow the plan.
    """

    doctors: Sequence[str]
    sessions: Sequence[Session]
    closures: Sequence[Closure]
    begin: datetime
    end: datetime
    until: date | None


@dataclass(kw_only=True, slots=True)
class Difference:
    """What a plan changes. Slots by id; ``added`` is how many are new."""

    added: int = 0
    reinstated: list[uuid.UUID] = field(default_factory=list)  # withdrawn by an earlier plan, wanted again
    withdrawn: list[uuid.UUID] = field(default_factory=list)  # free and wanted no longer
    replaced: list[uuid.UUID] = field(default_factory=list)  # free, the session goes on, but in other slots
    retired: list[uuid.UUID] = field(default_factory=list)  # booked, and the patient needs a new time
    restored: list[uuid.UUID] = field(default_factory=list)  # booked, retired by an earlier plan, and fine again

    def __bool__(self) -> bool:
        return self.total > 0

    def __add__(self, other: "Difference") -> "Difference":
        return Difference(
            added=self.added + other.added,
            reinstated=self.reinstated + other.reinstated,
            withdrawn=self.withdrawn + other.withdrawn,
            replaced=self.replaced + other.replaced,
            retired=self.retired + other.retired,
            restored=self.restored + other.restored,
        )

    @property
    def total(self) -> int:
        return self.added + len(self.changed)

    @property
    def changed(self) -> list[uuid.UUID]:
        """The slots that are there already."""
        return self.reinstated + self.withdrawn + self.replaced + self.retired + self.restored

    @property
    def counts(self) -> dict[str, int]:
        """Slots to add and to withdraw, appointments that need a new time, and those that no longer do."""
        return {
            "added": self.added + len(self.reinstated),
            "withdrawn": len(self.withdrawn) + len(self.replaced),
            "affected": len(self.retired),
            "restored": len(self.restored),
        }


# The plan as rows, and the slots that are there. A slot withdrawn by hand stands: nothing is put in its place.
_PLAN = """
WITH pattern AS (
    SELECT pattern.*, greatest(%(until)s::date, made.until) AS until FROM unnest(
        %(schedules)s::uuid[], %(of_doctor)s::text[], %(of_department)s::uuid[], %(zones)s::text[],
        %(minutes)s::int[], %(steps)s::int[], %(seats)s::int[], %(visit_types)s::text[], %(public)s::boolean[],
        %(made)s::boolean[]
    ) AS pattern (
        schedule_id, doctor_id, department_id, zone, minutes, step, seats, visit_type, is_public, is_made
    ) LEFT JOIN LATERAL (
        SELECT date AS until FROM available_slots
        WHERE available_slots.doctor_id = pattern.doctor_id AND available_slots.schedule_id IS NOT NULL
        ORDER BY date DESC, time DESC LIMIT 1
    ) AS made ON TRUE
), session AS (
    SELECT schedule_id, opens, closes, closed::tstzmultirange AS closed FROM unnest(
        %(of_schedule)s::uuid[], %(opens)s::timestamptz[], %(closes)s::timestamptz[], %(closed)s::text[]
    ) AS session (schedule_id, opens, closes, closed)
), wanted AS (
    SELECT pattern.*, starts_at, starts_at + make_interval(mins => minutes) AS ends_at, seat,
        is_made AND (starts_at AT TIME ZONE zone)::date <= until AS is_due
    FROM session JOIN pattern USING (schedule_id)
    CROSS JOIN LATERAL generate_series(
        opens, closes - make_interval(mins => minutes), make_interval(mins => step)
    ) AS starts_at
    CROSS JOIN LATERAL generate_series(1, seats) AS seat
    WHERE starts_at >= %(begin)s AND starts_at < %(end)s
        AND (closed IS NULL OR NOT closed && tstzrange(starts_at, starts_at + make_interval(mins => minutes)))
), existing AS (
    SELECT id, doctor_id, department_id, schedule_id, starts_at, ends_at, duration_minutes, seat, visit_type, is_public,
        status, retiring, by_hand
    FROM available_slots
    -- and a day more at both ends (no slot is longer): they may reach into the time in question
    WHERE doctor_id = ANY (%(doctors)s) AND starts_at >= %(begin)s - interval '1 day'
        AND starts_at < %(end)s + interval '1 day'
        AND date BETWEEN %(begin)s::date - 2 AND %(end)s::date + 2  -- what is indexed
), standing AS (
    SELECT * FROM existing WHERE status <> 'withdrawn' OR by_hand
)
"""
_SAME = """existing.schedule_id = wanted.schedule_id AND existing.doctor_id = wanted.doctor_id
    AND existing.starts_at = wanted.starts_at
    AND existing.seat = wanted.seat AND existing.duration_minutes = wanted.minutes
    AND existing.visit_type = wanted.visit_type AND existing.department_id = wanted.department_id
    AND existing.is_public = wanted.is_public"""
# Neither a slot nor a session is longer than a day, so what overlaps begins on the same day or on days side by side.
# Said with _NEAR beside "one", that finds the few to compare by a hash join; else each would be compared with each.
_NEAR = "generate_series(-1, 1) AS near"
_OVERLAP = """({one}.starts_at AT TIME ZONE 'UTC')::date + near = ({other}.starts_at AT TIME ZONE 'UTC')::date
    AND {one}.doctor_id = {other}.doctor_id AND {one}.seat = {other}.seat
    AND {one}.starts_at < {other}.ends_at AND {one}.ends_at > {other}.starts_at"""
_CLOSED = """coalesce(closure.doctor_id, {slot}.doctor_id) = {slot}.doctor_id
    AND coalesce(closure.department_id, {slot}.department_id) = {slot}.department_id
    AND closure.zone = (SELECT time_zone FROM departments WHERE departments.id = {slot}.department_id)
    AND closure.starts_at < {slot}.ends_at AND closure.ends_at > {slot}.starts_at"""

# One row for each slot that changes, and one (without id) that counts the slots to be made.
COMPARE = f"""{_PLAN}
, closure AS (
    SELECT * FROM unnest(
        %(closure_doctors)s::text[], %(closure_departments)s::uuid[], %(closure_zones)s::text[],
        %(closure_starts)s::timestamptz[], %(closure_ends)s::timestamptz[]
    ) AS closure (doctor_id, department_id, zone, starts_at, ends_at)
), odd AS (  -- on one side only
    SELECT existing.*, wanted.schedule_id AS wanted_schedule_id, wanted.doctor_id AS wanted_doctor_id,
        wanted.department_id AS wanted_department_id, wanted.starts_at AS wanted_starts_at,
        wanted.ends_at AS wanted_ends_at, wanted.seat AS wanted_seat, wanted.minutes AS wanted_minutes,
        wanted.visit_type AS wanted_visit_type, wanted.is_public AS wanted_is_public, wanted.is_due
    FROM standing AS existing FULL JOIN wanted ON {_SAME}
    WHERE existing.id IS NULL OR existing.starts_at >= %(begin)s AND existing.starts_at < %(end)s
        AND (wanted.schedule_id IS NULL OR existing.retiring)
), sitting AS MATERIALIZED (  -- for each day on which a slot of it may begin
    SELECT doctor_id, department_id, opens, closes, closed, (opens AT TIME ZONE 'UTC')::date + near AS day
    FROM session JOIN pattern USING (schedule_id), {_NEAR}
), sat AS MATERIALIZED (  -- in a session, whichever slots that has
    SELECT odd.id FROM odd JOIN sitting USING (doctor_id, department_id)
    WHERE day = (odd.starts_at AT TIME ZONE 'UTC')::date AND opens <= odd.starts_at AND closes >= odd.ends_at
        AND (closed IS NULL OR NOT closed && tstzrange(odd.starts_at, odd.ends_at))
), judged AS (
    SELECT odd.id, status, retiring, by_hand, schedule_id, odd.doctor_id, seat, odd.starts_at, odd.ends_at,
        wanted_schedule_id IS NOT NULL OR CASE WHEN schedule_id IS NULL THEN NOT EXISTS (
            SELECT FROM closure WHERE {_CLOSED.format(slot="odd")}
        ) ELSE id IN (SELECT id FROM sat) END AS covered
    FROM odd WHERE id IS NOT NULL
), change AS (
    SELECT id, CASE
        WHEN by_hand THEN NULL
        WHEN status = 'booked' AND NOT covered AND NOT retiring THEN 'retired'
        WHEN status = 'booked' AND covered AND retiring THEN 'restored'
        WHEN status = 'booked' THEN NULL
        WHEN NOT covered THEN 'withdrawn'
        WHEN schedule_id IS NOT NULL THEN 'replaced'
    END AS kind
    FROM judged
), staying AS (
    SELECT doctor_id, seat, starts_at, ends_at FROM standing
    WHERE id NOT IN (SELECT id FROM change WHERE kind IN ('withdrawn', 'replaced'))
), unclosed AS (  -- added by hand, withdrawn by a closure that is no more
    SELECT existing.id, doctor_id, seat, starts_at, ends_at FROM existing
    WHERE status = 'withdrawn' AND NOT by_hand AND schedule_id IS NULL
        AND starts_at >= %(begin)s AND starts_at < %(end)s
        AND NOT EXISTS (
            SELECT FROM closure WHERE {_CLOSED.format(slot="existing")}
        )
        AND NOT EXISTS (SELECT FROM staying, {_NEAR} WHERE {_OVERLAP.format(one="staying", other="existing")})
), loose AS (  -- of two at one time the first
    SELECT * FROM unclosed WHERE NOT EXISTS (
        SELECT FROM unclosed AS earlier, {_NEAR}
        WHERE earlier.id < unclosed.id AND {_OVERLAP.format(one="earlier", other="unclosed")}
    )
), missing AS (
    SELECT wanted_schedule_id AS schedule_id, wanted_doctor_id AS doctor_id, wanted_department_id AS department_id,
        wanted_starts_at AS starts_at, wanted_ends_at AS ends_at, wanted_seat AS seat, wanted_minutes AS minutes,
        wanted_visit_type AS visit_type, wanted_is_public AS is_public, is_due
    FROM odd WHERE id IS NULL
), open AS (
    SELECT * FROM missing AS wanted
    WHERE NOT EXISTS (
        SELECT FROM (SELECT doctor_id, seat, starts_at, ends_at FROM staying
            UNION ALL SELECT doctor_id, seat, starts_at, ends_at FROM loose) AS other, {_NEAR}
        WHERE {_OVERLAP.format(one="other", other="wanted")}
    )
), back AS (
    SELECT DISTINCT ON (wanted.schedule_id, wanted.starts_at, wanted.seat) existing.id, wanted.is_due
    FROM open AS wanted JOIN existing ON {_SAME}
    WHERE existing.status = 'withdrawn' AND NOT existing.by_hand
    ORDER BY wanted.schedule_id, wanted.starts_at, wanted.seat, existing.id
)
SELECT kind, id, NULL::bigint AS number FROM change WHERE kind IS NOT NULL
UNION ALL SELECT 'reinstated', id, NULL FROM back
UNION ALL SELECT 'reinstated', id, NULL FROM loose
UNION ALL SELECT 'added', NULL, (SELECT count(*) FROM open WHERE is_due) - (SELECT count(*) FROM back WHERE is_due)
"""

# Ids of version 7 (RFC 9562): the first 48 bits of a random one are the moment, and the version becomes 7.
_UUID7 = """encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM statement_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1), 'hex')::uuid"""

# Nothing is in its way: whoever else makes or reinstates a doctor's slots holds the doctor's lock as well. (ON CONFLICT
# DO NOTHING would ask the exclusion constraint twice for each slot, for four tenths more time.)
ADD = f"""{_PLAN}
INSERT INTO available_slots (
    id, doctor_id, department_id, schedule_id, date, time, duration_minutes, status, starts_at, ends_at, seat,
    visit_type, is_public, retiring, by_hand, note, held_by, hold_digest, created_at, updated_at
)
SELECT {_UUID7}, doctor_id, department_id, schedule_id, (starts_at AT TIME ZONE zone)::date,
    (starts_at AT TIME ZONE zone)::time, minutes, 'available', starts_at, ends_at, seat, visit_type, is_public,
    FALSE, FALSE, '', '', '', now(), now()
FROM wanted
WHERE is_due
    AND NOT EXISTS (SELECT FROM standing AS existing WHERE {_SAME})
    AND NOT EXISTS (SELECT FROM standing, {_NEAR} WHERE {_OVERLAP.format(one="standing", other="wanted")})
ORDER BY doctor_id, starts_at, seat
"""

# By the state that each row has when it is written: what was free when the plans were compared may be booked by now.
TAKE_OFF = """
UPDATE available_slots
SET status = CASE status WHEN 'booked' THEN 'booked' ELSE 'withdrawn' END, retiring = (status = 'booked'),
    held_until = NULL, held_by = '', hold_digest = '', updated_at = clock_timestamp()
WHERE id = ANY (%s) AND status <> 'withdrawn' AND NOT retiring
RETURNING id, retiring
"""
REPLACE = """
UPDATE available_slots
SET status = 'withdrawn', held_until = NULL, held_by = '', hold_digest = '', updated_at = clock_timestamp()
WHERE id = ANY (%s) AND status IN ('available', 'held')
RETURNING id
"""
REINSTATE = """
UPDATE available_slots SET status = 'available', updated_at = clock_timestamp()
WHERE id = ANY (%s) AND status = 'withdrawn' AND NOT by_hand
RETURNING id
"""
RESTORE = """
UPDATE available_slots SET retiring = FALSE, updated_at = clock_timestamp() WHERE id = ANY (%s) AND retiring
RETURNING id
"""


_ALL_DOCTORS = "hashtextextended('plans of all doctors', 0)"


def lock_doctors(codes: "Iterable[str] | QuerySet") -> None:
    """Let no other change of these doctors' plans begin before this transaction ends. In order, against deadlocks."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared({_ALL_DOCTORS})")
    list(Doctor.objects.select_for_update(no_key=True).filter(pk__in=codes).order_by("pk").values_list("pk", flat=True))


def lock_all_doctors() -> None:
    """Let no change of any doctor's plan begin: of one, too, who has no schedule or slot yet. To be asked for first."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_ALL_DOCTORS})")


def compare(plan: Plan) -> Difference:
    """What the plan would change. Writes nothing."""
    found = Difference()
    with _planned() as cursor:
        cursor.execute(COMPARE, _parameters(plan))
        for kind, slot_id, number in cursor:
            if kind == "added":
                found.added = number
            else:
                getattr(found, kind).append(slot_id)
    return found


@contextmanager
def _planned() -> Iterator[Any]:
    """A cursor for COMPARE and ADD, of whose rows the planner knows nothing: taking thousands for one, it would walk
    all of them again and again (nested loops); taking one for thousands, it would compile what runs faster as it is."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off; SET LOCAL enable_nestloop = off")
        yield cursor
        cursor.execute("SET LOCAL jit TO DEFAULT; SET LOCAL enable_nestloop TO DEFAULT")


def apply(plan: Plan) -> Difference:
    """Make the slots agree with the plan; returns what was changed. In the caller's transaction."""
    done = Difference()
    for _ in range(ROUNDS):
        found = compare(plan)
        changed = _change(plan, found) if found else found
        done += changed
        if changed.total == found.total:
            break  # else somebody booked or cancelled in between
    return done


def _change(plan: Plan, found: Difference) -> Difference:
    done = Difference()
    _lock(found.changed)
    with connection.cursor() as cursor:
        taken_off = _update(cursor, TAKE_OFF, found.withdrawn + found.retired)
        done.withdrawn = [slot_id for slot_id, retiring in taken_off if not retiring]
        done.retired = [slot_id for slot_id, retiring in taken_off if retiring]
        done.replaced = [slot_id for (slot_id,) in _update(cursor, REPLACE, found.replaced)]
        done.restored = [slot_id for (slot_id,) in _update(cursor, RESTORE, found.restored)]
        done.reinstated = [slot_id for (slot_id,) in _update(cursor, REINSTATE, found.reinstated)]
    if found.added:
        with _planned() as cursor:
            cursor.execute(ADD, _parameters(plan))
            done.added = cursor.rowcount
    return done


def _lock(slot_ids: list[uuid.UUID]) -> None:
    """As bookings lock them, against deadlocks: an appointment before its slot, and slots by their keys."""
    appointments: Any = AvailableSlot._meta.get_field("appointments").related_model
    for locked in (
        appointments.objects.filter(slot_id__in=slot_ids, status="booked"),
        AvailableSlot.objects.filter(pk__in=slot_ids),
    ):
        list(locked.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _update(cursor: Any, statement: str, slot_ids: list[uuid.UUID]) -> list[tuple[Any, ...]]:
    if not slot_ids:
        return []
    cursor.execute(statement, [slot_ids])
    return list(cursor.fetchall())


def _parameters(plan: Plan) -> dict[str, Any]:
    schedules: dict[uuid.UUID, Schedule] = {session.schedule.pk: session.schedule for session in plan.sessions}
    zones = sorted(set(Department.objects.order_by().values_list("time_zone", flat=True))) if plan.closures else []
    shut = [(closure, zone) for closure in plan.closures if closure.is_active for zone in zones]
    spans = [span_of(closure, zone) for closure, zone in shut]
    return {
        "doctors": list(plan.doctors),
        "begin": plan.begin,
        "end": plan.end,
        "until": plan.until,
        "schedules": list(schedules),
        "of_doctor": [schedule.doctor_id for schedule in schedules.values()],
        "of_department": [schedule.department_id for schedule in schedules.values()],
        "zones": [schedule.department.time_zone for schedule in schedules.values()],
        "minutes": [schedule.slot_minutes for schedule in schedules.values()],
        "steps": [schedule.slot_minutes + schedule.buffer_minutes for schedule in schedules.values()],
        "seats": [schedule.seats for schedule in schedules.values()],
        "visit_types": [schedule.visit_type_id for schedule in schedules.values()],
        "public": [schedule.is_public for schedule in schedules.values()],
        "made": [plan.until is not None and schedule.doctor.is_active for schedule in schedules.values()],
        "of_schedule": [session.schedule.pk for session in plan.sessions],
        "opens": [session.opens for session in plan.sessions],
        "closes": [session.closes for session in plan.sessions],
        "closed": [_multirange(session.closed) for session in plan.sessions],
        "closure_doctors": [closure.doctor_id for closure, _zone in shut],
        "closure_departments": [closure.department_id for closure, _zone in shut],
        "closure_zones": [zone for _closure, zone in shut],
        "closure_starts": [start for start, _end in spans],
        "closure_ends": [end for _start, end in spans],
    }


def _multirange(intervals: Iterable[Interval]) -> str | None:
    ranges = [f"[{start.isoformat()},{end.isoformat()})" for start, end in intervals]
    return "{" + ",".join(ranges) + "}" if ranges else None
