from typing import Any

from rest_framework.response import Response

from audit.filters import AuditLogFilter
from audit.models import AuditLog
from audit.schema import CALLS as DOCUMENTED
from audit.serializers import AuditLogSerializer
from booking_site.api.pagination import KeysetPagination
from booking_site.api.schema import documented
from booking_site.api.viewsets import UUID_PATTERN, RowViewSet
from booking_site.core import shown


class NewestFirst(KeysetPagination):
    moment, usual = "timestamp", "-timestamp"


@documented("Audit", DOCUMENTED)
class AuditLogViewSet(RowViewSet):
    queryset = AuditLog.objects.all()
    serializer_class = AuditLogSerializer
    filterset_class = AuditLogFilter
    pagination_class = NewestFirst
    scopes = {"list": "audit:read", "retrieve": "audit:read"}

    def retrieve(self, request: Any, pk: Any = None) -> Response:
        """Without an ETag: an entry never changes."""
        row = self.row(pk)
        shown.note_record(request, AuditLog, row)
        shown.note_patients(request, AuditLog, row["patient_ids"] or [])
        return Response(self.serializer_class.finish(row))


CALLS: list[tuple[str, type[RowViewSet], dict[str, Any]]] = [
    ("audit-logs", AuditLogViewSet, {"get": "list"}),
    (f"audit-logs/(?P<pk>{UUID_PATTERN})", AuditLogViewSet, {"get": "retrieve"}),
]
