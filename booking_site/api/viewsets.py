"""What the viewsets of all apps share: lists and single records read as rows, and version checks by ETag."""

import re
from typing import Any

from django.http import HttpResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.viewsets import GenericViewSet

from booking_site.api.renderers import JsonResponse
from booking_site.api.serializers import UUID_PATTERN, RowSerializer
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.operations import version_of
from booking_site.core.reach import Reach
from booking_site.core.sql import Select, SqlCondition

ETAGS = re.compile(r'(?:W/)?"[!#-~]*"(?:[ \t]*,[ \t]*(?:W/)?"[!#-~]*")*')


class RowViewSet(GenericViewSet):
    """A declaration of queryset, serializer (of the row), filterset, and the scope of each action.

    ``not_for_patients``: the actions that no app does on behalf of a patient, whatever its scopes.
    """

    queryset: Any
    serializer_class: type[RowSerializer]
    scopes: dict[str, str]
    not_for_patients: frozenset[str] = frozenset()
    metadata_class = None
    http_method_names = ["get", "head", "post", "patch", "delete"]
    lookup_value_regex = UUID_PATTERN

    def check_permissions(self, request: Any) -> None:
        """Counted before anything is refused: whoever may not do it must not ask at any speed either."""
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Any) -> None:
        """Done: see check_permissions, which DRF calls first."""

    @property
    def reach(self) -> Reach:
        return actor_of(self.request).reach

    def within(self, rows: Any) -> Any:
        """Those of ``rows`` that the caller may touch. A viewset that does not say so shows none to those who are
        limited at all."""
        return rows if self.reach.is_everything else rows.none()

    def rows(self) -> Any:
        """What the caller may see, as the serializer reads it: a queryset, or a ``Select`` for what is asked often."""
        return self.serializer_class.read(self.within(self.get_queryset()))

    def list(self, request: Any, **kwargs: Any) -> HttpResponse:
        rows = self.filter_queryset(self.rows())
        page = self.paginate_queryset(rows) or []
        shown.note_list(request, self.queryset.model, page)
        return self.get_paginated_response([self.serializer_class.finish(row) for row in page])

    def retrieve(self, request: Any, pk: Any = None) -> HttpResponse:
        return self.answer(pk)

    def answer(self, pk: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
        """The record as it now stands, with its ETag. 304 when the client says it has that version already."""
        return self.respond(self.row(pk), status, headers)

    def row(self, pk: Any) -> dict[str, Any]:
        rows = self.rows()
        if isinstance(rows, Select):
            row = rows.where(SqlCondition(f"{self.queryset.model._meta.db_table}.id = %s", pk)).first()
        else:
            row = rows.filter(pk=pk).first()
        if row is None:
            raise self.not_found()
        return row

    def not_found(self) -> NotFound:
        """The same for what is out of reach as for what is nowhere."""
        return NotFound(f"There is no {self.queryset.model._meta.verbose_name} with this id.", "not_found")

    def respond(self, row: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
        model, is_read = self.queryset.model, self.request.method in ("GET", "HEAD")
        shown.note_record(self.request, model, row, is_answer=not is_read)
        etag = f'"{version_of(row)}"'
        if self.request.method == "GET" and etag in _etags(self.request.headers.get("If-None-Match", "")):
            return HttpResponse(status=304, content_type="application/json", headers={"ETag": etag, **(headers or {})})
        return JsonResponse(self.serializer_class.finish(row), status, {"ETag": etag, **(headers or {})})

    def expected_versions(self) -> frozenset[str] | None:
        """The versions in If-Match, which an operation compares under the row's lock. None: any version will do."""
        given = self.request.headers.get("If-Match")
        if given is None or given.strip() == "*":
            return None
        if not ETAGS.fullmatch(given.strip()):
            message = 'Give ETags in quotation marks, as in "63f2a7c1d9e40", or *.'
            raise ValidationError({"If-Match": [message]}, code="invalid")
        return frozenset(tag.strip('"') for tag in _etags(given))


def _etags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",") if tag.strip()]
