import uuid

import django_filters
from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import Concat

from booking_site.api.filters import BooleanFilter, TextFilter
from booking_site.core.sql import SearchFold, containing
from doctors.models import Doctor


def by_department(queryset: QuerySet, value: str, path: str = "department") -> QuerySet:
    """By the department's name (any case) or its id."""
    try:
        return queryset.filter(**{f"{path}_id": uuid.UUID(value)})
    except ValueError:
        return queryset.filter(**{f"{path}__name__iexact": value})


class DoctorFilter(django_filters.FilterSet):
    department = TextFilter(method="filter_department", label="Name or id of the department.")
    specialization = TextFilter(lookup_expr="iexact")
    is_active = BooleanFilter()
    search = TextFilter(method="filter_search", label="Part of the name, the code or the specialization.")
    ordering = django_filters.OrderingFilter(fields=["name", "id", "experience", "specialization", "created_at"])

    class Meta:
        model = Doctor
        fields: list[str] = []

    def filter_department(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return by_department(queryset, value)

    def filter_search(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        folded = SearchFold(Concat("id", Value(" "), "name", Value(" "), "specialization", output_field=TextField()))
        for word in value.split()[:8]:
            queryset = containing(queryset, folded, word)
        return queryset
