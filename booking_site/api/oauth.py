"""The OAuth 2 endpoints (RFC 6749, 7009, 7636): tokens for backends and for apps that act for a signed-in person.

Their errors have the form of RFC 6749: ``{"error", "error_description"}``. What fails to authenticate is counted for
the address that it comes from, and told to the audit log.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import orjson
from csp.constants import SELF
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DataError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from oauth2_provider import views
from oauth2_provider.models import get_access_token_model, get_refresh_token_model
from rest_framework.exceptions import Throttled

from booking_site.api import signals
from booking_site.api.failures import check_address, count_failure, unknown_actor, wait
from booking_site.api.models import ApiClient
from booking_site.core.actor import Actor

View = Callable[..., HttpResponse]
GUESSED = ("invalid_client", "invalid_grant")  # a secret; a code or a refresh token


def careful(view: View) -> View:
    """What no client can have meant (a NUL in an id, a broken form) is ``invalid_request``, not a failure of ours."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        try:
            request.headers.get("Authorization", "").encode("ascii")
            return view(request)
        except (BadRequest, DataError, SuspiciousOperation, UnicodeError):
            body = {"error": "invalid_request", "error_description": "The request cannot be understood."}
            return JsonResponse(body, status=400)

    return checked


def guarded(view: View) -> View:
    """An address that fails too often is refused before its credentials are looked at."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.headers.get("Authorization") and "client_secret" in request.POST:
            body = {"error": "invalid_request", "error_description": "Authenticate in one way, not in two (RFC 6749)."}
            return JsonResponse(body, status=400)
        try:
            check_address(request)
            response = view(request)
            if (error := _error(response)) in GUESSED:
                count_failure(request)
                signals.client_refused.send(
                    sender=checked, actor=unknown_actor(request), client=_client_of(request), error=error
                )
        except Throttled:
            seconds = wait()
            text = f"Too many failures from this address. Try again in {seconds} seconds."
            body = {"error": "temporarily_unavailable", "error_description": text}
            return JsonResponse(body, status=429, headers={"Retry-After": str(seconds), "Cache-Control": "no-store"})
        return response

    return checked


def _error(response: HttpResponse) -> str:
    """The code of RFC 6749, empty where all went well."""
    if response.status_code not in (400, 401):
        return ""
    try:
        return str(orjson.loads(response.content).get("error", ""))
    except (orjson.JSONDecodeError, AttributeError):
        return ""


def _client_of(request: HttpRequest) -> ApiClient | None:
    """Whom the request says that it comes from, if there is one of that id."""
    named = request.POST.get("client_id", "")
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            named = unquote_plus(base64.b64decode(credentials).decode().partition(":")[0])
        except (binascii.Error, UnicodeDecodeError):
            return None
    return ApiClient.objects.filter(client_id=named).first() if named.isprintable() else None


def _as_client(request: HttpRequest, client: ApiClient) -> Actor:
    where = unknown_actor(request)
    return Actor(
        kind="client", id=client.client_id, name=client.name, request_id=where.request_id, address=where.address
    )


class AuthorizationView(views.AuthorizationView):
    """Asks the signed-in person. The answer sends the browser on to the app: a policy of ``form-action 'self'`` would
    stop it there, so this one page also allows the origin that its app was registered with."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().dispatch(request, *args, **kwargs)
        target = urlsplit(self.oauth2_data.get("redirect_uri") or "")  # checked against the app's registration
        if target.netloc:
            response._csp_replace = {"form-action": [SELF, f"{target.scheme}://{target.netloc}"]}
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """The page sends what it was asked with: a form that does not fit is none of its own."""
        raise BadRequest("The form is not that of the page.")


class TokenView(views.TokenView):
    """Only the grants that we offer; the library's own answer to others can fail."""

    GRANTS = ("client_credentials", "authorization_code", "refresh_token")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        grant = request.POST.get("grant_type")
        if grant not in self.GRANTS:
            body = {"error": "unsupported_grant_type", "error_description": f"Use one of {', '.join(self.GRANTS)}."}
            return JsonResponse(body, status=400)
        with transaction.atomic():
            response = super().post(request, *args, **kwargs)
            if response.status_code == 200:
                self._announce(request, grant, orjson.loads(response.content))
        return response

    def _announce(self, request: HttpRequest, grant: str, issued: dict[str, Any]) -> None:
        checksum = hashlib.sha256(issued["access_token"].encode()).hexdigest()
        token = get_access_token_model().objects.select_related("application", "user").get(token_checksum=checksum)
        signals.token_issued.send(
            sender=type(self),
            actor=_as_client(request, token.application),
            client=token.application,
            person=token.user.get_username() if token.user else "",
            grant=grant,
            scope=issued["scope"],
        )


class RevokeTokenView(views.RevokeTokenView):
    """A token that is ended opens nothing from the next call on."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        client = _client_of(request)
        is_theirs = client is not None and _has_token(client, request.POST.get("token", ""))
        with transaction.atomic():
            response = super().post(request, *args, **kwargs)
            if client is not None and is_theirs and response.status_code == 200:
                signals.token_revoked.send(sender=type(self), actor=_as_client(request, client), client=client)
        return response


def _has_token(client: ApiClient, token: str) -> bool:
    own = {"application": client, "token_checksum": hashlib.sha256(token.encode()).hexdigest()}
    return (
        get_access_token_model().objects.filter(**own).exists()
        or get_refresh_token_model().objects.filter(**own, revoked=None).exists()
    )


app_name = "oauth2_provider"
urlpatterns = [
    path("token", careful(guarded(TokenView.as_view())), name="token"),
    path("revoke", careful(guarded(RevokeTokenView.as_view())), name="revoke-token"),
    path("authorize", careful(AuthorizationView.as_view()), name="authorize"),
]
