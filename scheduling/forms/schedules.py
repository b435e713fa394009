"""How a doctor works: pattern, hours and seats; ending it, and copying it."""

import copy
import json
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking_site.core.ids import uuid7
from booking_site.core.widgets import Checkboxes
from doctors.models import Department, Doctor
from scheduling.forms.plan import (
    FIELD_OF,
    ClockInput,
    DayField,
    DayInput,
    PlanForm,
    VisitTypeSelect,
    choice,
    doctors,
)
from scheduling.models import Schedule, VisitType
from scheduling.recurrence import POSITIONS, WEEKDAY_NAMES, Pattern, pattern_of

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
        label=_("Which of the month"), choices=lambda: [(n, str(text).capitalize()) for n, text in POSITIONS.items()],
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
