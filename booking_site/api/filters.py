"""Filters that refuse what they do not know."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError

FURTHEST_ZONE = timedelta(hours=14)


class StrictFilterBackend(DjangoFilterBackend):
    """A query parameter that is no filter of the list is a 400: a misspelt filter would show everything."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filterset_class = self.get_filterset_class(view, queryset)
        known = set(getattr(view.paginator, "parameters", ()))
        if filterset_class is not None:
            known |= set(filterset_class.base_filters)
        unknown = {name: ["There is no such filter."] for name in request.query_params if name not in known}
        if unknown:
            raise ValidationError(unknown, code="unknown_filter")
        return super().filter_queryset(request, queryset, view)


class BooleanFilter(django_filters.TypedChoiceFilter):
    """``true`` or ``false``; anything else is an error, where the stock filter ignores it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"choices": [("true", "true"), ("false", "false")], "coerce": lambda value: value == "true"}
        super().__init__(*args, **kwargs)


class TextFilter(django_filters.CharFilter):
    """A text of bounded length, compared as it stands."""

    field_class = forms.CharField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 200)
        super().__init__(*args, **kwargs)


class DateFilter(django_filters.DateFilter):
    """``YYYY-MM-DD`` and nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("input_formats", ["%Y-%m-%d"])
        super().__init__(*args, **kwargs)


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


class TimeFilter(django_filters.TimeFilter):
    """``HH:MM`` or ``HH:MM:SS``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("input_formats", ["%H:%M", "%H:%M:%S"])
        super().__init__(*args, **kwargs)
