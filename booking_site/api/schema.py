"""OpenAPI: what each call takes and gives, with examples. Placeholder until the calls are described below."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view


def documented(tag: str, **summaries: str) -> Callable[[Any], Any]:
    return extend_schema_view(**{action: extend_schema(tags=[tag], summary=text) for action, text in summaries.items()})
