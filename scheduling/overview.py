"""Many doctors or days at a glance: the first free seats of each doctor, how many are free on each day.

Each is one statement. The filters of the search come as querysets, whose SQL is put inside, and the rules from
``availability``: whatever is shown here, the search shows too.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import DateField, DateTimeField, QuerySet, TextField
from django.db.models.expressions import RawSQL

from booking_site import replica
from booking_site.core.sql import checked
from scheduling.availability import FREE_EACH_SQL, FREE_EACH_TO_STAFF_SQL, FREE_SHARED_SQL

Row = dict[str, Any]
MOST_DOCTORS = 50

# For each doctor a walk along idx_slot_open_doctor, which ends with the last seat asked for.
FIRST_OF_EACH_DOCTOR = """
SELECT seat.*
FROM unnest(%s::text[]) WITH ORDINALITY AS asked (doctor_id, place)
CROSS JOIN LATERAL ({seats}) AS seat
ORDER BY {order} seat.starts_at, seat.id
"""

# The seats of a doctor, a day and a visit type first become one row, for the rules that they share. It goes by the name
# of the table in whose words the rules are written, with the id of no seat: none of these is taken. OFFSET 0 keeps the
# dates out of the walk along the index in order of time, which is bounded by instants.
FREE_BY_DAY = """
SELECT available_slots.date, departments.time_zone, sum(available_slots.free)::int AS free,
    min(available_slots.first_starts_at) AS first_starts_at, max(available_slots.last_starts_at) AS last_starts_at
FROM (
    SELECT '00000000-0000-0000-0000-000000000000'::uuid AS id, available_slots.doctor_id,
        available_slots.department_id, available_slots.date, available_slots.visit_type, count(*) AS free,
        min(available_slots.starts_at) AS first_starts_at, max(available_slots.starts_at) AS last_starts_at
    FROM ({seats}) AS available_slots JOIN visit_types ON visit_types.code = available_slots.visit_type
    WHERE {free_each}
    GROUP BY available_slots.doctor_id, available_slots.department_id, available_slots.date, available_slots.visit_type
    OFFSET 0
) AS available_slots
JOIN visit_types ON visit_types.code = available_slots.visit_type
JOIN departments ON departments.id = available_slots.department_id
WHERE available_slots.date BETWEEN %s AND %s AND {free_shared}
GROUP BY available_slots.date, departments.time_zone
ORDER BY available_slots.date, departments.time_zone
"""
OF_SEAT = (
    *("id", "doctor_id", "department_id", "date", "visit_type", "starts_at", "status", "held_until", "is_public"),
)

# For each day a walk along the open seats from its first to its last.
FIRST_OF_EACH_DAY = """
SELECT seat.*
FROM unnest(%s::date[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS day (date, time_zone, first_starts_at, last_starts_at)
CROSS JOIN LATERAL ({seats}) AS seat
ORDER BY seat.date, seat.time_zone, seat.starts_at, seat.id
"""


def first_of_each_doctor(rows: QuerySet, *, doctors: list[str], per_doctor: int, in_order: bool) -> list[Row]:
    """The first ``per_doctor`` of ``rows`` (free seats, as the serializer reads them) of each doctor.

    ``in_order``: doctor by doctor as they are given; else soonest first, of the MOST_DOCTORS who are soonest free.
    """
    of_doctor = rows.filter(doctor_id=RawSQL("asked.doctor_id", (), TextField()))
    order = "asked.place," if in_order else ""
    found = _fetch(FIRST_OF_EACH_DOCTOR, _first(of_doctor, per_doctor), before=[doctors], order=order)
    soonest = set(list(dict.fromkeys(row["doctor_id"] for row in found))[:MOST_DOCTORS])
    return [row for row in found if row["doctor_id"] in soonest]


def calendar(seats: QuerySet, rows: QuerySet, *, first: date, last: date, to_staff: bool, per_day: int) -> list[Row]:
    """The local dates from ``first`` to ``last`` (and time zones) on which any of ``seats`` is free, how many and when.

    ``seats`` are those of the filters, free or not; ``rows`` the free ones among them, as the serializer reads them.
    The first ``per_day`` of each day are in its ``slots``; without the key for 0.
    """
    free_each = FREE_EACH_TO_STAFF_SQL if to_staff else FREE_EACH_SQL
    columns = seats.order_by().values(*OF_SEAT)
    days = _fetch(FREE_BY_DAY, columns, after=[first, last], free_each=free_each, free_shared=FREE_SHARED_SQL)
    if per_day and days:
        by_day: dict[tuple[Any, str], Row] = {(day["date"], day["time_zone"]): day | {"slots": []} for day in days}
        for seat in first_of_each_day(rows, days, per_day):
            by_day[seat["date"], seat["time_zone"]]["slots"].append(seat)
        days = list(by_day.values())
    return days


def first_of_each_day(rows: QuerySet, days: list[Row], per_day: int) -> list[Row]:
    """The first ``per_day`` of ``rows`` (as for ``calendar``) of each of ``days``, which ``calendar`` has given."""
    of_day = rows.filter(
        checked(date=RawSQL("day.date", (), DateField())),
        checked(department__time_zone=RawSQL("day.time_zone", (), TextField())),
        starts_at__gte=RawSQL("day.first_starts_at", (), DateTimeField()),
        starts_at__lte=RawSQL("day.last_starts_at", (), DateTimeField()),
    )
    columns = ("date", "time_zone", "first_starts_at", "last_starts_at")
    arrays = [[day[name] for day in days] for name in columns]
    return _fetch(FIRST_OF_EACH_DAY, _first(of_day, per_day), before=arrays)


def _first(rows: QuerySet, number: int) -> QuerySet:
    return rows.order_by("starts_at", "id")[:number]


def _fetch(
    statement: str, seats: QuerySet, *, before: Sequence[Any] = (), after: Sequence[Any] = (), **parts: str
) -> list[Row]:
    """Run the statement with the queryset's own SQL as ``seats``, and its parameters between those of the statement."""
    try:
        sql, inner = seats.query.sql_with_params()
    except EmptyResultSet:  # a filter that nothing can meet
        return []
    with replica.connection().cursor() as cursor:
        cursor.execute(statement.format(seats=sql, **parts), [*before, *inner, *after])
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
