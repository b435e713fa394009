import django_filters
from django.db.models import QuerySet

from booking_site.api.filters import BooleanFilter, DateFilter, OrderingFilter, TextFilter
from patients.models import Patient, PatientQuerySet


class PatientFilter(django_filters.FilterSet):
    search = TextFilter(
        method="filter_search",
        label="Words of the name in any order, with or without accents; digits of the phone number; the record number.",
    )
    email = TextFilter(lookup_expr="iexact", label="In full, in any case.")
    phone = TextFilter(method="filter_phone", label="Digits of the phone number, in any format.")
    dob = DateFilter(label="Date of birth.")
    is_active = BooleanFilter(label="Open records only, or closed ones only.")
    ordering = OrderingFilter(fields=["last_name", "first_name", "dob", "created_at"])

    class Meta:
        model = Patient
        fields: list[str] = []

    def filter_search(self, queryset: PatientQuerySet, name: str, value: str) -> QuerySet:
        return queryset.search(value)

    def filter_phone(self, queryset: PatientQuerySet, name: str, value: str) -> QuerySet:
        return queryset.by_phone(value)
