"""Registering client applications, issuing their tokens, changing their secrets and ending their tokens."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import (
    get_access_token_model,
    get_grant_model,
    get_refresh_token_model,
    set_token_value,
)

from booking_site.api import signals
from booking_site.api.models import ApiClient
from booking_site.api.scopes import FOR_PATIENTS, of_patient
from booking_site.core.actor import Actor
from booking_site.core.errors import Invalid
from doctors.models import Department
from patients.models import Patient


def register(
    name: str,
    scopes: list[str],
    requests_per_minute: int | None = None,
    *,
    departments: Iterable[Department] = (),
    patient: Patient | None = None,
    may_act_for_patients: bool = False,
) -> tuple[ApiClient, str]:
    """A confidential client for a backend. Returns it with its secret, which is stored hashed and never seen again.

    Raises Invalid for a scope that does not exist, or that no app has on behalf of a patient.
    """
    unknown = [scope for scope in scopes if scope not in settings.SCOPES]
    if unknown or not scopes:
        known = ", ".join(settings.SCOPES)
        raise Invalid(f"Unknown scope: {', '.join(unknown) or '(none given)'}. Scopes are: {known}.")
    beyond = [scope for scope in scopes if scope not in FOR_PATIENTS] if patient is not None else []
    if beyond:
        known = ", ".join(FOR_PATIENTS)
        raise Invalid(f"No app has the scope {beyond[0]} on behalf of a patient. Scopes are: {known}.")
    secret = new_secret()
    client = ApiClient.objects.create(
        name=name,
        client_type=ApiClient.CLIENT_CONFIDENTIAL,
        authorization_grant_type=ApiClient.GRANT_CLIENT_CREDENTIALS,
        client_secret=secret,
        scopes=" ".join(scopes),
        requests_per_minute=requests_per_minute,
        patient=patient,
        may_act_for_patients=may_act_for_patients,
    )
    client.departments.set(departments)
    return client, secret


def new_secret() -> str:
    return secrets.token_urlsafe(48)


def issue_token(
    client: ApiClient, *, days: float, scopes: Iterable[str] | None = None, patient_id: uuid.UUID | None = None
) -> tuple[str, datetime]:
    """An access token for ``scopes`` (all of the client's without), for one patient alone with ``patient_id``.

    Only its SHA-256 is stored.
    """
    token = secrets.token_urlsafe(32)
    expires = timezone.now() + timedelta(days=days)
    granted = [*(client.scopes.split() if scopes is None else scopes)]
    if patient_id is not None:
        granted.append(of_patient(patient_id))
    row = get_access_token_model()(application=client, expires=expires, scope=" ".join(granted))
    set_token_value(row, token)
    row.save(force_insert=True)
    return token, expires


def rotate_secret(*, actor: Actor, client: ApiClient, overlap: timedelta) -> tuple[str, datetime | None]:
    """A new secret; the one that it replaces is good for the ``overlap``, so that no call is lost while it is changed
    at the client. A secret that was replaced before is good no longer. Returns the new one and the end of the old.

    Raises Invalid for a client that has no secret.
    """
    if client.client_type != ApiClient.CLIENT_CONFIDENTIAL:
        raise Invalid(f"{client} is an app without a secret.")
    secret = new_secret()
    with transaction.atomic():
        locked = ApiClient.objects.select_for_update(no_key=True).get(pk=client.pk)
        until = timezone.now() + overlap if overlap else None
        locked.previous_secret, locked.previous_secret_until = (locked.client_secret, until) if until else ("", None)
        locked.client_secret = secret
        locked.save(update_fields=["client_secret", "previous_secret", "previous_secret_until", "updated"])
        signals.secret_rotated.send(sender=ApiClient, actor=actor, client=locked, until=until)
    return secret, until


def revoke_tokens(*, actor: Actor, client: ApiClient) -> int:
    """End every token and code of a client at once. Returns how many access tokens there were.

    The client may get new ones, as long as it has a good secret (see ``rotate_secret``) and any scope.
    """
    with transaction.atomic():
        now = timezone.now()
        get_grant_model().objects.filter(application=client).delete()
        refresh = get_refresh_token_model().objects.filter(application=client, revoked=None)
        refresh.update(revoked=now, updated=now)
        tokens = get_access_token_model().objects.filter(application=client)
        count = tokens.filter(expires__gt=now).count()
        tokens.delete()
        signals.tokens_revoked.send(sender=ApiClient, actor=actor, client=client, count=count)
    return count
