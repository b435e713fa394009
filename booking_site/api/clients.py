"""Registering client applications and issuing their tokens from the command line."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from oauth2_provider.models import get_access_token_model, set_token_value

from booking_site.api.models import ApiClient
from booking_site.core.errors import Invalid


def register(name: str, scopes: list[str], requests_per_minute: int | None = None) -> tuple[ApiClient, str]:
    """A confidential client for a backend. Returns it with its secret, which is stored hashed and never seen again.

    Raises Invalid for a scope that does not exist.
    """
    unknown = [scope for scope in scopes if scope not in settings.SCOPES]
    if unknown or not scopes:
        known = ", ".join(settings.SCOPES)
        raise Invalid(f"Unknown scope: {', '.join(unknown) or '(none given)'}. Scopes are: {known}.")
    secret = secrets.token_urlsafe(48)
    client = ApiClient.objects.create(
        name=name,
        client_type=ApiClient.CLIENT_CONFIDENTIAL,
        authorization_grant_type=ApiClient.GRANT_CLIENT_CREDENTIALS,
        client_secret=secret,
        scopes=" ".join(scopes),
        requests_per_minute=requests_per_minute,
    )
    return client, secret


def issue_token(client: ApiClient, *, days: float) -> tuple[str, datetime]:
    """An access token for all scopes of the client. Only its SHA-256 is stored."""
    token = secrets.token_urlsafe(32)
    expires = timezone.now() + timedelta(days=days)
    row = get_access_token_model()(application=client, expires=expires, scope=client.scopes)
    set_token_value(row, token)
    row.save(force_insert=True)
    return token, expires
