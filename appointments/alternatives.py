"""Which seats could an appointment move to? For the worklist, and for rebooking many at once.

A seat will do when it is of the same visit type and at least as long, when staff can book it now, and when the patient
has no other live appointment then. One query for all appointments of a page, or of a list.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from appointments.models import LIVE, Appointment
from scheduling.availability import FREE_TO_STAFF_SQL

OF_EACH_KIND = 2
KINDS = {"doctor": _("same doctor"), "specialization": _("soonest"), "time": _("same weekday and time of day")}

_ASKED = """
SELECT appointments.id, appointments.patient_id, appointments.doctor_id, appointments.department_id, visit_type, date,
    time, starts_at, ends_at - starts_at AS length, specialization
FROM appointments JOIN doctors ON doctors.id = appointments.doctor_id
WHERE appointments.id = ANY (%(appointments)s)
"""
# The doctor is looked up row by row on purpose: a join could tempt the planner to sort.
_SAME_SPECIALIZATION = """available_slots.department_id = asked.department_id AND (
    SELECT specialization FROM doctors WHERE doctors.id = available_slots.doctor_id
) = asked.specialization"""
_SUITS = f"""available_slots.visit_type = asked.visit_type
    AND available_slots.ends_at - available_slots.starts_at >= asked.length AND {FREE_TO_STAFF_SQL}"""
_ELSEWHERE = """EXISTS (
    SELECT FROM appointments AS other
    WHERE other.patient_id = asked.patient_id AND other.id <> asked.id AND other.status = ANY (%(live)s)
        AND other.starts_at < available_slots.ends_at AND other.ends_at > available_slots.starts_at
)"""
_KEPT_AWAY = """EXISTS (
    SELECT FROM away
    WHERE away.id = asked.id AND away.starts_at < available_slots.ends_at AND away.ends_at > available_slots.starts_at
)"""
_PART_OF_DAY = "width_bucket({time}, ARRAY[time '12:00', time '17:00'])"  # morning, afternoon, evening
_KIND_OF_TIME = f"""extract(isodow FROM available_slots.date) = extract(isodow FROM asked.date)
    AND {_PART_OF_DAY.format(time="available_slots.time")} = {_PART_OF_DAY.format(time="asked.time")}"""
_CONDITIONS = {
    "doctor": "available_slots.doctor_id = asked.doctor_id",
    "specialization": _SAME_SPECIALIZATION,
    "time": f"{_SAME_SPECIALIZATION} AND {_KIND_OF_TIME}",
}
# Of a group's seats at one time one is enough.
_OF_KIND = """(
    SELECT DISTINCT ON (starts_at, doctor_id) '{kind}' AS kind, id AS slot_id, doctor_id, date, time, starts_at, ends_at
    FROM available_slots WHERE {condition} AND {suits} AND NOT {elsewhere}
    ORDER BY starts_at, doctor_id, seat LIMIT {number}
)"""
ALTERNATIVES = f"""
WITH asked AS ({_ASKED})
SELECT asked.id, kind, slot_id, doctors.name, found.date, found.time, found.starts_at, found.ends_at
FROM asked CROSS JOIN LATERAL ({
    " UNION ALL ".join(
        _OF_KIND.format(kind=kind, condition=condition, suits=_SUITS, elsewhere=_ELSEWHERE, number=OF_EACH_KIND)
        for kind, condition in _CONDITIONS.items()
    )
}) AS found JOIN doctors ON doctors.id = found.doctor_id
ORDER BY asked.id, found.starts_at, slot_id
"""

# What an optimal assignment of the whole list can need, and hardly more. Appointments that compete for the same seats
# are ``rivals`` in number, and each needs the first so many seats after its old time: if it had a later one, one of
# these would be free. Those between one old time and the next serve all who were to come before alike. Who has other
# plans is asked for alone (``id`` and ``patient_id`` are empty for the rest).
CANDIDATES = f"""
WITH away AS (
    SELECT * FROM unnest(%(away)s::uuid[], %(away_from)s::timestamptz[], %(away_until)s::timestamptz[])
        AS away (id, starts_at, ends_at)
), listed AS (
    SELECT asked.*, greatest(starts_at, statement_timestamp()) AS since,
        count(*) OVER (PARTITION BY department_id, specialization, visit_type) AS rivals,
        id IN (SELECT id FROM away) OR EXISTS (
            SELECT FROM appointments AS other
            WHERE other.patient_id = asked.patient_id AND other.id <> asked.id AND other.status = ANY (%(live)s)
                AND other.ends_at > statement_timestamp()
        ) AS alone
    FROM ({_ASKED}) AS asked
), demand AS (
    SELECT DISTINCT CASE WHEN alone THEN id END AS id, CASE WHEN alone THEN patient_id END AS patient_id,
        department_id, specialization, visit_type, length, since, rivals
    FROM listed
), stretch AS (
    SELECT *, least(
        since + %(within)s,
        lead(since) OVER (PARTITION BY id, department_id, specialization, visit_type, length ORDER BY since)
    ) AS until
    FROM demand
)
SELECT DISTINCT asked.department_id, asked.specialization, asked.visit_type, seat.starts_at, seat.id, seat.ends_at
FROM stretch AS asked CROSS JOIN LATERAL (
    SELECT id, starts_at, ends_at FROM available_slots
    WHERE starts_at BETWEEN asked.since AND asked.until AND {_SAME_SPECIALIZATION} AND {_SUITS}
        AND NOT {_ELSEWHERE} AND NOT {_KEPT_AWAY}
    ORDER BY starts_at, id LIMIT asked.rivals
) AS seat
ORDER BY seat.starts_at, seat.id
"""

Span = tuple[datetime, datetime]
Demand = tuple[uuid.UUID, str, str]  # department, specialization, visit type


@dataclass(slots=True)
class Alternative:
    """A seat that is offered, and why: the names of ``KINDS`` that it is the best of."""

    slot_id: uuid.UUID
    doctor: str
    date: date
    time: time
    starts_at: datetime
    ends_at: datetime
    kinds: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seat:
    id: uuid.UUID
    starts_at: datetime
    ends_at: datetime


def alternatives(appointments: Iterable[Appointment]) -> dict[uuid.UUID, list[Alternative]]:
    """The best seats for each, soonest first: of the same doctor; of any doctor of the specialization in the
    department; and of these on the same weekday in the same part of the day (from 12 and from 17 o'clock, at the
    site's clock). Soonest means from now on. A seat that is best in several ways is in the list once."""
    offered: dict[uuid.UUID, dict[uuid.UUID, Alternative]] = defaultdict(dict)
    for key, kind, slot_id, *about in _rows(ALTERNATIVES, appointments):
        seat = offered[key].setdefault(slot_id, Alternative(slot_id, *about))
        seat.kinds.append(kind)
    for seats in offered.values():
        for seat in seats.values():
            seat.kinds.sort(key=list(KINDS).index)
    return {key: list(seats.values()) for key, seats in offered.items()}


def candidates(appointments: Iterable[Appointment], kept_away: dict[uuid.UUID, list[Span]]) -> dict[Demand, list[Seat]]:
    """The seats that an optimal assignment of these appointments may need, soonest first, by what is asked for.

    They begin within ``settings.REBOOK_WITHIN_DAYS`` of one of the old times. ``kept_away``: when else an appointment
    must not be, by its id.
    """
    spans = [(key, *span) for key, given in kept_away.items() for span in given]
    ids, starts, ends = zip(*spans, strict=True) if spans else ((), (), ())
    found: dict[Demand, list[Seat]] = defaultdict(list)
    for department, specialization, visit_type, starts_at, seat, ends_at in _rows(
        CANDIDATES,
        appointments,
        within=within(),
        away=list(ids),
        away_from=list(starts),
        away_until=list(ends),
    ):
        found[department, specialization, visit_type].append(Seat(seat, starts_at, ends_at))
    return found


def demand(appointment: Appointment) -> Demand:
    """What it asks for. Those of one demand compete for the same seats, if they are long enough."""
    return appointment.department_id, appointment.doctor.specialization, appointment.visit_type


def within() -> timedelta:
    return timedelta(days=settings.REBOOK_WITHIN_DAYS)


def _rows(query: str, appointments: Iterable[Appointment], **parameters: Any) -> list[tuple[Any, ...]]:
    keys = [appointment.pk for appointment in appointments]
    if not keys:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")  # compiling takes longer than running
        cursor.execute(query, {"appointments": keys, "live": list(LIVE), **parameters})
        return cursor.fetchall()
