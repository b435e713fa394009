from uuid import UUID

import django_filters
from django.db.models import QuerySet

from appointments.models import Appointment, Status
from booking_site.api.filters import BooleanFilter, IdentifierFilter, LocalDateFilter, TextFilter
from doctors.filters import departments_asked
from patients.models import answering


class AppointmentFilter(django_filters.FilterSet):
    patient = IdentifierFilter(
        method="filter_patient",
        label="The patient's id. That of a merged record gives the visits of the one it became.",
    )
    doctor = TextFilter(field_name="doctor_id", label="The doctor's code.")
    department = TextFilter(method="filter_department", label="Name or id of the department.")
    status = django_filters.ChoiceFilter(choices=Status.choices, label="Where the visit stands.")
    date = LocalDateFilter(label="Date at the site.")
    date_from = LocalDateFilter(lookup_expr="gte", label="From this date at the site.")
    date_to = LocalDateFilter(lookup_expr="lte", label="Up to and including this date.")

    needs_new_time = BooleanFilter(
        field_name="needs_new_time_since",
        lookup_expr="isnull",
        exclude=True,
        label="Whether the plan has changed under it, so that the patient needs a new time.",
    )

    class Meta:
        model = Appointment
        fields: list[str] = []

    def filter_patient(self, queryset: QuerySet, name: str, value: UUID) -> QuerySet:
        return queryset.filter(patient_id=answering(value))

    def filter_department(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(department_id__in=departments_asked(value, self.request))
