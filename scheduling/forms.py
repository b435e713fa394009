"""The forms that the Scheduler changes the doctors' working time with. What may be is decided by models and planning.

Complaints of the models' constraints are shown beside the field that they are about: one table here says which.
"""

import copy
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from booking_site.core.admin import ChoiceByAutocomplete
from booking_site.core.errors import DomainError
from booking_site.core.ids import uuid7
from booking_site.core.localtime import NoSuchTime, instant
from doctors.models import Department, Doctor
from scheduling.models import Closure, Schedule, VisitType
from scheduling.planning import furthest
from scheduling.recurrence import POSITIONS, WEEKDAY_NAMES, Pattern, pattern_of

EARLIEST = date(2000, 1, 1)  # no plan of today began before; a typing error did
FIELD_OF = {  # the code of a constraint: where its complaint is shown
    "times_out_of_order": "end_time",
    "slot_too_long": "slot_minutes",
    "dates_out_of_order": "ends_on",
    "scope_ambiguous": "doctor",
    "span_incomplete": "kind",
}


def submitted(request: HttpRequest) -> Any:
    """What a form is bound to: nothing until it is sent."""
    return request.POST if request.method == "POST" else None


def choice(source: Any, site: AdminSite, queryset: Any, **kwargs: Any) -> ChoiceByAutocomplete:
    return ChoiceByAutocomplete(source, site, queryset, **kwargs)


def doctors() -> Any:
    return Doctor.objects.filter(is_active=True).select_related("department")


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d", **kwargs)


class ClockInput(forms.TimeInput):
    input_type = "time"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", **kwargs)


class DayField(forms.DateField):
    """A day on which something may begin: neither long ago, nor further ahead than seats are made at all."""

    widget = DayInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[MinValueValidator(EARLIEST), MaxValueValidator(furthest)], **kwargs)


class WallClockField(forms.Field):
    """A date and time as a clock on the wall shows it: a naive datetime. The zone is known later."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            found = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            found = None
        if found is None or found.tzinfo is not None or len(value) < len("2026-11-23T09:00"):
            raise ValidationError(_("Enter a date and a time."), code="invalid")
        if not EARLIEST <= found.date() <= furthest():
            raise ValidationError(_("Choose a time up to %(last)s."), code="range", params={"last": furthest()})
        return found


class Checkboxes(forms.CheckboxSelectMultiple):
    """A group of boxes that screen readers name as one."""

    def __init__(self, name: Any) -> None:
        super().__init__()
        self.name = name

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        boxes = super().render(*args, **kwargs)
        return format_html('<div role="group" class="boxes" aria-label="{}">{}</div>', self.name, boxes)


class VisitTypeSelect(forms.Select):
    """Each option knows the length of its visits, for the page to fill in."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if (kind := getattr(value, "instance", None)) is not None:
            option["attrs"]["data-minutes"] = kind.duration_minutes
        return option


class PlanForm(forms.BaseForm):
    """What the forms of plans share: each complaint is shown beside its field, also a refusal by an operation."""

    def field_of(self, name: str, code: str) -> str | None:
        name = FIELD_OF.get(code, name)
        return name if name in self.fields else None

    def add_error(self, field: str | None, error: Any) -> None:
        if field is None and hasattr(error, "error_dict"):
            said = set(self.errors)
            for name, problems in error.error_dict.items():
                for problem in problems:
                    place = self.field_of(name, problem.code)
                    if place not in said:  # the cause has been told, this is what follows from it
                        super().add_error(place, problem)
        else:
            super().add_error(field, error)

    def forget_others(self, rows: Mapping[str, tuple[str, ...]]) -> None:
        """Fields that the chosen ``kind`` is not made of count for nothing, whatever has been typed in them."""
        if (kind := self.cleaned_data.get("kind")) is None:
            return
        for name in {name for names in rows.values() for name in names} - set(rows[kind]):
            self.cleaned_data[name] = None
            self.errors.pop(name, None)

    def refuse(self, error: DomainError) -> None:
        """Show what an operation, or its preview, says."""
        placed = {self.field_of(each["field"], each["code"]): each["detail"] for each in error.errors}
        placed.pop(None, None)
        if error.detail not in placed.values():
            self.add_error(None, error.detail)
        for field, detail in placed.items():
            self.add_error(field, detail)


