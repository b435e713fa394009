"""Choosing a time for a patient: with whom or for what, then on which day, then one of the free times.

Read by the pages that book and move. What is free is what ``availability`` says to staff, counted and found by the
queries of ``overview``; only what lies in the person's scope is offered.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from booking_site.core.scope import Scope
from booking_site.core.sql import SearchFold, containing
from booking_site.core.wallclock import day_label
from doctors.models import Department, Doctor
from scheduling import overview
from scheduling.days import coarse, zones_by_today
from scheduling.filters import MOST_SEATS, PARTS_OF_DAY
from scheduling.models import AvailableSlot, Schedule, SlotQuerySet, VisitType
from scheduling.serializers import SlotSerializer

Row = dict[str, Any]
KINDS: dict[str, str | Promise] = {
    "department": _("department"),
    "specialization": _("specialization"),
    "doctor": _("doctor"),
    "visit_type": _("visit type"),
}
OF_EACH_KIND = 6  # choices that a search offers
WORDS = 8  # of a search that count
DAYS = 35  # that the calendar shows: five weeks, from a Monday
FIRST_TIMES = 9  # at once, of up to so many days: one for each digit of the keyboard
FIRST_DAYS = 3
MOST_TIMES = 60  # of one day


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose times, or times for what. ``kind``: one of KINDS. ``value``: a key, or the name of a specialization."""

    kind: str
    value: str
    label: str
    about: str = ""

    def __str__(self) -> str:
        """As a form sends it."""
        return f"{self.kind}:{self.value}"

    @property
    def kind_label(self) -> str:
        return str(KINDS[self.kind])


@dataclass(frozen=True, slots=True)
class Asked:
    """``part``: one of PARTS_OF_DAY, or empty for the whole day. ``visit_type``: a code, or empty for any."""

    whose: Whose | None
    visit_type: str = ""
    part: str = ""


@dataclass(slots=True)
class Day:
    """A day, and the times of it that are offered."""

    date: date
    times: list[Row] = field(default_factory=list)

    @property
    def label(self) -> str:
        return day_label(self.date)


def find_whose(text: str, scope: Scope) -> list[Whose]:
    """Departments, specializations, doctors and visit types that have every word of ``text``, a few of each kind."""
    words = text.replace("\x00", "").split()[:WORDS]

    def search(rows: QuerySet, *names: str) -> QuerySet:
        parts = [part for name in names for part in (F(name), Value(" "))]
        folded = SearchFold(Concat(*parts, output_field=TextField()))
        for word in words:
            rows = containing(rows, folded, word)
        return rows

    doctors = _doctors(scope)
    departments = search(_departments(scope), "name", "site").order_by("name")
    specializations = search(doctors.exclude(specialization=""), "specialization").order_by("specialization")
    people = search(doctors.select_related("department"), "name", "id", "specialization", "department__name")
    kinds = search(VisitType.objects.filter(is_active=True), "name", "code").order_by("name")
    return [
        *(_of_department(one) for one in departments[:OF_EACH_KIND]),
        *(
            Whose("specialization", name, name)
            for name in specializations.values_list("specialization", flat=True).distinct()[:OF_EACH_KIND]
        ),
        *(_of_doctor(one) for one in (people.order_by("name", "id")[:OF_EACH_KIND] if words else ())),
        *(_of_visit_type(one) for one in kinds[:OF_EACH_KIND]),
    ]


def whose(text: str, scope: Scope) -> Whose | None:
    """What a form has sent (``Whose.__str__``); None for what there is not, or not within the scope."""
    kind, _colon, value = text.partition(":")
    if "\x00" in value:
        return None
    if kind == "doctor":
        doctor = _doctors(scope).select_related("department").filter(pk=value).first()
        return _of_doctor(doctor) if doctor else None
    if kind == "department" and (key := _uuid(value)):
        department = _departments(scope).filter(pk=key).first()
        return _of_department(department) if department else None
    if kind == "specialization":
        name = _doctors(scope).filter(specialization__iexact=value).values_list("specialization", flat=True).first()
        return Whose("specialization", name, name) if name else None
    if kind == "visit_type":
        visit_type = VisitType.objects.filter(pk=value, is_active=True).first()
        return _of_visit_type(visit_type) if visit_type else None
    return None


