"""The OAuth 2 endpoints (RFC 6749, 7009, 7636): tokens for backends and for apps that act for a signed-in person.

Their errors have the form of RFC 6749: ``{"error", "error_description"}``.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from csp.constants import SELF
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DataError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from oauth2_provider import views

View = Callable[..., HttpResponse]


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
        if request.POST.get("grant_type") not in self.GRANTS:
            body = {"error": "unsupported_grant_type", "error_description": f"Use one of {', '.join(self.GRANTS)}."}
            return JsonResponse(body, status=400)
        return super().post(request, *args, **kwargs)


app_name = "oauth2_provider"
urlpatterns = [
    path("token", careful(TokenView.as_view()), name="token"),
    path("revoke", careful(views.RevokeTokenView.as_view()), name="revoke-token"),
    path("authorize", careful(AuthorizationView.as_view()), name="authorize"),
]
