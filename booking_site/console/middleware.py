"""Every page of a signed-in person: the session lives on when they did something, and opens nothing but the pages that
lead to a second factor while one is missing."""

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from booking_site.accounts import devices, second_factor, sessions
from booking_site.accounts.leading import lead_to_second_factor
from booking_site.audience import is_for_programs
from booking_site.errorpages import database_error

# What scripts ask for again and again: nobody needs to be there.
REFRESHED = frozenset({"admin:today_data"})
ALWAYS_OPEN = frozenset({"admin:login", "admin:logout", "admin:jsi18n", "set_language", "account_login"})


class SignInMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if is_for_programs(request):
            return response
        devices.give(request, response)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Programs bring tokens, and have no session."""
        if is_for_programs(request):
            return None
        try:
            return _check(request, request.resolver_match.view_name if request.resolver_match else "")
        except DatabaseError as error:  # no middleware is told of what happens here
            answer = database_error(request, error)
            if answer is None:
                raise
            return answer


def _check(request: HttpRequest, name: str) -> HttpResponse | None:
    if not request.user.is_authenticated:
        return None
    if name not in REFRESHED:
        sessions.note_activity(request)
    if name in ALWAYS_OPEN or not second_factor.is_missing(request):
        return None
    return lead_to_second_factor(request, name)
