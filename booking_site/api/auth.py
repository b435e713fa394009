"""Who calls the API, and what the call may do.

Tokens are OAuth 2 bearer tokens, found by their SHA-256; the token itself is stored nowhere.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from oauth2_provider.models import get_access_token_model
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission

# For a token of a signed-in person, a scope opens no more than the person's own permissions do.
PERMISSIONS = {
    "doctors:read": ("doctors.view_doctor",),
    "patients:read": ("patients.view_patient",),
    "patients:write": ("patients.add_patient", "patients.change_patient"),
    "slots:read": ("scheduling.view_availableslot",),
    "slots:hold": ("appointments.add_appointment",),
    "appointments:read": ("appointments.view_appointment",),
    "appointments:write": ("appointments.add_appointment", "appointments.change_appointment"),
    "frontdesk:write": ("appointments.attend_appointment",),
    "audit:read": ("audit.view_auditlog",),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A valid access token: ``request.auth``."""

    client_id: str
    client_name: str
    scopes: frozenset[str]
    requests_per_minute: int | None
    username: str  # of the signed-in person, or ""


class Client:
    """``request.user`` for a token that belongs to no person."""

    is_authenticated = True
    is_active = True
    pk = None


class BearerAuthentication(BaseAuthentication):
    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="api"'

    def authenticate(self, request: Any) -> tuple[Any, Token] | None:
        scheme, _, credentials = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        digest = hashlib.sha256(credentials.strip()).hexdigest()
        row = (
            get_access_token_model()
            .objects.filter(token_checksum=digest, expires__gt=timezone.now(), application__isnull=False)
            .values_list(
                "application__client_id",
                "application__name",
                "application__requests_per_minute",
                "application__scopes",
                "scope",
                "user_id",
            )
            .first()
        )
        if row is None:
            raise AuthenticationFailed("The access token is unknown or has expired. Get a new one.", "invalid_token")
        client_id, client_name, limit, registered, granted, user_id = row
        user: Any = Client()
        if user_id is not None:
            user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
            if user is None:
                raise AuthenticationFailed("The account behind this token is closed.", "invalid_token")
        username = "" if user_id is None else user.get_username()
        # What is taken from the client is gone from the tokens that it has already.
        scopes = frozenset(granted.split()) & frozenset(registered.split())
        return user, Token(client_id, client_name, scopes, limit, username)


class HasScope(BasePermission):
    """Each view names the scope of each action in ``scopes``. An action without one is closed."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if not isinstance(request.auth, Token):
            return False
        if view.action not in view.action_map.values():
            return True  # the method is not allowed at all: DRF answers 405
        check_scope(request, view.scopes.get(view.action))
        return True


def check_scope(request: Any, needed: str) -> None:
    """PermissionDenied unless the token has the scope, and the person that it acts for the permissions."""
    if needed not in request.auth.scopes:
        raise PermissionDenied(f"The access token lacks the scope {needed}.", "insufficient_scope")
    if request.auth.username and not request.user.has_perms(PERMISSIONS[needed]):
        raise PermissionDenied("The signed-in person may not do this.", "not_allowed")
