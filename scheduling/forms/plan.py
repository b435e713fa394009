"""What the forms of schedules and closures share. What may be is decided by models and planning.

Complaints of the models' constraints are shown beside the field that they are about: one table here says which.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking_site.core.admin import ChoiceByAutocomplete
from booking_site.core.errors import DomainError
from doctors.models import Doctor
from scheduling.planning import furthest

EARLIEST = date(2000, 1, 1)  # no plan of today began before; a typing error did
FIELD_OF = {  # the code of a constraint: where its complaint is shown
    "times_out_of_order": "end_time",
    "slot_too_long": "slot_minutes",
    "dates_out_of_order": "ends_on",
    "scope_ambiguous": "doctor",
    "span_incomplete": "kind",
}


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
