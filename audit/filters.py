from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet

from audit.days import moments
from audit.looking import about, keys_of, within
from audit.models import AuditLog
from booking_site.api.filters import DateFilter, IdentifierFilter, TextFilter

KINDS = ["user", "client", "command", "anonymous", "database"]


class AuditLogFilter(django_filters.FilterSet):
    patient = IdentifierFilter(
        method="filter_patient",
        label="The patient's id: entries about them, about records merged into theirs, and of lists that showed them.",
    )
    appointment = IdentifierFilter(field_name="appointment_id", label="The appointment's id.")
    user = TextFilter(field_name="user_id", label="Id of the user, the client application or the command.")
    user_kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in KINDS], label="Kind of the actor.")
    action = TextFilter(label="Such as patient.viewed.")
    status = django_filters.ChoiceFilter(choices=AuditLog.Status.choices, label="How it ended.")
    object_type = TextFilter(label="Such as slot or doctor.")
    object_id = TextFilter(label="Best with object_type.")
    request_id = TextFilter(label="The X-Request-ID of an answer. Give days too: it has to be looked for among all.")
    date_from = DateFilter(method="filter_from", label="From this date in the hospital's own zone.")
    date_to = DateFilter(method="filter_to", label="Up to and including this date.")

    class Meta:
        model = AuditLog
        fields: list[str] = []

    def filter_patient(self, queryset: QuerySet, name: str, value: UUID) -> QuerySet:
        return queryset.filter(about(keys_of(value)))

    def filter_from(self, queryset: QuerySet, name: str, value: Any) -> QuerySet:
        return within(queryset, *moments(value, None))

    def filter_to(self, queryset: QuerySet, name: str, value: Any) -> QuerySet:
        return within(queryset, *moments(None, value))
