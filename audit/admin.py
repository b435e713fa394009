import json
import uuid
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audit.models import AuditLog
from booking_site.core.admin import ReadOnlyAdmin
from booking_site.core.wallclock import moment_html
from scheduling.days import DayFilter, span_of

KINDS = ["access", "appointment", "apiclient", "department", "doctor", "patient", "slot", "user"]


class MomentFilter(DayFilter):
    """Rows by ``timestamp``, in days of the hospital's own zone."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(value, label) for value, label in super().lookups(request, model_admin) if "next" not in value]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        zone = ZoneInfo(settings.TIME_ZONE)
        first, last = span_of(self.choice, timezone.now().astimezone(zone).date())
        if first is not None:
            queryset = queryset.filter(timestamp__gte=datetime.combine(first, time(), zone))
        if last is not None and last < date.max:
            queryset = queryset.filter(timestamp__lt=datetime.combine(last + timedelta(days=1), time(), zone))
        return queryset


class KindFilter(admin.SimpleListFilter):
    """By the first part of the action: ``appointment`` of ``appointment.booked``. A fixed list: nothing is counted."""

    title = _("what")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(kind, kind) for kind in KINDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        kind = self.value()
        # The character after "." is "/": a range that any index on the action can serve.
        return queryset.filter(action__gt=f"{kind}.", action__lt=f"{kind}/") if kind in KINDS else queryset


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    list_display = ["moment", "action", "outcome", "who", "object_id", "address"]
    list_filter = [MomentFilter, "status", KindFilter]
    search_fields = ["object_id"]  # what makes Django show the search box; see get_search_results
    search_help_text = _("Id of an appointment, patient, slot or request; name or id of who did it; or an address.")
    sortable_by = ()
    fields = [
        *("moment", "action", "outcome", "who", "user_kind", "user_id", "on_behalf_of"),
        *("appointment_id", "object_type", "object_id", "request_id", "address", "pretty"),
    ]
    readonly_fields = ["moment", "outcome", "who", "pretty"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        wanted = Q(object_id=term) | Q(user_id=term) | Q(user_name__iexact=term) | Q(request_id=term) | Q(address=term)
        with suppress(ValueError):
            wanted |= Q(appointment_id=uuid.UUID(term))
        return queryset.filter(wanted), False

    @admin.display(description=_("time"))
    def moment(self, row: AuditLog) -> str:
        return moment_html(row.timestamp)

    @admin.display(description=_("outcome"))
    def outcome(self, row: AuditLog) -> str:
        return format_html('<span class="status status-{}">{}</span>', row.status, row.get_status_display())

    @admin.display(description=_("who"))
    def who(self, row: AuditLog) -> str:
        return row.who

    @admin.display(description=_("details"))
    def pretty(self, row: AuditLog) -> str:
        return format_html(
            "<pre>{}</pre>", json.dumps(row.details, indent=2, ensure_ascii=False, default=str, sort_keys=True)
        )
