"""What the viewsets of all apps share: lists and single records read as rows, and version checks by ETag."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from booking_site.api.serializers import RowSerializer
from booking_site.core.operations import version_of

UUID_PATTERN = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class RowViewSet(GenericViewSet):
    """A declaration of queryset, serializer (of the row), filterset, and the scope of each action."""

    serializer_class: type[RowSerializer]
    scopes: dict[str, str]
    metadata_class = None
    lookup_value_regex = UUID_PATTERN

    def rows(self) -> QuerySet:
        return self.serializer_class.read(self.get_queryset())

    def list(self, request: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.rows()))
        return self.get_paginated_response([self.serializer_class.finish(row) for row in page or []])

    def retrieve(self, request: Any, pk: Any = None) -> Response:
        return self.answer(pk)

    def answer(self, pk: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """The record as it now stands, with its ETag. 304 when the client says it has that version already."""
        row = self.rows().filter(pk=pk).first()
        if row is None:
            raise NotFound(f"There is no {self.get_queryset().model._meta.verbose_name} with this id.", "not_found")
        etag = f'"{version_of(row)}"'
        if self.request.method == "GET" and etag in _etags(self.request.headers.get("If-None-Match", "")):
            return Response(status=304, headers={"ETag": etag})
        return Response(self.serializer_class.finish(row), status=status, headers={"ETag": etag, **(headers or {})})

    def expected_versions(self) -> frozenset[str] | None:
        """The versions in If-Match, which an operation compares under the row's lock. None: any version will do."""
        given = _etags(self.request.headers.get("If-Match", ""))
        if not given or "*" in given:
            return None
        return frozenset(tag.strip('"') for tag in given)


def _etags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",") if tag.strip()]
