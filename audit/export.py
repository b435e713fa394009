"""The entries that are found, as a file: CSV in plain UTF-8, newest first, sent while it is read.

It is read in pieces, each from where the last one ended: no transaction is open while somebody's line is slow.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import criteria
from audit.models import AuditLog
from audit.receivers import write
from booking_site.core.actor import actor_of
from booking_site.core.sheets import write_rows
from booking_site.core.shown import filters_of

MOST = 1_000_000  # entries of a file
PIECE = 2_000
COLUMNS = [
    *("timestamp", "action", "status", "user_kind", "user_id", "user_name", "on_behalf_of", "patient_id"),
    *("patient_ids", "appointment_id", "object_type", "object_id", "request_id", "address", "details", "id"),
]


def export_page(model_admin: Any, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """POST, with the query of the list in the address. What is handed out is told of first."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        found = model_admin.get_changelist_instance(request).queryset.order_by("-timestamp", "-id")
    except IncorrectLookupParameters:
        return HttpResponseRedirect(f"{reverse('admin:audit_auditlog_changelist')}?e=1")
    many = found.order_by()[: MOST + 1].count()
    if many > MOST:
        text = _("More than %d entries are too many for a file. Choose days, or what to look for.")
        messages.error(request, text % MOST)
        return HttpResponseRedirect(f"{reverse('admin:audit_auditlog_changelist')}?{request.GET.urlencode()}")
    until = timezone.now()
    asked = filters_of(request) | criteria.kept(criteria.read(request.GET.get("q", "")))
    write(
        actor=actor_of(request),
        action="audit.exported",
        object_type="audit",
        details={"page": "audit_export", "entries": many, "filters": asked},
    )
    name = f"audit_log_{until:%Y-%m-%d_%H%M}.csv"
    lines = write_rows(COLUMNS, (_cells(row) for row in _pieces(found, until)))
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _pieces(found: QuerySet[AuditLog], until: datetime) -> Iterator[AuditLog]:
    rows = list(found.filter(timestamp__lt=until)[:PIECE])
    while rows:
        yield from rows
        last = rows[-1]
        beyond = Q(timestamp__lte=last.timestamp) & (Q(timestamp__lt=last.timestamp) | Q(id__lt=last.pk))
        rows = list(found.filter(beyond)[:PIECE]) if len(rows) == PIECE else []


def _cells(row: AuditLog) -> list[Any]:
    return [_cell(name, getattr(row, name)) for name in COLUMNS]


def _cell(name: str, value: Any) -> Any:
    if name == "timestamp":
        return value.isoformat()
    if name == "patient_ids":
        return " ".join(map(str, value or ()))
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) if name == "details" else value
