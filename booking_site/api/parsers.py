"""Reading JSON strictly: what is doubtful is refused rather than guessed."""

import json
from typing import Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """UTF-8 JSON. Refuses what orjson refuses (bad UTF-8, lone surrogates, NaN), nesting beyond ``API_MAX_DEPTH``
    levels, repeated keys, and anything but an object at the top."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        body = stream.read()
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.", code="malformed_json") from error
        if not isinstance(value, dict):
            raise ParseError("The body must be a JSON object.", code="not_an_object")
        if _is_deeper(value, settings.API_MAX_DEPTH):
            raise ParseError(f"The body is nested deeper than {settings.API_MAX_DEPTH} levels.", code="malformed_json")
        try:
            json.loads(body, object_pairs_hook=_without_repeats)
        except ValueError as error:  # a number of thousands of digits
            raise ParseError("The body has too long a number.", code="malformed_json") from error
        return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and arrays lie within one another more than so many times."""
    layer = [value]
    for _ in range(levels):
        layer = [part for whole in layer for part in _parts(whole) if isinstance(part, (dict, list))]
        if not layer:
            return False
    return True


def _parts(whole: dict[str, Any] | list[Any]) -> Any:
    return whole.values() if isinstance(whole, dict) else whole


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ParseError("The body repeats a key.", code="repeated_key")
    return result
