import uuid
from datetime import MAXYEAR, date, timedelta
from functools import cached_property
from typing import Any

from dateutil.relativedelta import relativedelta
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from booking_site.api.filters import (
    ChoiceListFilter,
    ConditionFilterSet,
    LocalDateFilter,
    TextCondition,
    TextFilter,
    TextListFilter,
    TimeFilter,
    WholeNumberFilter,
    any_of,
)
from booking_site.core.sql import SqlCondition, checked
from doctors.filters import departments_asked
from doctors.models import Doctor
from scheduling.models import AvailableSlot, Schedule

WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")  # as in RFC 5545, small
PARTS_OF_DAY = {
    "morning": SqlCondition("available_slots.time < '12:00'"),
    "afternoon": SqlCondition("available_slots.time >= '12:00' AND available_slots.time < '17:00'"),
    "evening": SqlCondition("available_slots.time >= '17:00'"),
}
MOST_SEATS = 20  # of a doctor or of a day
CALENDAR_MONTHS, MOST_DAYS = 3, 100


def _in_department(value: str, request: Any) -> SqlCondition:
    return any_of("available_slots.department_id", departments_asked(value, request))


def _of_specialization(value: str, request: Any) -> SqlCondition:
    doctors = Doctor.objects.filter(specialization__iexact=value).values_list("pk", flat=True)
    return any_of("available_slots.doctor_id", list(doctors))  # ids, not a join: see departments_asked


def _on_weekdays(value: list[str], request: Any) -> SqlCondition:
    return SqlCondition(
        "extract(isodow FROM available_slots.date) = ANY(%s::int[])", [WEEKDAYS.index(day) + 1 for day in value]
    )


def _in_parts_of_day(value: list[str], request: Any) -> SqlCondition:
    return SqlCondition("(" + " OR ".join(PARTS_OF_DAY[part].sql for part in value) + ")")


class SlotFilter(ConditionFilterSet):
    doctor = TextListFilter(field_name="doctor_id", max_length=32, label="The doctor's code, or several.")
    department = TextCondition(means=_in_department, label="Name or id of the department.")
    specialization = TextCondition(means=_of_specialization, label="The doctor's specialization.")
    visit_type = TextListFilter(max_length=40, label="Kind of visit, such as consultation, or several.")
    date = LocalDateFilter(label="Date at the site.")
    date_from = LocalDateFilter(lookup_expr="gte", label="From this date at the site.")
    date_to = LocalDateFilter(lookup_expr="lte", label="Up to and including this date.")
    weekday = ChoiceListFilter(means=_on_weekdays, choices=WEEKDAYS, label="Days of the week at the site.")
    time_from = TimeFilter(field_name="time", lookup_expr="gte", label="Wall clock at the site.")
    time_to = TimeFilter(field_name="time", lookup_expr="lte", label="Begins at this time at the latest.")
    part_of_day = ChoiceListFilter(
        means=_in_parts_of_day,
        choices=PARTS_OF_DAY,
        label="Begins before 12:00 (morning), before 17:00 (afternoon) or later (evening), on the wall clock at the "
        "site.",
    )
    duration_minutes = WholeNumberFilter(min_value=1, max_value=1440, label="Length of the slot.")

    class Meta:
        model = AvailableSlot
        fields: list[str] = []

    def leave(self, queryset: QuerySet, name: str, value: Any) -> QuerySet:
        """Not a condition of the seats: the view reads it."""
        return queryset


class FirstAvailableForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        whose = ("doctor", "department", "specialization")
        if not any(values.get(name) or name in self.errors for name in whose):
            message = "Give a doctor (or several), a department or a specialization."
            self.add_error("doctor", forms.ValidationError(message, code="required"))
        return values


class FirstAvailableFilter(SlotFilter):
    """Whose first seats: ``doctors()``. The other filters are for each doctor's seats."""

    doctor = TextListFilter(
        method="leave", max_length=32, label="The doctor's code, or several in the order of preference."
    )
    department = TextFilter(method="filter_department", label="Name or id of the department.")
    specialization = TextFilter(method="leave", label="The doctor's specialization.")
    per_doctor = WholeNumberFilter(
        method="leave", min_value=1, max_value=MOST_SEATS, label="So many seats of each doctor; 1 when not given."
    )

    class Meta(SlotFilter.Meta):
        form = FirstAvailableForm

    @cached_property
    def departments(self) -> list[uuid.UUID]:
        return departments_asked(self.form.cleaned_data["department"], self.request)

    def filter_department(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(checked(department_id__in=self.departments))  # their doctors are known

    def doctors(self) -> list[str]:
        """The doctors that are named, in their order; else those who belong to the department, or have schedules or
        single seats in it, and have the specialization."""
        asked = self.form.cleaned_data
        found = Doctor.objects.all()
        if asked["specialization"]:
            found = found.filter(specialization__iexact=asked["specialization"])
        if named := asked["doctor"]:
            known = set(found.filter(pk__in=named).values_list("pk", flat=True))
            return [doctor for doctor in named if doctor in known]
        if asked["department"]:
            here = Q(department_id__in=self.departments)
            visiting = Schedule.objects.filter(here).values("doctor_id")
            single = AvailableSlot.objects.order_by().filter(here, schedule=None, starts_at__gt=timezone.now())
            single = single.exclude(status__in=["booked", "withdrawn"])  # as in idx_slot_open_department
            found = found.filter(here | Q(pk__in=visiting) | Q(pk__in=single.values("doctor_id")))
        return list(found.values_list("pk", flat=True))


class CalendarForm(forms.Form):
    """``date_from`` and ``date_to`` are always there once it is clean."""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        day = values["date"]
        first = values["date_from"] or day or _earliest_today()
        last = values["date_to"] or day or _months_after(first)
        if (last - first).days >= MOST_DAYS:
            message = f"The calendar shows {MOST_DAYS} days at most. Ask for the others by a second request."
            self.add_error("date_to", forms.ValidationError(message, code="too_long"))
        return values | {"date_from": first, "date_to": last}


class DayFilter(LocalDateFilter):
    """Bounds the instants: the calendar compares the date itself, of each day rather than of each seat."""

    def compare(self, value: date, model: Any) -> SqlCondition:
        return self.bound(value, model)


class CalendarFilter(SlotFilter):
    date_from = DayFilter(lookup_expr="gte", label="From this date at the site; today when not given.")
    date_to = DayFilter(
        lookup_expr="lte",
        label=f"Up to and including this date, {MOST_DAYS} days in all at most; {CALENDAR_MONTHS} months on when not "
        "given.",
    )
    per_day = WholeNumberFilter(
        method="leave", min_value=0, max_value=MOST_SEATS, label="So many of the first seats of each day; 0 for none."
    )

    class Meta(SlotFilter.Meta):
        form = CalendarForm


def _earliest_today() -> date:
    """Today where it comes last (UTC-12): no site's today is before it, and what is past is not free anyway."""
    return (timezone.now() - timedelta(hours=12)).date()


def _months_after(day: date) -> date:
    return date.max if day.year == MAXYEAR else day + relativedelta(months=CALENDAR_MONTHS)
