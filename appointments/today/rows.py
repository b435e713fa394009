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
from django.utils import timezone

from appointments.models import Appointment
from appointments.today.choosing import Choice
from booking_site.core.scope import Scope
from booking_site.core.sql import SqlCondition
from doctors.models import Doctor
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
        return f"{self.first_name} {self.last_name}".strip()


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
    """What there is of the choice, in the person's scope. ``doctors``: codes, of guests in the department too."""

    doctors: list[str]
    seats: QuerySet[AvailableSlot]
    visits: QuerySet[Appointment]
    closures: QuerySet[Closure]


def day_of(choice: Choice, scope: Scope) -> Day:
    """One query where a department was chosen: who sees patients there. The rest is not read yet."""
    midnight = dt.datetime.combine(choice.day, dt.time(), UTC)
    begin, end = midnight - AROUND, midnight + timedelta(days=1) + AROUND
    seats = AvailableSlot.objects.filter(scope.q())
    visits = Appointment.objects.filter(scope.q(), date=choice.day, starts_at__gte=begin, starts_at__lt=end)
    doctors = list(choice.doctors)
    if choice.department is not None:
        seats, visits = seats.filter(department=choice.department), visits.filter(department=choice.department)
        near = seats.filter(~Q(status__in=["booked", "withdrawn"]), starts_at__gte=begin, starts_at__lt=end)
        own = Doctor.objects.filter(scope.q(doctor="pk"), department=choice.department)
        guests = [queryset.order_by().values_list("doctor") for queryset in (near, visits)]
        doctors = sorted(code for (code,) in own.order_by().values_list("pk").union(*guests))
    return Day(
        doctors=doctors,
        seats=seats.filter(doctor__in=doctors, date=choice.day).order_by("starts_at", "seat", "pk"),
        visits=visits.filter(doctor__in=doctors).order_by("starts_at", "pk"),
        closures=Closure.objects.near(midnight, midnight + timedelta(days=1), doctors),
    )


def open_seats_of(day: Day) -> list[SeatRow]:
    """Those that nobody is booked into; of the others the visits tell."""
    rows = (
        day.seats.exclude(status="booked")
        .annotate(is_free=SqlCondition(FREE_TO_STAFF_SQL))
        .values_list(*SEAT, *SEAT_ONLY)
    )
    return [SeatRow(*row) for row in rows]


def visits_of(day: Day) -> list[VisitRow]:
    return [VisitRow(*row) for row in day.visits.values_list(*VISIT)]


class RowHash(Func):
    """A number for a row at its version. A sum of them tells a set of rows from any other; the latest ``updated_at``
    would not: of two changes at once, the one with the earlier moment may be committed last."""

    template = "hashtextextended(%(expressions)s) * 1000000)::bigint)"
    arg_joiner = "::text, (extract(epoch FROM "
    output_field = BigIntegerField()


def stamp_of(day: Day, *about: object) -> str:
    """Changes when anything does that the pages show of the day: a row, what is free (a hold that ends, a limit that is
    reached, an hour that has come), a patient's name. One query. ``about``: what else the answer depends on.

    Counting minutes (who waits how long) is for the browser, so that nothing changes here by the minute.
    """
    now = timezone.now()
    rows = RowHash("pk", "updated_at")
    begun = Count("pk", filter=Q(starts_at__lte=now))
    nothing = Value(0)
    marks = [
        _mark("seats", day.seats, Sum(rows), Sum(rows, filter=SqlCondition(FREE_TO_STAFF_SQL)), begun),
        _mark("visits", day.visits, Sum(rows), Sum(RowHash("patient__pk", "patient__updated_at")), begun),
        _mark("closures", day.closures, Sum(rows), Sum(nothing), Count("pk")),
    ]
    found = sorted(marks[0].union(*marks[1:], all=True))
    return hashlib.sha256(repr((found, day.doctors, about)).encode()).hexdigest()[:32]


def _mark(kind: str, rows: QuerySet, whole: Any, part: Any, number: Any) -> QuerySet:
    return (
        rows.order_by()
        .annotate(kind=Value(kind))
        .values("kind")
        .annotate(whole=whole, part=part, number=number)
        .values_list("kind", "whole", "part", "number")
    )
