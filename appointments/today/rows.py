"""The rows of a day, read as plain values (seats, appointments, closures), and a stamp that tells whether anything of
them has changed.

Every query goes by the doctor and the day, or by the department and the hour, as the indexes do.
"""

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Count, Func, Q, QuerySet, Sum, Value
from django.db.models.functions import Now

from appointments.models import Appointment
from appointments.today.choosing import Choice
from booking_site.core.scope import Scope
from booking_site.core.sql import SqlCondition, compiled
from doctors.models import Doctor
from patients.models import full_name
from scheduling.availability import FREE_TO_STAFF_SQL
from scheduling.models import AvailableSlot, Closure

AROUND = timedelta(hours=14)  # no site's day begins further from midnight UTC than that


class SeatRow(NamedTuple):
    """A seat. ``is_free``: it can be booked at the desk now."""

    id: uuid.UUID
    doctor: str
    doctor_name: str
    department: uuid.UUID
    zone: str
    date: dt.date
    time: dt.time
    starts_at: dt.datetime
    ends_at: dt.datetime
    status: str
    held_until: dt.datetime | None
    visit_type: str
    note: str
    room: str | None
    is_free: bool


class VisitRow(NamedTuple):
    """An appointment with its patient. ``visit_type``: its name; None for imported history."""

    id: uuid.UUID
    doctor: str
    doctor_name: str
    department: uuid.UUID
    zone: str
    date: dt.date
    time: dt.time | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    status: str
    slot: uuid.UUID | None
    visit_type: str | None
    room: str | None
    reason: str
    is_urgent: bool
    needs_new_time_since: dt.datetime | None
    checked_in_at: dt.datetime | None
    started_at: dt.datetime | None
    completed_at: dt.datetime | None
    cancelled_at: dt.datetime | None
    no_show_at: dt.datetime | None
    updated_at: dt.datetime
    patient: uuid.UUID
    first_name: str
    last_name: str
    born: dt.date | None

    @property
    def name(self) -> str:
        return full_name(self.first_name, self.last_name)


SEAT = ("pk", "doctor", "doctor__name", "department", "department__time_zone", "date", "time", "starts_at", "ends_at")
SEAT_ONLY = ("status", "held_until", "visit_type__name", "note", "schedule__room", "is_free")
VISIT = (
    *SEAT,
    *("status", "slot", "slot__visit_type__name", "slot__schedule__room", "reason", "is_urgent"),
    *("needs_new_time_since", "checked_in_at", "started_at", "completed_at", "cancelled_at", "no_show_at"),
    *("updated_at", "patient", "patient__first_name", "patient__last_name", "patient__dob"),
)


@dataclass(frozen=True, slots=True)
class Day:
    """What is looked at: of a department, if one was chosen, or of ``doctors`` (codes; guests in the department too),
    as far as the person sees it."""

    on: dt.date
    department: uuid.UUID | None
    doctors: tuple[str, ...]
    scope: Scope


def day_of(choice: Choice, scope: Scope) -> Day:
    """One query where a department was chosen: who sees patients there."""
    doctors = choice.doctors
    if choice.department is not None:
        doctors = tuple(sorted(code for (code,) in _doctors_of(choice.day, choice.department, scope)))
    return Day(on=choice.day, department=choice.department, doctors=doctors, scope=scope)


def open_seats_of(day: Day) -> list[SeatRow]:
    """Those that nobody is booked into; of the others the visits tell."""
    return [SeatRow(*row) for row in _open_seats(day)]


def visits_of(day: Day) -> list[VisitRow]:
    return [VisitRow(*row) for row in _visit_rows(day)]


def closures_of(day: Day) -> QuerySet[Closure]:
    midnight = _midnight(day.on)
    return Closure.objects.near(midnight, midnight + timedelta(days=1), day.doctors)


def stamp_of(day: Day, *about: object) -> str:
    """Changes when anything does that the pages show of the day: a row, what is free (a hold that ends, a limit that is
    reached, an hour that has come), a patient's name. One query. ``about``: what else the answer depends on.

    Counting minutes (who waits how long) is for the browser, so that nothing changes here by the minute.
    """
    found = sorted(_marks(day))
    return hashlib.sha256(repr((found, day.doctors, about)).encode()).hexdigest()[:32]


# --- queries ---------------------------------------------------------------------------------------------------


def _midnight(on: dt.date) -> dt.datetime:
    return dt.datetime.combine(on, dt.time(), UTC)


def _around(on: dt.date) -> dict[str, dt.datetime]:
    return {"starts_at__gte": _midnight(on) - AROUND, "starts_at__lt": _midnight(on) + timedelta(days=1) + AROUND}


@compiled
def _doctors_of(on: dt.date, department: uuid.UUID, scope: Scope) -> QuerySet:
    own = Doctor.objects.filter(scope.q(doctor="pk"), department=department)
    near = AvailableSlot.objects.filter(scope.q(), ~Q(status__in=["booked", "withdrawn"]), department=department)
    visits = Appointment.objects.filter(scope.q(), department=department, date=on)
    guests = [rows.filter(**_around(on)).order_by().values_list("doctor") for rows in (near, visits)]
    return own.order_by().values_list("pk").union(*guests)


def _seats(day: Day) -> QuerySet[AvailableSlot]:
    seats = AvailableSlot.objects.filter(day.scope.q(), doctor__in=day.doctors, date=day.on)
    return seats if day.department is None else seats.filter(department=day.department)


def _visits(day: Day) -> QuerySet[Appointment]:
    visits = Appointment.objects.filter(day.scope.q(), doctor__in=day.doctors, date=day.on, **_around(day.on))
    return visits if day.department is None else visits.filter(department=day.department)


@compiled
def _open_seats(day: Day) -> QuerySet:
    seats = _seats(day).exclude(status="booked").annotate(is_free=SqlCondition(FREE_TO_STAFF_SQL))
    return seats.order_by("starts_at", "seat", "pk").values_list(*SEAT, *SEAT_ONLY)


@compiled
def _visit_rows(day: Day) -> QuerySet:
    return _visits(day).order_by("starts_at", "pk").values_list(*VISIT)


class RowHash(Func):
    """A number for a row at its version. A sum of them tells a set of rows from any other; the latest ``updated_at``
    would not: of two changes at once, the one with the earlier moment may be committed last."""

    template = "hashtextextended(%(expressions)s) * 1000000)::bigint)"
    arg_joiner = "::text, (extract(epoch FROM "
    output_field = BigIntegerField()


@compiled
def _marks(day: Day) -> QuerySet:
    rows = RowHash("pk", "updated_at")
    begun = Count("pk", filter=Q(starts_at__lte=Now()))
    marks = [
        _mark("seats", _seats(day), Sum(rows), Sum(rows, filter=SqlCondition(FREE_TO_STAFF_SQL)), begun),
        _mark("visits", _visits(day), Sum(rows), Sum(RowHash("patient__pk", "patient__updated_at")), begun),
        _mark("closures", closures_of(day), Sum(rows), Sum(Value(0)), Count("pk")),
    ]
    return marks[0].union(*marks[1:], all=True)


def _mark(kind: str, rows: QuerySet, whole: Any, part: Any, number: Any) -> QuerySet:
    return (
        rows.order_by()
        .annotate(kind=Value(kind))
        .values("kind")
        .annotate(whole=whole, part=part, number=number)
        .values_list("kind", "whole", "part", "number")
    )
