"""The way to a second factor, for those who miss one: the pages that are open to them, and where the others lead."""

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from booking_site.accounts import second_factor

PROVING = frozenset({"mfa_reauthenticate", "mfa_reauthenticate_webauthn"})
SETTING_UP = frozenset({"mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate"})


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
