"""Filters that refuse what they do not know."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError

from booking_site.api.serializers import UUID_PATTERN

TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
FURTHEST_ZONE = timedelta(hours=14)


class StrictFilterBackend(DjangoFilterBackend):
    """A query parameter that is no filter of the list is a 400: a misspelt filter would show everything, and so would
    an empty one."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filterset_class = self.get_filterset_class(view, queryset)
        known = set(getattr(view.paginator, "parameters", ()))
        if filterset_class is not None:
            known |= set(filterset_class.base_filters)
        unknown = {name: ["There is no such filter."] for name in request.query_params if name not in known}
        if unknown:
            raise ValidationError(unknown, code="unknown_filter")
        repeated = {name: ["Give it once."] for name, values in request.query_params.lists() if len(values) > 1}
        if repeated:
            raise ValidationError(repeated, code="repeated_parameter")
        blank = {name: ["Give a value, or leave it out."] for name, value in request.query_params.items() if not value}
        if blank:
            raise ValidationError(blank, code="blank")
        return super().filter_queryset(request, queryset, view)


class BooleanFilter(django_filters.TypedChoiceFilter):
    """``true`` or ``false``; anything else is an error, where the stock filter ignores it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"choices": [("true", "true"), ("false", "false")], "coerce": lambda value: value == "true"}
        super().__init__(*args, **kwargs)


class TextFilter(django_filters.CharFilter):
    """A text of bounded length, compared as it stands: spaces count."""

    field_class = forms.CharField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": 200, "strip": False} | kwargs)


class ShapedField(forms.Field):
    """A value of one spelling: what does not match ``shape``, or what ``parse`` refuses with ValueError, is invalid."""

    shape: re.Pattern[str]
    parse: Callable[[str], Any]

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            if not self.shape.fullmatch(value):
                raise ValueError(value)
            return type(self).parse(value)
        except ValueError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class DateField(ShapedField):
    shape = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
    parse = date.fromisoformat
    default_error_messages = {"invalid": "Enter a date as YYYY-MM-DD."}


class TimeField(ShapedField):
    shape = re.compile(TIME)
    parse = time.fromisoformat
    default_error_messages = {"invalid": "Enter a time as HH:MM or HH:MM:SS."}


class IdentifierField(ShapedField):
    shape = re.compile(UUID_PATTERN)
    parse = uuid.UUID
    default_error_messages = {"invalid": "Enter an id: a UUID with hyphens."}


class WholeNumberField(ShapedField):
    shape = re.compile(r"-?[0-9]{1,9}")
    parse = int
    default_error_messages = {"invalid": "Enter a whole number."}

    def __init__(self, *, min_value: int, max_value: int, **kwargs: Any) -> None:
        super().__init__(validators=[MinValueValidator(min_value), MaxValueValidator(max_value)], **kwargs)


class DateFilter(django_filters.Filter):
    field_class = DateField


class TimeFilter(django_filters.Filter):
    field_class = TimeField


class IdentifierFilter(django_filters.Filter):
    field_class = IdentifierField


class WholeNumberFilter(django_filters.Filter):
    """``min_value`` and ``max_value`` are required."""

    field_class = WholeNumberField


class OrderingFilter(django_filters.OrderingFilter):
    """Field names separated by commas. What compares equal is ordered by key: no page repeats or skips a row."""

    def filter(self, qs: Any, value: Any) -> Any:
        return super().filter(qs, [*value, "pk"] if value else value)


class LocalDateFilter(DateFilter):
    """A date at the site, on rows that have ``date`` and ``starts_at``.

    Bounds the instant too (no zone is further than 14 hours from UTC), so that indexes in order of time serve it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"field_name": "date"})

    def filter(self, queryset: Any, value: date | None) -> Any:
        if value is None:
            return queryset
        midnight = datetime.combine(value, time(), UTC)
        if self.lookup_expr in ("exact", "gte") and value > date(1, 1, 2):
            queryset = queryset.filter(starts_at__gte=midnight - FURTHEST_ZONE)
        if self.lookup_expr in ("exact", "lte") and value < date(9999, 12, 30):
            queryset = queryset.filter(starts_at__lt=midnight + timedelta(days=1) + FURTHEST_ZONE)
        return super().filter(queryset, value)
