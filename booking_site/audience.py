"""Who an address is for: people, who read pages and have sessions, or programs, which bring tokens and read JSON."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest

FOR_PROGRAMS = ("/api/", "/oauth/", "/health", "/openapi.json", "/docs", "/redoc")
CONSENT = "/oauth/authorize"  # the one page of OAuth that people read


def is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith(FOR_PROGRAMS) and not request.path.startswith(CONSENT)


class PagesOnly:
    """Before the class of a middleware: requests of programs go past it."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if is_for_programs(request) else super().__call__(request)  # type: ignore[misc]


class Sessions(PagesOnly, SessionMiddleware):
    pass


class Authentication(PagesOnly, AuthenticationMiddleware):
    pass


class Messages(PagesOnly, MessageMiddleware):
    pass
