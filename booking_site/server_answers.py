"""What gunicorn answers by itself, before a request reaches the site: a problem document too, which quotes nothing of
what was sent."""

import socket

import orjson
from gunicorn.util import write_nonblock

from booking_site.api.errors import CONTENT_TYPE, problem
from booking_site.api.problems import UNREAD
from booking_site.core.ids import uuid7
from booking_site.headers import HeadersMiddleware

REFUSALS = {refusal.status: refusal for refusal in UNREAD}


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """In place of ``gunicorn.util.write_error``. ``message`` says what is wrong by quoting it, and is left out."""
    refusal = REFUSALS.get(status, REFUSALS[400])
    body = orjson.dumps(problem(status=status, code=refusal.code, detail=refusal.detail, instance=""))
    headers = HeadersMiddleware.always | {
        "Connection": "close",
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": str(uuid7()),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    write_nonblock(sock, "\r\n".join(lines).encode() + body)
