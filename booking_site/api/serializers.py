"""The shapes of requests and responses. Requests are read strictly; responses are rows of ``values()`` as they are."""

from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from rest_framework import serializers

zone = cache(ZoneInfo)


class StrictSerializer(serializers.Serializer):
    """A request. A field that it does not know is an error, not a silent nothing."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = {name: ["There is no such field."] for name in data if name not in writable}
            if unknown:
                raise serializers.ValidationError(unknown, code="unknown_field")
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text that comes back exactly as it was sent: spaces stay, numbers are no text."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class RowSerializer(serializers.Serializer):
    """A response. The fields describe it for OpenAPI; the rows come from the database in this shape.

    ``columns`` and ``expressions`` are what ``values()`` reads; ``finish`` makes the last changes to a row in place.
    """

    columns: tuple[str, ...] = ()
    expressions: dict[str, Any] = {}

    @classmethod
    def read(cls, queryset: QuerySet) -> QuerySet:
        return queryset.values(*cls.columns, **cls.expressions)

    @classmethod
    def finish(cls, row: dict[str, Any]) -> dict[str, Any]:
        return row


def localize(row: dict[str, Any], *names: str) -> None:
    """Show instants with the offset of the department's zone."""
    tz = zone(row["time_zone"])
    for name in names:
        if row[name] is not None:
            row[name] = row[name].astimezone(tz)
