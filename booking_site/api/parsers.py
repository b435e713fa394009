"""Reading JSON strictly: what is doubtful is refused rather than guessed."""

import json
from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """UTF-8 JSON. Refuses what orjson refuses (bad UTF-8, lone surrogates, NaN, nesting beyond 1,024 levels),
    repeated keys, and anything but an object at the top."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        body = stream.read()
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.", code="malformed_json") from error
        if not isinstance(value, dict):
            raise ParseError("The body must be a JSON object.", code="not_an_object")
        try:
            json.loads(body, object_pairs_hook=_without_repeats)
        except (RecursionError, ValueError) as error:  # a thousand levels; a number of thousands of digits
            raise ParseError(
                "The body is nested too deeply or has too long a number.", code="malformed_json"
            ) from error
        return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ParseError("The body repeats a key.", code="repeated_key")
    return result
