from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer


def as_json(data: Any) -> bytes:
    return orjson.dumps(data, default=str)


class JsonResponse(HttpResponse):
    """What the renderer would make of ``data``, which is all that there is to choose from: made at once."""

    def __init__(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(as_json(data), status=status, content_type=JSONRenderer.media_type, headers=headers)


class JSONRenderer(BaseRenderer):
    """JSON by orjson: dates, times, UUIDs and offsets natively, straight from ``values()`` rows."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else as_json(data)