# --- schedules ---------------------------------------------------------------------------------------------------

ROWS_OF_PATTERN = {  # what each pattern is made of, beside the day on which it begins
    "weekly": ("every", "weekdays", "ends_on"),
    "monthly": ("position", "weekdays", "ends_on"),
    "once": (),
    "rule": ("rule", "ends_on"),
}
MADE_OF = {"every", "position", "weekdays", "rule"}


class PatternForm(PlanForm, forms.Form):
    """On which days: one of the patterns that people have words for, or a rule of their own."""

    kind = forms.ChoiceField(
        label=_("Pattern"),
        choices=[
            ("weekly", _("Every week, or every so many weeks, on these weekdays")),
            ("monthly", _("First, second, third, fourth or last weekday of the month")),
            ("once", _("This day only: an extra session")),
            ("rule", _("A rule of your own")),
        ],
        widget=forms.Select(attrs={"data-rows": json.dumps(ROWS_OF_PATTERN)}),
    )
    every = forms.IntegerField(label=_("Every so many weeks"), min_value=1, max_value=52, initial=1, required=False)
    position = forms.TypedChoiceField(
        label=_("Which of the month"), choices=[(n, str(text).capitalize()) for n, text in POSITIONS.items()],
        coerce=int, required=False,
    )  # fmt: skip
    weekdays = forms.MultipleChoiceField(
        label=_("Weekdays"), choices=list(WEEKDAY_NAMES.items()), widget=Checkboxes(_("Weekdays")), required=False
    )
    rule = forms.CharField(
        label=_("Rule"),
        max_length=Schedule._meta.get_field("recurrence").max_length,
        required=False,
        help_text=_("An RRULE as in RFC 5545, such as FREQ=WEEKLY;INTERVAL=6;BYDAY=TU. The hours are those below."),
    )

    def field_of(self, name: str, code: str) -> str | None:
        if name == "recurrence":
            name = {"rule": "rule", "once": "starts_on"}.get(self.cleaned_data.get("kind", ""), "weekdays")
        return super().field_of(name, code)

    def add_error(self, field: str | None, error: Any) -> None:
        if field is None and hasattr(error, "error_dict") and self.errors.keys() & {"kind", *MADE_OF}:
            error.error_dict.pop("recurrence", None)  # there is none, and its parts have said why
        super().add_error(field, error)

    def chosen_pattern(self) -> Pattern | None:
        """None where the fields make none; they then say why."""
        given = self.cleaned_data
        kind = given.get("kind")
        self.forget_others(ROWS_OF_PATTERN)
        if kind is None or not given.keys() >= MADE_OF:
            return None
        if kind in ("weekly", "monthly") and not given["weekdays"]:
            self.add_error("weekdays", ValidationError(_("Choose at least one day."), code="required"))
            return None
        if kind == "rule" and not given["rule"]:
            self.add_error("rule", ValidationError(_("Write the rule, or choose another pattern."), code="required"))
            return None
        pattern = Pattern(
            kind=kind,
            every=given["every"] or 1,
            weekdays=tuple(given["weekdays"] or ()),
            position=given["position"] or 1,
            rule=given["rule"] or "",
        )
        try:
            pattern.recurrence  # noqa: B018 - raises where the rule cannot be read
        except ValidationError as error:
            self.add_error("rule", error)
            return None
        return pattern


