import django_filters
from django.db.models import QuerySet

from booking_site.api.filters import LocalDateFilter, TextFilter, TimeFilter, WholeNumberFilter
from doctors.filters import departments_named
from doctors.models import Doctor
from scheduling.models import AvailableSlot


class SlotFilter(django_filters.FilterSet):
    doctor = TextFilter(field_name="doctor_id", label="The doctor's code.")
    department = TextFilter(method="filter_department", label="Name or id of the department.")
    specialization = TextFilter(method="filter_specialization", label="The doctor's specialization.")
    visit_type = TextFilter(label="Kind of visit, such as consultation.")
    date = LocalDateFilter(label="Date at the site.")
    date_from = LocalDateFilter(lookup_expr="gte", label="From this date at the site.")
    date_to = LocalDateFilter(lookup_expr="lte", label="Up to and including this date.")
    time_from = TimeFilter(field_name="time", lookup_expr="gte", label="Wall clock at the site.")
    time_to = TimeFilter(field_name="time", lookup_expr="lte", label="Begins at this time at the latest.")
    duration_minutes = WholeNumberFilter(min_value=1, max_value=1440, label="Length of the slot.")

    class Meta:
        model = AvailableSlot
        fields: list[str] = []

    def filter_department(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(department_id__in=departments_named(value))

    def filter_specialization(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        doctors = Doctor.objects.filter(specialization__iexact=value).values_list("pk", flat=True)
        return queryset.filter(doctor_id__in=list(doctors))  # ids, not a join: see departments_named
