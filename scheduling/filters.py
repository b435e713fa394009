import django_filters
from django.db.models import QuerySet

from booking_site.api.filters import DateFilter, TextFilter, TimeFilter
from doctors.filters import by_department
from scheduling.models import AvailableSlot


class SlotFilter(django_filters.FilterSet):
    doctor = TextFilter(field_name="doctor_id", label="The doctor's code.")
    department = TextFilter(method="filter_department", label="Name or id of the department.")
    specialization = TextFilter(field_name="doctor__specialization", lookup_expr="iexact")
    visit_type = TextFilter()
    date = DateFilter(label="Date at the site.")
    date_from = DateFilter(field_name="date", lookup_expr="gte")
    date_to = DateFilter(field_name="date", lookup_expr="lte", label="Up to and including this date.")
    time_from = TimeFilter(field_name="time", lookup_expr="gte", label="Wall clock at the site.")
    time_to = TimeFilter(field_name="time", lookup_expr="lte", label="Begins at this time at the latest.")
    duration_minutes = django_filters.NumberFilter(
        lookup_expr="exact", min_value=1, max_value=1440, decimal_places=0, label="Length of the slot."
    )

    class Meta:
        model = AvailableSlot
        fields: list[str] = []

    def filter_department(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return by_department(queryset, value)
