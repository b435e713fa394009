"""Two ways to page: by number for small lists; by key for large ones, where a deep page costs what the first does.

And the way not to: ``WholeList``.
"""

import base64
import binascii
import uuid
from datetime import datetime
from typing import Any

import orjson
from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from booking_site.api.problems import CURSORS, PAGES
from booking_site.api.renderers import JsonResponse
from booking_site.core.sql import Select, SqlCondition

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


def _whole_number(request: Any, name: str, default: int) -> int:
    value = request.query_params.get(name, "")
    if value == "":
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) >= 1):
        raise ValidationError({name: [f"{name} must be a whole number from 1."]}, code="invalid")
    return int(value)


def _page_size_parameter() -> dict[str, Any]:
    return {
        "name": "page_size",
        "in": "query",
        "description": f"Rows a page; more than {MAX_PAGE_SIZE} counts as {MAX_PAGE_SIZE}.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": PAGE_SIZE},
    }


def _page_schema(rows: dict[str, Any], count: dict[str, Any], *, counted: bool) -> dict[str, Any]:
    link = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "required": [*(["count"] if counted else []), "next", "previous", "results"],
        "properties": {"count": count, "next": link, "previous": link, "results": rows},
    }


class PageNumberPagination(pagination.PageNumberPagination):
    """``{"count", "next", "previous", "results"}``."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE
    parameters = ("page", "page_size")
    refusals = PAGES
    noun = "Page"

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound as error:
            raise NotFound("The list ends before this page.", "invalid_page") from error

    def get_page_size(self, request: Any) -> int:
        return min(_whole_number(request, "page_size", PAGE_SIZE), MAX_PAGE_SIZE)

    def get_page_number(self, request: Any, paginator: Any) -> int:
        return _whole_number(request, "page", 1)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _page_schema(schema, {"type": "integer", "minimum": 0}, counted=True)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        page = {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 1}
        return [
            {"name": "page", "in": "query", "description": "Which page, from 1.", "schema": page},
            _page_size_parameter(),
        ]


def _beyond(moment: str, identifier: str, key: tuple[datetime, uuid.UUID], ascending: bool) -> SqlCondition:
    """After the row with this key, in words that an index on both columns serves."""
    side = ">" if ascending else "<"
    further = f"({moment} {side}= %s AND ({moment} {side} %s OR {identifier} {side} %s))"
    return SqlCondition(further, key[0], key[0], key[1])


class KeysetPagination(pagination.BasePagination):
    """``{"next", "previous", "results"}`` and ``count`` only when asked for with ``?count=true``.

    Ordered by (``moment``, id), which an index gives without a sort. A cursor is the key of the row to go on from.
    ``usual``: the order without a choice, with a minus for the latest first.
    """

    moment = usual = "starts_at"

    parameters = ("cursor", "page_size", "count", "ordering")
    refusals = CURSORS
    noun = "Page"

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        self.url = request.build_absolute_uri()
        size = min(_whole_number(request, "page_size", PAGE_SIZE), MAX_PAGE_SIZE)
        descending = self._descending(request)
        select = queryset if isinstance(queryset, Select) else Select.of(queryset)
        self.count = select.count() if self._wants_count(request) else None
        cursor = request.query_params.get("cursor", "")
        backwards, key = self._decode(cursor) if cursor else (False, None)
        ascending = descending == backwards  # the direction in which the index is walked
        table = view.queryset.model._meta.db_table
        moment, identifier = f"{table}.{self.moment}", f"{table}.id"
        if key is not None:
            select = select.where(_beyond(moment, identifier, key, ascending))
        side = "ASC" if ascending else "DESC"
        rows = select.rows(order=f"{moment} {side}, {identifier} {side}", limit=size + 1)
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self.next = self._encode(rows[-1], backwards=False) if rows and (more or backwards) else None
        self.previous = self._encode(rows[0], backwards=True) if rows and (more if backwards else cursor) else None
        return rows

    def get_paginated_response(self, data: list[Any]) -> JsonResponse:  # type: ignore[override]
        body: dict[str, Any] = {"next": self._link(self.next), "previous": self._link(self.previous), "results": data}
        if self.count is not None:
            body = {"count": self.count} | body
        return JsonResponse(body)

    def _descending(self, request: Any) -> bool:
        ordering = request.query_params.get("ordering", "") or self.usual
        if ordering not in (self.moment, f"-{self.moment}"):
            message = f"ordering must be {self.moment} or -{self.moment}."
            raise ValidationError({"ordering": [message]}, code="invalid")
        return ordering.startswith("-")

    @staticmethod
    def _wants_count(request: Any) -> bool:
        value = request.query_params.get("count", "") or "false"
        if value not in ("true", "false"):
            raise ValidationError({"count": ["count must be true or false."]}, code="invalid")
        return value == "true"

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        return replace_query_param(remove_query_param(self.url, "count"), "cursor", cursor)

    def _encode(self, row: dict[str, Any], *, backwards: bool) -> str:
        key = orjson.dumps(["p" if backwards else "n", row[self.moment], row["id"]])
        return base64.urlsafe_b64encode(key).decode().rstrip("=")

    @staticmethod
    def _decode(cursor: str) -> tuple[bool, tuple[datetime, uuid.UUID]]:
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            direction, moment, identifier = orjson.loads(raw)
            key = datetime.fromisoformat(moment), uuid.UUID(identifier)
            if direction not in ("n", "p") or key[0].tzinfo is None or not 1900 < key[0].year < 9000:
                raise ValueError(cursor)
        except (ValueError, TypeError, AttributeError, binascii.Error) as error:
            message = "This cursor is not one of ours. Start again without it."
            raise ValidationError({"cursor": [message]}, code="invalid_cursor") from error
        return direction == "p", key

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        count = {"type": "integer", "minimum": 0, "description": "Only with ?count=true."}
        return _page_schema(schema, count, counted=False)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": "Where to go on: taken from next or previous.",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{40,160}$"},
            },
            _page_size_parameter(),
            {
                "name": "count",
                "in": "query",
                "description": "Count all rows as well (slow on large results).",
                "schema": {"type": "boolean", "default": False},
            },
            {
                "name": "ordering",
                "in": "query",
                "description": "Soonest first, or with a minus latest first.",
                "schema": {"type": "string", "enum": [self.moment, f"-{self.moment}"], "default": self.usual},
            },
        ]


class WholeList(pagination.BasePagination):
    """``{"results"}``: a list that is short by what is asked for."""

    refusals = ()
    noun = "List"

    def get_paginated_response(self, data: list[Any]) -> Response:
        return Response({"results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "required": ["results"], "properties": {"results": schema}}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return []
