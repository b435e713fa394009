"""Which day of whom the board shows: a department or some doctors, as chosen, as remembered, or as it suits the person.

Only what lies in the person's scope can be chosen. Who may choose is asked by the pages.
"""

import uuid
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.models import Appointment
from booking_site.core.errors import Invalid
from booking_site.core.scope import Scope
from doctors.models import Department

REMEMBERED = "today"  # in the session: {"department", "doctors", "view"}; the day is always today at first
YEARS = (1990, 2190)
MOST_DOCTORS = 60  # chosen one by one
HOURS_AROUND = timedelta(hours=12)  # a department with appointments that near is at work today
VIEWS = ("board", "list")
ORDERS = ("time", "doctor")  # of the list
# What the list shows: kinds of items by the name of the filter; the first unless another is chosen.
FILTERS: dict[str, frozenset[str]] = {
    "visits": frozenset({"booked", "arrived", "with_doctor", "done", "no_show"}),
    "expected": frozenset({"booked"}),
    "waiting": frozenset({"arrived"}),
    "with_doctor": frozenset({"with_doctor"}),
    "done": frozenset({"done"}),
    "no_show": frozenset({"no_show"}),
    "cancelled": frozenset({"cancelled"}),
    "free": frozenset({"free"}),
    "all": frozenset(),  # whatever there is
}


class Person(NamedTuple):
    """A doctor (``id`` is None for a department without any), with the department that they belong to."""

    id: str | None
    name: str
    is_active: bool
    department_id: uuid.UUID
    department: str
    zone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """``department`` or ``doctors`` (codes); neither where the scope is empty. ``view``, ``by``, ``show``: see VIEWS,
    ORDERS, FILTERS."""

    day: date
    department: uuid.UUID | None = None
    doctors: tuple[str, ...] = ()
    view: str = VIEWS[0]
    by: str = ORDERS[0]
    show: str = "visits"

    @property
    def remembered(self) -> dict[str, Any]:
        return {
            "department": str(self.department) if self.department else "",
            "doctors": list(self.doctors),
            "view": self.view,
        }

    def query(self, **changed: Any) -> str:
        """As a query to ask for the same again, or for something like it: another ``day``, ``view`` and so on."""
        other = replace(self, **changed)
        query = QueryDict(mutable=True)
        query["date"] = other.day.isoformat()
        if other.department:
            query["department"] = str(other.department)
        query.setlist("doctor", list(other.doctors))
        query["view"] = other.view
        if other.view == "list":
            query["by"], query["show"] = other.by, other.show
        return query.urlencode()


@dataclass(kw_only=True, slots=True)
class Chosen:
    """What a page has been asked for: the choice, who could be chosen, and what was wrong with the question."""

    choice: Choice
    form: forms.Form
    people: list[Person]
    zone: str  # of what is chosen, or of the first of it; the hospital's own where there is nothing
    today: date  # in that zone
    departments: list[tuple[uuid.UUID, str]] = field(default_factory=list)

    @property
    def by_department(self) -> list[tuple[str, list[Person]]]:
        """Doctors that can be chosen, for a list with headings."""
        doctors = [person for person in self.people if person.id and person.is_active]
        return [(name, list(group)) for name, group in groupby(doctors, key=attrgetter("department"))]


class ChoiceForm(forms.Form):
    """The question of a page. Everything may be left out."""

    department = forms.UUIDField(label=_("Department"), required=False)
    doctor = forms.Field(label=_("Doctors"), required=False, widget=forms.MultipleHiddenInput)
    date = forms.DateField(label=_("Day"), required=False)
    view = forms.ChoiceField(choices=[(name, name) for name in VIEWS], required=False)
    by = forms.ChoiceField(choices=[(name, name) for name in ORDERS], required=False)
    show = forms.ChoiceField(choices=[(name, name) for name in FILTERS], required=False)

    def __init__(self, data: Any, people: list[Person] | None) -> None:
        """``people``: who can be chosen; None where nothing is looked up, because the rows say it themselves."""
        super().__init__(data)
        self.people = people

    def clean_department(self) -> uuid.UUID | None:
        chosen = self.cleaned_data["department"]
        people = self.people
        if chosen is not None and people is not None and all(one.department_id != chosen for one in people):
            raise ValidationError(_("There is no such department, or it is none of yours."))
        return chosen

    def clean_doctor(self) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(code for code in self.cleaned_data["doctor"] or () if code))
        if self.people is not None and not {person.id for person in self.people}.issuperset(chosen):
            raise ValidationError(_("There is no such doctor, or they are none of yours."))
        if len(chosen) > MOST_DOCTORS:
            raise ValidationError(_("Choose at most %d doctors.") % MOST_DOCTORS)
        return chosen

    def clean_date(self) -> Any:
        day = self.cleaned_data["date"]
        if day is not None and not YEARS[0] <= day.year <= YEARS[1]:
            raise ValidationError(_("Choose a day from %d to %d.") % YEARS)
        return day


