"""Every page of a signed-in person: the session lives on when they did something, and opens nothing but the pages that
lead to a second factor while one is missing."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from booking_site.accounts import devices, second_factor, sessions
from booking_site.languages import CONSENT, FOR_PROGRAMS

# What scripts ask for again and again: nobody needs to be there.
REFRESHED = frozenset({"admin:today_data"})
ALWAYS_OPEN = frozenset({"admin:login", "admin:logout", "admin:jsi18n", "set_language", "account_login"})
PROVING = frozenset({"mfa_reauthenticate", "mfa_reauthenticate_webauthn"})
SETTING_UP = frozenset({"mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate"})


class SignInMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        devices.give(request, response)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Programs bring tokens, and have no session."""
        if request.path.startswith(FOR_PROGRAMS) and not request.path.startswith(CONSENT):
            return None
        if not request.user.is_authenticated:
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name not in REFRESHED:
            sessions.note_activity(request)
        if name in ALWAYS_OPEN or not second_factor.is_missing(request):
            return None
        return lead_to_second_factor(request, name)


def lead_to_second_factor(request: HttpRequest, name: str = "") -> HttpResponse | None:
    """Who has a factor proves it; others set one up. None on the pages where they do. Scripts are told."""
    has_one = second_factor.factors_of(request.user).exists()
    if name in (PROVING if has_one else SETTING_UP):
        return None
    detail = _("Your role needs a second factor to sign in with.")
    if request.headers.get("Sec-Fetch-Dest", "document") == "empty":
        return JsonResponse({"code": "second_factor_required", "detail": detail}, status=403)
    came_from = request.get_full_path() if request.method == "GET" else reverse("admin:index")
    if request.method == "POST":
        messages.warning(request, _("What you have just sent was not done: your role needs a second factor first."))
    page = reverse("mfa_reauthenticate" if has_one else "mfa_index")
    return HttpResponseRedirect(f"{page}?{urlencode({REDIRECT_FIELD_NAME: came_from})}")