class ScheduleForm(forms.ModelForm, PatternForm):
    """A schedule, new or changed. Doctor and department are chosen once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7, required=False)  # of a new one: added once only
    starts_on = DayField(label=_("Valid from"))

    class Meta:
        model = Schedule
        fields = (
            *("doctor", "department", "name", "starts_on", "ends_on", "start_time", "end_time", "slot_minutes"),
            *("buffer_minutes", "seats", "visit_type", "room", "is_public", "is_active"),
        )
        widgets = {
            "ends_on": DayInput(),
            "start_time": ClockInput(),
            "end_time": ClockInput(),
            "visit_type": VisitTypeSelect(),
        }
        labels = {"is_public": _("Public")}

    field_order = (
        *("doctor", "department", "name", "kind", "every", "position", "weekdays", "rule", "starts_on", "ends_on"),
        *("start_time", "end_time", "visit_type", "slot_minutes", "buffer_minutes", "seats", "room", "is_public"),
        "is_active",
    )

    def __init__(self, *args: Any, site: AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = copy.copy(self.instance)
        self.pattern = pattern_of(self.instance.recurrence) if self.instance.recurrence else None
        fields = self.fields
        if self.instance._state.adding:
            fields["doctor"] = choice(Schedule._meta.get_field("doctor"), site, doctors(), label=_("Doctor"))
            fields["department"] = choice(
                Schedule._meta.get_field("department"),
                site,
                Department.objects.filter(is_active=True),
                label=_("Department"),
                required=False,
                nothing=_("The doctor's own"),
                help_text=_("Where the session is held, and whose clock counts."),
            )
            del fields["is_active"]
        else:
            for name in ("key", "doctor", "department"):
                del fields[name]
        if self.pattern is not None:
            for name in ("kind", *MADE_OF):
                self.initial[name] = getattr(self.pattern, name)
        fields["visit_type"].queryset = VisitType.objects.filter(  # type: ignore[attr-defined]
            Q(is_active=True) | Q(pk=self.instance.visit_type_id)
        )
        fields["slot_minutes"].required = False
        fields["slot_minutes"].help_text = _("Minutes. Empty: the length of the visit type.")
        fields["ends_on"].help_text = _("Empty: for good.")
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("doctor") and "department" in given and not given["department"]:
            given["department"] = given["doctor"].department
        if given.get("visit_type") and "slot_minutes" in given and given["slot_minutes"] is None:
            given["slot_minutes"] = given["visit_type"].duration_minutes
        pattern = self.chosen_pattern()
        if pattern is not None and pattern != self.pattern:  # a rule in other words is left as it was written
            self.instance.recurrence = pattern.recurrence
        if pattern is not None and pattern.kind == "once" and given.get("starts_on"):
            given["ends_on"] = given["starts_on"]
        if self.instance._state.adding and given.get("key"):
            self.instance.pk = given["key"]
        return given

    @property
    def changed_names(self) -> list[str]:
        """The fields of the schedule that differ from what it was."""
        names = [field.name for field in Schedule._meta.concrete_fields if field.editable]
        return [name for name in names if getattr(self.instance, name) != getattr(self.before, name)]


class DatesForm(PatternForm):
    """The part of a schedule's form that says when, as far as it has been typed."""

    starts_on = DayField()
    ends_on = forms.DateField(required=False)
    start_time = forms.TimeField(required=False)
    end_time = forms.TimeField(required=False)
    doctor = forms.ModelChoiceField(Doctor.objects.select_related("department"), required=False)
    department = forms.ModelChoiceField(Department.objects.all(), required=False)


class EndForm(PlanForm, forms.Form):
    ends_on = DayField(label=_("Last day"), help_text=_("The last day on which it is held."))


