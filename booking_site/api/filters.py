"""Filters that refuse what they do not know."""

import re
import uuid
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.utils import ErrorDict, ErrorList
from django_filters.fields import BaseCSVField
from django_filters.rest_framework import DjangoFilterBackend
from django_filters.utils import translate_validation
from rest_framework.exceptions import ValidationError

from booking_site.api.serializers import UUID_PATTERN
from booking_site.core.sql import Select, SqlCondition

TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
FURTHEST_ZONE = timedelta(hours=14)
MOST_VALUES = 50  # in a list separated by commas


class StrictFilterBackend(DjangoFilterBackend):
    """A query parameter that is no filter of the list is a 400: a misspelt filter would show everything, and so would
    an empty one."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        """A ``Select`` is narrowed by conditions in SQL, a queryset by what each filter makes of it."""
        if not isinstance(queryset, Select):
            return super().filter_queryset(request, queryset, view)
        self._check_names(request, view.filterset_class, view)
        return queryset.where(*view.filterset_class.conditions(request))

    def get_filterset(self, request: Any, queryset: Any, view: Any) -> Any:
        """The filters of the request, all of them valid; None for a view without filters. Raises ValidationError."""
        self._check_names(request, self.get_filterset_class(view, queryset), view)
        filterset = super().get_filterset(request, queryset, view)
        if filterset is not None and not filterset.is_valid():
            raise translate_validation(filterset.errors)
        return filterset

    @staticmethod
    def _check_names(request: Any, filterset_class: Any, view: Any) -> None:
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


class ConditionFilterSet(django_filters.FilterSet):
    """Filters that are conditions in SQL (``ConditionFilter``): of a ``Select`` as of a queryset."""

    @classmethod
    def conditions(cls, request: Any) -> list[SqlCondition]:
        """Those of the request. Raises ValidationError with all that is wrong with its values."""
        conditions, errors = [], ErrorDict()
        for name, text in request.query_params.items():
            if (asked := cls.base_filters.get(name)) is not None:
                try:
                    conditions.append(asked.condition(asked.field.clean(text), cls._meta.model, request))
                except forms.ValidationError as error:
                    errors[name] = ErrorList(error.error_list)
        if errors:
            raise translate_validation(errors)
        return conditions


class ConditionFilter(django_filters.Filter):
    """Compares a column of the list's own table, unless ``means`` says otherwise: a function of the value and the
    request that gives the SqlCondition."""

    OPERATORS = {"exact": "=", "gte": ">=", "lte": "<="}

    def __init__(self, *args: Any, means: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.means = means

    def condition(self, value: Any, model: Any, request: Any) -> SqlCondition:
        return self.compare(value, model) if self.means is None else self.means(value, request)

    def compare(self, value: Any, model: Any) -> SqlCondition:
        return SqlCondition(f"{column(model, self.field_name)} {self.OPERATORS[self.lookup_expr]} %s", value)

    def filter(self, qs: Any, value: Any) -> Any:
        return qs if value is None or value == "" else qs.filter(self.condition(value, qs.model, self.parent.request))


def column(model: Any, field: str) -> str:
    return f"{model._meta.db_table}.{model._meta.get_field(field).column}"


def all_of(conditions: Collection[SqlCondition]) -> SqlCondition:
    sql = " AND ".join([condition.sql for condition in conditions]) or "TRUE"
    return SqlCondition(sql, *[value for condition in conditions for value in condition.params])


def only_checked(condition: SqlCondition) -> SqlCondition:
    """The same, but no index is sought for it: PostgreSQL would take the rows that meet it and the bounds of an index
    for far too few, and fetch and sort them all (see ``core.sql.checked``)."""
    return SqlCondition(f"CASE WHEN {condition.sql} THEN TRUE ELSE FALSE END", *condition.params)


def any_of(column: str, values: Collection[Any]) -> SqlCondition:
    """The column is one of the values. For one of them an index keeps its order."""
    if len(values) == 1:
        return SqlCondition(f"{column} = %s", *values)
    return SqlCondition(f"{column} = ANY(%s)", list(values)) if values else SqlCondition("FALSE")


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


class TextCondition(ConditionFilter, TextFilter):
    """The same, as a condition in SQL."""


class ChoiceCondition(ConditionFilter, django_filters.ChoiceFilter):
    """One of ``choices``, of which some are rare: each has plans of its own, so it stands in the text itself."""

    def compare(self, value: str, model: Any) -> SqlCondition:
        return SqlCondition(f"{column(model, self.field_name)} = '{value}'")


class BooleanCondition(ConditionFilter, BooleanFilter):
    """``true`` or ``false``."""


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


def each_once(values: list[Any]) -> list[Any]:
    """The values. Raises ValidationError if one comes twice."""
    if len(set(values)) < len(values):
        raise forms.ValidationError("Give each value once.", code="repeated_value")
    return values


class ListField(forms.Field):
    """Values separated by commas, each read by ``item``: none empty, none twice."""

    default_error_messages = {
        "empty_item": "Separate the values by single commas.",
        "too_many": f"Give {MOST_VALUES} values at most.",
    }

    def __init__(self, *, item: forms.Field, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        texts = value.split(",")
        if not all(texts):
            raise forms.ValidationError(self.error_messages["empty_item"], code="blank")
        if len(texts) > MOST_VALUES:
            raise forms.ValidationError(self.error_messages["too_many"], code="too_many")
        return each_once([self.item.clean(text) for text in texts])


class OrderingField(BaseCSVField):
    def clean(self, value: Any) -> Any:
        return value if not value else each_once(super().clean(value))


class DateFilter(ConditionFilter):
    field_class = DateField


class TimeFilter(ConditionFilter):
    field_class = TimeField


class IdentifierFilter(ConditionFilter):
    field_class = IdentifierField


class WholeNumberFilter(ConditionFilter):
    """``min_value`` and ``max_value`` are required."""

    field_class = WholeNumberField


class ListFilter(ConditionFilter):
    field_class = ListField

    def compare(self, value: Any, model: Any) -> SqlCondition:
        return any_of(column(model, self.field_name), value)


class TextListFilter(ListFilter):
    """One text or several, each of ``max_length`` at most: rows that have any of them."""

    def __init__(self, *args: Any, max_length: int, **kwargs: Any) -> None:
        item = forms.CharField(max_length=max_length, strip=False)
        super().__init__(*args, **{"lookup_expr": "in", "item": item} | kwargs)


class ChoiceListFilter(ListFilter):
    """One or several of ``choices``."""

    def __init__(self, *args: Any, choices: Iterable[str], **kwargs: Any) -> None:
        item = forms.ChoiceField(choices=[(choice, choice) for choice in choices])
        super().__init__(*args, **{"lookup_expr": "in", "item": item} | kwargs)


class OrderingFilter(django_filters.OrderingFilter):
    """Field names separated by commas, none twice. What compares equal is ordered by key: no page repeats or skips a
    row."""

    base_field_class = OrderingField

    def filter(self, qs: Any, value: Any) -> Any:
        return super().filter(qs, [*value, "pk"] if value else value)


class LocalDateFilter(DateFilter):
    """A date at the site, on rows that have ``date`` and ``starts_at``.

    Bounds the instant too (no zone is further than 14 hours from UTC), so that indexes in order of time serve it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"field_name": "date"})

    def compare(self, value: date, model: Any) -> SqlCondition:
        return self.bound(value, model, [only_checked(super().compare(value, model))])

    def bound(self, value: date, model: Any, also: Collection[SqlCondition] = ()) -> SqlCondition:
        """The instants alone, and ``also``."""
        moment, midnight = column(model, "starts_at"), datetime.combine(value, time(), UTC)
        conditions = [*also]
        if self.lookup_expr in ("exact", "gte") and value > date(1, 1, 2):
            conditions.append(SqlCondition(f"{moment} >= %s", midnight - FURTHEST_ZONE))
        if self.lookup_expr in ("exact", "lte") and value < date(9999, 12, 30):
            conditions.append(SqlCondition(f"{moment} < %s", midnight + timedelta(days=1) + FURTHEST_ZONE))
        return all_of(conditions)
