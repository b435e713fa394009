"""The audit log in the console: to be searched and read by those who may, and by nothing to be changed."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from audit import criteria, pages
from audit.days import FROM, TO, MomentFilter
from audit.export import export_page
from audit.integrity import at_a_glance
from audit.models import AuditLog
from booking_site.core import shown
from booking_site.core.admin import ReadOnlyAdmin
from booking_site.core.wallclock import moment_html

KINDS = [
    *("access", "apiclient", "appointment", "appointments", "audit", "closure", "database", "department", "doctor"),
    *("group", "patient", "patients", "report", "schedule", "slot", "slots", "user", "visittype"),
]


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
    search_help_text = _(
        "Id of a patient, an appointment or another object; name or id of who did it; an action such as "
        "patient.viewed; an address; a request id. Several of them find what fits all. No names of patients."
    )
    sortable_by = ()
    fields = [
        *("moment", "action", "outcome", "who", "user_kind", "user_id", "on_behalf_of"),
        *("appointment_id", "patient_id", "patients", "object_type", "object_id", "request_id", "address", "pretty"),
    ]
    readonly_fields = ["moment", "outcome", "who", "patients", "pretty"]

    def console_urls(self) -> list[Any]:
        def page(name: str, route: str, view: Any) -> Any:
            def run(request: HttpRequest, **kwargs: Any) -> HttpResponse:
                return view(self, request, **kwargs)

            return path(f"audit/auditlog/{route}", self.admin_site.admin_view(run), name=name)

        return [
            page("audit_patients", "patients/", pages.find_page),
            page("audit_patient", "patients/<uuid:patient_id>/", pages.patient_page),
            page("audit_export", "export/", export_page),
        ]

    # --- the list ----------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"integrity": at_a_glance(), **(extra_context or {})})

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in (FROM, TO) or super().lookup_allowed(lookup, value, request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        found = criteria.read(search_term)
        for one in found:
            queryset = queryset.filter(one.where)
        if any(one.needs_days for one in found) and self._is_any_day(request):
            queryset = queryset.filter(timestamp__gte=timezone.now() - timedelta(days=criteria.DAYS))
            text = ngettext(
                "Looked for within the last %d day. Choose days to look further back.",
                "Looked for within the last %d days. Choose days to look further back.",
                criteria.DAYS,
            )
            self.message_user(request, text % criteria.DAYS, messages.INFO)
        return queryset, False

    def _is_any_day(self, request: HttpRequest) -> bool:
        return MomentFilter(request, dict(request.GET.lists()), self.model, self).span == (None, None)

    # --- one entry ---------------------------------------------------------------------------------------------

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        shown.note_patients(request, AuditLog, context["original"].patient_ids or [])
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("time"))
    def moment(self, row: AuditLog) -> str:
        return moment_html(row.timestamp)

    @admin.display(description=_("outcome"))
    def outcome(self, row: AuditLog) -> str:
        return format_html('<span class="status status-{}">{}</span>', row.status, row.get_status_display())

    @admin.display(description=_("who"))
    def who(self, row: AuditLog) -> str:
        return row.who

    @admin.display(description=_("patients on the list"))
    def patients(self, row: AuditLog) -> str:
        return format_html("<pre>{}</pre>", "\n".join(map(str, row.patient_ids))) if row.patient_ids else "-"

    @admin.display(description=_("details"))
    def pretty(self, row: AuditLog) -> str:
        return format_html(
            "<pre>{}</pre>", json.dumps(row.details, indent=2, ensure_ascii=False, default=str, sort_keys=True)
        )