def people_in(scope: Scope) -> list[Person]:
    """Departments of the scope with their doctors, by name: one query."""
    rows = (
        Department.objects.filter(scope.q(department="pk", doctor="doctors__pk"))
        .order_by("name", "pk", "doctors__name", "doctors__pk")
        .values_list("doctors__pk", "doctors__name", "doctors__is_active", "pk", "name", "time_zone", "is_active")
    )
    # A department that is closed for good is offered no more.
    return [Person(*row[:6]) for row in rows if row[6]]


def chosen_by(given: QueryDict, remembered: Any, scope: Scope) -> Chosen:
    """What was asked for; what was remembered; the person's own day; the first department that is at work today.

    What is wrong in the question is in ``form.errors``, and left out.
    """
    people = people_in(scope)
    form = ChoiceForm(given, people)
    form.is_valid()
    asked = form.cleaned_data
    department, doctors = asked.get("department"), asked.get("doctor") or ()
    if department and list(doctors) == (remembered or {}).get("doctors"):
        doctors = ()  # still ticked, but a department has been chosen instead
    if not department and not doctors:
        department, doctors = _remembered(remembered, people, scope)
    view = asked.get("view") or (remembered or {}).get("view")
    zone = next((one.zone for one in people if one.department_id == department or one.id in doctors), None)
    zone = zone or settings.TIME_ZONE
    today = timezone.now().astimezone(ZoneInfo(zone)).date()
    return Chosen(
        choice=Choice(
            day=asked.get("date") or today,
            department=None if doctors else department,
            doctors=doctors,
            view=view if view in VIEWS else VIEWS[0],
            **_of_list(asked),
        ),
        form=form,
        people=people,
        zone=zone,
        today=today,
        departments=list(dict.fromkeys((one.department_id, one.department) for one in people)),
    )


def asked_for(given: QueryDict) -> Choice:
    """The choice that a page's own script asks for again. Raises Invalid.

    Nothing is looked up: of what lies outside the scope no rows are found.
    """
    form = ChoiceForm(given, None)
    if not form.is_valid() or not form.cleaned_data["date"]:
        problems = [{"field": name, "code": "invalid", "detail": str(texts[0])} for name, texts in form.errors.items()]
        raise Invalid(str(_("Reload the page: it asked for something that is not there.")), errors=problems)
    asked = form.cleaned_data
    doctors = asked["doctor"]
    return Choice(
        day=asked["date"],
        department=None if doctors else asked["department"],
        doctors=doctors,
        view=asked["view"] or VIEWS[0],
        **_of_list(asked),
    )


def _of_list(asked: dict[str, Any]) -> dict[str, str]:
    return {name: asked[name] for name in ("by", "show") if asked.get(name)}


def _remembered(remembered: Any, people: list[Person], scope: Scope) -> tuple[uuid.UUID | None, tuple[str, ...]]:
    """As far as it is still theirs."""
    kept = remembered or {}
    known = {one.id for one in people}
    doctors = tuple(code for code in kept.get("doctors", ()) if code in known)
    if doctors:
        return None, doctors
    for person in people:
        if str(person.department_id) == kept.get("department"):
            return person.department_id, ()
    if scope.doctor and scope.doctor in known:
        return None, (scope.doctor,)
    return _busy(people, scope), ()


def _busy(people: list[Person], scope: Scope) -> uuid.UUID | None:
    """The first department that has appointments now or in the hours around, or the first of all. One query."""
    now = timezone.now()
    around = Appointment.objects.filter(scope.q(), starts_at__gte=now - HOURS_AROUND, starts_at__lt=now + HOURS_AROUND)
    busy = set(around.order_by().values_list("department", flat=True).distinct()) if people else set()
    keys = [person.department_id for person in people]
    return next((key for key in keys if key in busy), keys[0] if keys else None)
