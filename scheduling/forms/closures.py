"""When nobody works: where, from when to when by whose clock, and why."""

import copy
import json
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from booking_site.core.ids import uuid7
from booking_site.core.localtime import NoSuchTime, instant
from doctors.models import Department, Doctor
from scheduling.forms.plan import DayField, PlanForm, WallClockField, choice
from scheduling.models import Closure

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
