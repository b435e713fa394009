"""What gunicorn answers by itself, before a request reaches the site: as the site would, and quoting nothing of what
was sent."""

import socket
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from gunicorn.util import write_nonblock

from booking_site.api.errors import problem_response
from booking_site.api.problems import UNREAD
from booking_site.errorpages import server_error
from booking_site.headers import HeadersMiddleware, PolicyMiddleware
from booking_site.middleware import RequestContextMiddleware

REFUSALS = {refusal.status: refusal for refusal in UNREAD}


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """In place of ``gunicorn.util.write_error``. ``message`` says what is wrong by quoting it, and is left out."""

    def refuse(request: HttpRequest) -> HttpResponse:
        if status == 500:
            return server_error(request)
        refusal = REFUSALS.get(status, REFUSALS[400])
        return problem_response(request, status=status, code=refusal.code, detail=refusal.detail)

    with translation.override(settings.LANGUAGE_CODE):
        answer: Any = PolicyMiddleware(HeadersMiddleware(RequestContextMiddleware(refuse)))(HttpRequest())
    answer["Content-Length"] = str(len(answer.content))
    answer["Connection"] = "close"
    head = f"HTTP/1.1 {status} {reason}\r\n".encode() + answer.serialize_headers()
    write_nonblock(sock, head + b"\r\n\r\n" + answer.content)
