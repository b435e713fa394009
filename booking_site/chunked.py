"""Bodies sent in chunks. Django reads as far as Content-Length says, which such a body does not have: it would see
nothing, and what the client sent would be lost without a word."""

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

DRAIN = 16 * 1024 * 1024  # bytes of a body over the limit that are read, so that the client gets to see the answer

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Chunked:
    """Gives the application the body with its length. One over the limit is cut one byte beyond: a 413 further on."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and environ.get("wsgi.input_terminated"):
            environ |= self._measured(environ["wsgi.input"])
        return self.application(environ, start_response)

    @staticmethod
    def _measured(stream: Any) -> dict[str, Any]:
        body = stream.read(settings.API_MAX_BODY + 1)
        drained = len(body)
        while settings.API_MAX_BODY < drained < DRAIN and (chunk := stream.read(65536)):
            drained += len(chunk)
        return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
