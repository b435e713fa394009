"""A text becomes the value of a model's field, by that field's own rules: type, length, choices, validators."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from booking_site.importing.errors import RowRejected
from booking_site.importing.mapping import Mapping, Value, translated

UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL's text holds neither NUL nor half a surrogate pair
DEFAULT_FORMATS: dict[type[models.Field], tuple[str, ...]] = {
    models.DateTimeField: ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"),
    models.DateField: ("%Y-%m-%d",),
    models.TimeField: ("%H:%M", "%H:%M:%S"),
}
CACHED = 4096  # different texts per field whose value is remembered; most columns repeat themselves


def cleaner(name: str, field: models.Field, mapping: Mapping) -> Callable[[Value], Any]:
    """The function from a mapping's source text to the value of ``field``; it raises RowRejected, naming ``name``.

    A blank text is None where the field is nullable. Dates and times are read by ``mapping.formats``, and taken as
    written: a date-time without an offset stays naive, for whoever knows the zone.
    """
    kind = next((kind for kind in DEFAULT_FORMATS if isinstance(field, kind)), None)
    formats = (mapping.formats or DEFAULT_FORMATS[kind]) if kind else ()

    def clean(source: Value) -> Any:
        try:
            value: Any = translated(mapping, source)
            if isinstance(value, str):
                if UNSTORABLE.search(value):
                    raise RowRejected("holds a NUL or another character that no text may hold")
                if not value and field.null:
                    return None
                if not value and not isinstance(field, (models.CharField, models.TextField)):
                    raise RowRejected("is blank")
                if kind is not None:
                    value = parse_moment(value, kind, formats)
                elif field.max_length is not None and len(value) > field.max_length:
                    raise RowRejected(f"has {len(value)} characters; at most {field.max_length} fit")
            return value if isinstance(value, datetime) else field.clean(value, None)
        except ValidationError as error:
            raise RowRejected(f"{name}: {' '.join(error.messages)}") from error
        except RowRejected as error:
            raise RowRejected(f"{name}: {error}") from error

    return lru_cache(maxsize=CACHED, typed=True)(clean)


def parse_moment(text: str, kind: type[models.Field], formats: tuple[str, ...]) -> Any:
    """A date, time or date-time in the first format that fits. Raises RowRejected."""
    for form in formats:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - whoever knows the zone adds it
        except ValueError:
            continue
        if kind is models.DateField:
            return moment.date()
        return moment.time() if kind is models.TimeField else moment
    raise RowRejected(f"{text[:60]!r} is not of the form {' or '.join(formats)}")
