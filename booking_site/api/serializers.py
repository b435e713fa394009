"""The shapes of requests and responses. Requests are read strictly; responses are rows of ``values()`` as they are."""

import re
import uuid
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

zone = cache(ZoneInfo)
NO_NUL = r"^[^\u0000]*$"  # PostgreSQL's texts hold every character but NUL
WALL_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?$"
UUID_PATTERN = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class StrictSerializer(serializers.Serializer):
    """A request. A field that it does not know is an error, not a silent nothing. All errors are told at once."""

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """What a request without an instance says. Raises ValidationError."""
        values: dict[str, Any] = _reader(cls).run_validation(data)
        return values

    def to_internal_value(self, data: Any) -> Any:
        writable = {name for name, field in self.fields.items() if not field.read_only}
        unknown = {
            name: [serializers.ErrorDetail("There is no such field.", "unknown_field")]
            for name in (data if isinstance(data, dict) else ())
            if name not in writable
        }
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **unknown}) from error  # type: ignore[dict-item]
        if unknown:
            raise serializers.ValidationError(unknown)
        return value


@cache
def _reader(of: type[StrictSerializer]) -> StrictSerializer:
    """One for all requests: to copy the fields for each takes longer than to read it, and reading changes nothing."""
    return of()


class Text(serializers.CharField):
    """Text that comes back exactly as it was sent: spaces stay, numbers are no text."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Email(serializers.EmailField):
    """An e-mail address, kept exactly as it was sent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 254, "trim_whitespace": False} | kwargs)


class Flag(serializers.BooleanField):
    """true or false; no words and numbers that could mean them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class WholeNumber(serializers.IntegerField):
    """A JSON number without a fraction; no text and no flag that could mean one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class Identifier(serializers.UUIDField):
    """A UUID as text, with hyphens; not one of the other spellings."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str) or not re.fullmatch(UUID_PATTERN, data):
            self.fail("invalid", value=data)
        return uuid.UUID(data)


class Day(serializers.DateField):
    """A date as ``YYYY-MM-DD`` and nothing else."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            self.fail("invalid", format="YYYY-MM-DD")
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="YYYY-MM-DD")


class Instant(serializers.DateTimeField):
    """An instant with its offset, from the year 2000 on and before 3000: what every time zone can show."""

    default_error_messages = {
        "no_offset": "Give the offset too, as in 2030-05-14T09:30:00+02:00.",
        "out_of_range": "Give an instant from the year 2000 on and before 3000.",
    }
    SHAPE = re.compile(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(Z|[+-][0-9]{2}:[0-9]{2})?"
    )

    def to_internal_value(self, value: Any) -> datetime:
        shape = self.SHAPE.fullmatch(value) if isinstance(value, str) else None
        if shape is None:
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss[.uuuuuu]](Z|+hh:mm|-hh:mm)")
        if shape[2] is None:
            self.fail("no_offset")
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss[.uuuuuu]](Z|+hh:mm|-hh:mm)")
        if not 2000 <= moment.year < 3000:
            self.fail("out_of_range")
        return moment.astimezone(UTC)


@extend_schema_field({"type": "string", "pattern": WALL_CLOCK, "example": "09:30:00"})
class WallClock(serializers.TimeField):
    """``HH:MM:SS`` at the site. Not OpenAPI's format ``time``, which has an offset."""


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
