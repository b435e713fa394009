import uuid
from typing import Any

import django_filters
from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import Concat

from booking_site.api.filters import BooleanFilter, OrderingFilter, TextFilter
from booking_site.core.actor import actor_of
from booking_site.core.sql import SearchFold, containing
from doctors.models import Department, Doctor


def departments_named(value: str) -> list[uuid.UUID]:
    """The ids of the departments of that name (any case), or the id itself.

    Looked up first, by one small query: with ids the planner knows how many rows to expect and which index to walk.
    """
    try:
        return [uuid.UUID(value)]
    except ValueError:
        return list(Department.objects.filter(name__iexact=value).values_list("pk", flat=True))


def departments_asked(value: str, request: Any) -> list[uuid.UUID]:
    """The same, less those that are out of the caller's reach."""
    named = departments_named(value)
    reached = actor_of(request).reach.departments
    return named if reached is None else [department for department in named if department in reached]


class DoctorFilter(django_filters.FilterSet):
    department = TextFilter(method="filter_department", label="Name or id of the department.")
    specialization = TextFilter(lookup_expr="iexact", label="In full, in any case.")
    is_active = BooleanFilter(label="Does the doctor see patients at present?")
    search = TextFilter(method="filter_search", label="Part of the name, the code or the specialization.")
    ordering = OrderingFilter(fields=["name", "id", "experience", "specialization", "created_at"])

    class Meta:
        model = Doctor
        fields: list[str] = []

    def filter_department(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(department_id__in=departments_asked(value, self.request))

    def filter_search(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        folded = SearchFold(Concat("id", Value(" "), "name", Value(" "), "specialization", output_field=TextField()))
        for word in value.split()[:8]:
            queryset = containing(queryset, folded, word)
        return queryset