class CopyForm(PlanForm, forms.Form):
    starts_on = DayField(label=_("First day"))
    all = forms.BooleanField(required=False)

    def __init__(self, *args: Any, site: AdminSite, source: Schedule, running: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        source_field = Schedule._meta.get_field("doctor")
        others = doctors().exclude(pk=source.doctor_id)
        self.fields["doctor"] = choice(source_field, site, others, label=_("To the doctor"))
        self.fields["all"].label = _("All running schedules of %(doctor)s (%(count)d)") % {
            "doctor": source.doctor.name,
            "count": running,
        }
        self.order_fields(["doctor", "starts_on", "all"])

    def field_of(self, name: str, code: str) -> str | None:
        of_source = FIELD_OF.get(code, name) in ("recurrence", "ends_on", "start_time")
        return "starts_on" if of_source else super().field_of(name, code)


# --- closures ----------------------------------------------------------------------------------------------------

ROWS_OF_CLOSURE = {"days": ("first_day", "last_day"), "moments": ("starts_at", "ends_at")}


def clock_of(department: Department | None, doctor: Doctor | None) -> str:
    """The zone by whose clock a closure from moment to moment is given."""
    if department is None and doctor is not None:
        department = doctor.department
    return department.time_zone if department is not None else settings.TIME_ZONE


class ClosureForm(forms.ModelForm, PlanForm):
    """A closure, new or changed."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7, required=False)  # of a new one: added once only
    kind = forms.ChoiceField(
        label=_("How long"),
        choices=[("days", _("Whole days")), ("moments", _("From moment to moment"))],
        widget=forms.Select(attrs={"data-rows": json.dumps(ROWS_OF_CLOSURE)}),
    )
    first_day = DayField(label=_("First day"), required=False)
    last_day = DayField(label=_("Last day"), required=False, help_text=_("Empty: that one day."))
    starts_at = WallClockField(label=_("From"), required=False)
    ends_at = WallClockField(label=_("Until"), required=False)

    class Meta:
        model = Closure
        fields = ("department", "doctor", "first_day", "last_day", "starts_at", "ends_at", "reason")
        help_texts = {"reason": _("Such as: public holiday, conference. Whoever calls the patients will tell them.")}

    field_order = ("department", "doctor", "kind", "first_day", "last_day", "starts_at", "ends_at", "reason")

    def __init__(self, *args: Any, site: AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        closure = self.instance
        self.before = copy.copy(closure)
        self.fields["department"] = choice(
            Closure._meta.get_field("department"),
            site,
            Department.objects.all(),
            label=_("Department"),
            required=False,
            nothing=_("None"),
            help_text=_("Neither department nor doctor: the whole hospital."),
        )
        self.fields["doctor"] = choice(
            Closure._meta.get_field("doctor"),
            site,
            Doctor.objects.select_related("department"),
            label=_("Doctor"),
            required=False,
            nothing=_("None"),
        )
        if not closure._state.adding:
            del self.fields["key"]
            zone = ZoneInfo(clock_of(closure.department, closure.doctor))
            self.initial["kind"] = "days" if closure.first_day else "moments"
            for name in ("starts_at", "ends_at"):
                if (moment := getattr(closure, name)) is not None:
                    self.initial[name] = moment.astimezone(zone).replace(tzinfo=None)
        self.order_fields(self.field_order)

    def field_of(self, name: str, code: str) -> str | None:
        of_days = self.cleaned_data.get("kind") == "days"
        if code == "span_out_of_order":
            name = "last_day" if of_days else "ends_at"
        elif name == "__all__" and code == "required":
            name = "reason"
        return super().field_of(name, code)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.instance._state.adding and given.get("key"):
            self.instance.pk = given["key"]
        self.forget_others(ROWS_OF_CLOSURE)
        if given.get("kind") == "days":
            if "last_day" in given:
                given["last_day"] = given["last_day"] or given.get("first_day")
            self._needed("first_day")
        elif given.get("kind") == "moments":
            zone = clock_of(given.get("department"), given.get("doctor"))
            for name in ("starts_at", "ends_at"):
                self._needed(name)
                if given.get(name) is not None:
                    self._read_clock(name, zone)
        return given

    def _needed(self, name: str) -> None:
        if name in self.cleaned_data and self.cleaned_data[name] is None:
            self.add_error(name, ValidationError(self.fields[name].error_messages["required"], code="required"))

    def _read_clock(self, name: str, zone: str) -> None:
        before = getattr(self.before, name)
        typed = self.cleaned_data[name]
        if (
            before is not None
            and before.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0) == typed
        ):
            self.cleaned_data[name] = before  # unchanged: of an hour that comes twice it stays the one that it was
            return
        try:
            self.cleaned_data[name] = instant(typed, zone)
        except NoSuchTime:
            message = _("Clocks in %(zone)s skip this time on that day. Choose an earlier or a later one.")
            self.add_error(name, ValidationError(message, code="no_such_time", params={"zone": zone}))

    @property
    def changed_names(self) -> list[str]:
        """The fields of the closure that differ from what it was."""
        return [name for name in self.Meta.fields if getattr(self.instance, name) != getattr(self.before, name)]


class ClockForm(forms.Form):
    """The part of a closure's form that says by whose clock."""

    department = forms.ModelChoiceField(Department.objects.all(), required=False)
    doctor = forms.ModelChoiceField(Doctor.objects.select_related("department"), required=False)


class EmptyForm(PlanForm, forms.Form):
    """Where there is nothing to choose but to do it."""


def today_at(zone: str) -> date:
    return timezone.now().astimezone(ZoneInfo(zone)).date()


def refuse_invalid(form: PlanForm, record: Model) -> bool:
    """Whether a record that is made of a form, but not by it, is valid; the form says what is wrong."""
    try:
        record.full_clean(exclude=["doctor", "department", "visit_type"])
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True
