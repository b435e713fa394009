"""Who sits in the seats that are taken: one row of appointments each, written by ``appointments.history``.

On a day (in UTC) nobody has more than one appointment: the day's seats are numbered, and the numbers are sent to
patients by ``(a * number + b) modulo patients`` with ``a`` prime to the number of patients, another ``a`` and ``b``
each day. So no two live appointments of one patient overlap, without a look at any other row.
"""

import math
import uuid
from datetime import datetime, timedelta
from random import Random

from django.db import connection

from appointments import history
from booking_site.core.actor import command
from booking_site.demo.hospital import BOOKERS, CANCELLATIONS, Unit
from booking_site.demo.people import Pools, copy_rows
from booking_site.demo.slots import AGAIN, UUID7, before, draw

PATIENTS = (
    "CREATE TEMPORARY TABLE demo_patients (pool text, number bigint, patient_id uuid, PRIMARY KEY (pool, number))"
)
DAYS = "CREATE TEMPORARY TABLE demo_days (pool text, utc_day date, a bigint, b bigint, patients bigint)"
REASONS = "CREATE TEMPORARY TABLE demo_reasons (department_id uuid, reasons text[])"

# ``first``: booked between one hour and 40 days ahead (walk-ins: up to an hour), and given up some time before the
# start, if so. ``again``: booked between that time and the start. The last columns follow the visit through the day.
VISITS = f"""
WITH first AS (
    SELECT demo_seats.*, least(starts_at, %(now)s) AS until,
        least(starts_at, %(now)s) - CASE
            WHEN walk_in THEN interval '1 hour' * (0.1 + 0.9 * lead)
            ELSE interval '1 hour' + interval '40 days' * (lead * lead)
        END AS booked_at
    FROM demo_seats WHERE first IS NOT NULL
), given_up AS (
    SELECT first.*, booked_at + again_draw * (until - booked_at) AS cancelled_at FROM first
), visit AS (
    SELECT 2 * n AS k, first AS status, booked_at, CASE WHEN first = 'cancelled' THEN cancelled_at END AS cancelled_at,
        slot_id, doctor_id, department_id, pool, date, time, starts_at, ends_at, visit_type
    FROM given_up
    UNION ALL
    SELECT 2 * n + 1, CASE WHEN starts_at < %(now)s THEN 'completed' ELSE 'booked' END,
        cancelled_at + (1 - lead) * (until - cancelled_at), NULL,
        slot_id, doctor_id, department_id, pool, date, time, starts_at, ends_at, visit_type
    FROM given_up WHERE {AGAIN}
), numbered AS (
    SELECT visit.*, (starts_at AT TIME ZONE 'UTC')::date AS utc_day,
        row_number() OVER (PARTITION BY pool, (starts_at AT TIME ZONE 'UTC')::date ORDER BY k) - 1 AS number
    FROM visit
), drawn AS (
    SELECT numbered.*, digest, patient_id, reasons,
        {draw("digest", 0)} AS d0, {draw("digest", 1)} AS d1, {draw("digest", 2)} AS d2, {draw("digest", 3)} AS d3
    FROM numbered
    JOIN demo_days USING (pool, utc_day)
    JOIN demo_patients ON demo_patients.pool = demo_days.pool
        AND demo_patients.number = (a * numbered.number + b) %% patients
    JOIN demo_reasons USING (department_id),
    LATERAL (SELECT md5(concat_ws(':', %(seed)s, 'visit', k)) AS digest) AS draws
), arrived AS (
    SELECT drawn.*, CASE WHEN status IN ('checked_in', 'in_progress', 'completed')
        THEN greatest(booked_at, least(%(now)s, starts_at - d0 * interval '20 minutes')) END AS checked_in_at
    FROM drawn
), begun AS (
    SELECT arrived.*, CASE WHEN status IN ('in_progress', 'completed')
        THEN greatest(checked_in_at, least(%(now)s, starts_at + d1 * interval '10 minutes')) END AS started_at
    FROM arrived
)
SELECT {UUID7.format(milliseconds="%(milliseconds)s::bigint + k", digest="digest")} AS id,
    patient_id, doctor_id, department_id, slot_id, status, date, time, starts_at, ends_at, visit_type, booked_at,
    cancelled_at, checked_in_at, started_at, NULL::text AS external_id, NULL::timestamptz AS requested_datetime,
    reasons[1 + floor(d2 * cardinality(reasons))::int] AS reason,
    CASE WHEN status = 'completed' THEN greatest(
        started_at, least(%(now)s, starts_at + (0.6 + 0.5 * d3) * (ends_at - starts_at))
    ) END AS completed_at,
    CASE WHEN status = 'no_show' THEN least(%(now)s, starts_at + (1 + d0) * interval '15 minutes') END AS no_show_at,
    CASE WHEN status = 'cancelled' THEN cancellations[1 + floor(d3 * cardinality(cancellations))::int]
        ELSE '' END AS cancellation_reason,
    bookers[1 + floor(d1 * cardinality(bookers))::int] AS booked_by
FROM begun, (SELECT %(cancellations)s::text[] AS cancellations, %(bookers)s::text[] AS bookers) AS texts
ORDER BY k
"""


def write_visits(seed: int, rng: Random, now: datetime, departments: dict[uuid.UUID, Unit], pools: Pools) -> int:
    """Fill the seats of ``demo_seats``; returns the number of appointments."""
    with connection.cursor() as cursor:
        for statement in (PATIENTS, DAYS, REASONS):
            cursor.execute(statement)
        cursor.execute(
            "SELECT min(starts_at AT TIME ZONE 'UTC')::date, max(starts_at AT TIME ZONE 'UTC')::date FROM demo_seats"
        )
        first, last = cursor.fetchone()
    days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    sizes = {"children": pools.children, "adults": pools.adults}
    copy_rows(
        "demo_patients",
        ("pool", "number", "patient_id"),
        ((pool, number, key) for pool, keys in sizes.items() for number, key in enumerate(keys)),
    )
    copy_rows(
        "demo_days",
        ("pool", "utc_day", "a", "b", "patients"),
        ((pool, day, *_shuffle(len(keys), rng), len(keys)) for pool, keys in sizes.items() for day in days),
    )
    copy_rows(
        "demo_reasons",
        ("department_id", "reasons"),
        ((key, list(unit.reasons)) for key, unit in departments.items()),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE demo_patients, demo_days, demo_reasons")
    return history.load_query(
        actor=command("demo"),
        source="demo",
        query=VISITS,
        parameters={
            "seed": seed,
            "now": now,
            "milliseconds": before(now),
            "cancellations": list(CANCELLATIONS),
            "bookers": list(BOOKERS),
        },
    )


def _shuffle(count: int, rng: Random) -> tuple[int, int]:
    """``a`` and ``b`` of the day."""
    while math.gcd(a := rng.randrange(1, count + 1), count) != 1:
        pass
    return a, rng.randrange(count)
