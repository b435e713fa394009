"""What gunicorn answers by itself, before a request reaches the site: a problem document too, which quotes nothing of
what was sent."""

import socket

import orjson
from gunicorn.util import write_nonblock

from booking_site.api.errors import CONTENT_TYPE, problem
from booking_site.api.problems import ADDRESS_TOO_LONG, HEADERS_TOO_LARGE
from booking_site.core.ids import uuid7
from booking_site.headers import HeadersMiddleware

KNOWN = {refusal.status: refusal for refusal in (ADDRESS_TOO_LONG, HEADERS_TOO_LARGE)}


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """In place of ``gunicorn.util.write_error``. ``message`` says what is wrong by quoting it, and is left out."""
    known = KNOWN.get(status)
    body = orjson.dumps(
        problem(
            status=status,
            code=known.code if known else "bad_request",
            detail=known.detail if known else "The request cannot be understood.",
            instance="",
        )
    )
    headers = HeadersMiddleware.always | {
        "Connection": "close",
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": str(uuid7()),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    write_nonblock(sock, "\r\n".join(lines).encode() + body)