def _of_doctor(doctor: Doctor) -> Whose:
    about = ", ".join(dict.fromkeys(filter(None, (doctor.specialization, doctor.department.name))))
    return Whose("doctor", doctor.pk, doctor.name, about)


def _of_department(department: Department) -> Whose:
    return Whose("department", str(department.pk), department.name, department.site)


def _of_visit_type(visit_type: VisitType) -> Whose:
    return Whose("visit_type", visit_type.pk, visit_type.name)


def _departments(scope: Scope) -> QuerySet[Department]:
    """Those that are open, and the person's."""
    rows = Department.objects.filter(is_active=True)
    if scope.everything:
        return rows
    theirs = Q(pk__in=scope.departments)
    return rows.filter(theirs | Q(doctors__pk=scope.doctor)).distinct() if scope.doctor else rows.filter(theirs)


def _doctors(scope: Scope) -> QuerySet[Doctor]:
    """Those who belong to the person's departments, or have schedules in them."""
    rows = Doctor.objects.filter(is_active=True)
    if scope.everything:
        return rows
    visiting = Schedule.objects.filter(department__in=scope.departments).order_by().values("doctor_id")
    return rows.filter(scope.q(doctor="pk") | Q(pk__in=visiting))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


# --- free times --------------------------------------------------------------------------------------------------


def seats(asked: Asked, scope: Scope) -> SlotQuerySet:
    """The seats that are asked for, free or not."""
    rows = AvailableSlot.objects.filter(scope.q())
    if asked.whose is not None:
        rows = rows.filter(_condition(asked.whose))
    if asked.visit_type:
        rows = rows.filter(visit_type_id=asked.visit_type)
    return rows.filter(PARTS_OF_DAY[asked.part]) if asked.part else rows


def _condition(asked: Whose) -> Q:
    if asked.kind == "specialization":  # keys, not a join: the planner then knows which index to walk
        doctors = Doctor.objects.order_by().filter(specialization__iexact=asked.value)
        return Q(doctor_id__in=list(doctors.values_list("pk", flat=True)))
    return Q(**{f"{asked.kind}_id": asked.value})


def today() -> date:
    """The date at the site where the day comes last."""
    return min(zones_by_today())


def calendar(rows: SlotQuerySet, first: date) -> list[Row]:
    """The days with free seats of the DAYS from ``first`` on, as ``overview.calendar`` gives them."""
    last = first + timedelta(days=DAYS - 1)
    near = rows.filter(coarse([(first, last)]))
    return overview.calendar(near, near, first=first, last=last, to_staff=True, per_day=0)


def next_free_day(rows: SlotQuerySet) -> date | None:
    """The day of the soonest free seat, however far ahead."""
    soonest = rows.free(to_staff=True).order_by("starts_at", "id").values_list("date", flat=True)
    return soonest.first()


def first_times(rows: SlotQuerySet, days: list[Row]) -> list[Day]:
    """The first times of the first of ``days`` (from ``calendar``), FIRST_TIMES in all."""
    dates = list(dict.fromkeys(day["date"] for day in days))[:FIRST_DAYS]
    if not dates:
        return []
    of_these = [day for day in days if day["date"] in dates]
    free = SlotSerializer.read(rows.free(to_staff=True))
    found = overview.first_of_each_day(free, of_these, MOST_SEATS)
    return [
        Day(day, times=once(row for row in found if row["date"] == day)[: FIRST_TIMES // len(dates)]) for day in dates
    ]


def times_of(rows: SlotQuerySet, day: date) -> Day:
    """The free times of a day, MOST_TIMES of them at most."""
    free = rows.filter(coarse([(day, day)]), date=day).free(to_staff=True)
    free = free.order_by("starts_at", "doctor_id", "seat").distinct("starts_at", "doctor_id")
    return Day(day, times=list(SlotSerializer.read(free)[:MOST_TIMES]))


def once(rows: Iterable[Row]) -> list[Row]:
    """Of the seats of a doctor at one time the first, in order of time."""
    found: dict[Any, Row] = {}
    for row in rows:
        found.setdefault((row["starts_at"], row["doctor_id"]), row)
    return sorted(found.values(), key=lambda row: (row["starts_at"], row["doctor_name"]))


def slot_row(slot_id: uuid.UUID) -> Row | None:
    """A slot, free or not, in the shape of the others."""
    return SlotSerializer.read(AvailableSlot.objects.filter(pk=slot_id)).first()
