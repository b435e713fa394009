"""Access to the API: who may call it, with which secrets and tokens, and who failed to get in."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from audit.models import AuditLog
from audit.receivers import values, write
from booking_site.api import signals
from booking_site.api.models import ApiClient
from booking_site.api.scopes import of_patient
from booking_site.core.actor import Actor
from doctors.models import Department

CLIENT = "apiclient"


@receiver(signals.client_registered)
def client_registered(actor: Actor, client: ApiClient, departments: Iterable[Department], **kwargs: Any) -> None:
    names = ("name", "client_id", "scopes", "requests_per_minute", "may_act_for_patients", "patient_id")
    new = values({name: getattr(client, name) for name in names})
    new["departments"] = [str(department.pk) for department in departments]
    write(actor=actor, action="apiclient.created", object_type=CLIENT, object_id=client.pk, details={"new": new})


@receiver(signals.secret_rotated)
def secret_rotated(actor: Actor, client: ApiClient, until: datetime | None, **kwargs: Any) -> None:
    new = values({"previous_secret_until": until})
    write(actor=actor, action="apiclient.secret_rotated", object_type=CLIENT, object_id=client.pk, details={"new": new})


@receiver(signals.tokens_revoked)
def tokens_revoked(actor: Actor, client: ApiClient, count: int, **kwargs: Any) -> None:
    write(
        actor=actor,
        action="apiclient.tokens_revoked",
        object_type=CLIENT,
        object_id=client.pk,
        details={"new": {"tokens": count}},
    )


@receiver(signals.token_issued)
def token_issued(actor: Actor, client: ApiClient, person: str, grant: str, scope: str, **kwargs: Any) -> None:
    new = {"grant": grant, "scope": scope} | ({"person": person} if person else {})
    write(actor=actor, action="token.issued", object_type=CLIENT, object_id=client.pk, details={"new": new})


@receiver(signals.token_revoked)
def token_revoked(actor: Actor, client: ApiClient, **kwargs: Any) -> None:
    write(actor=actor, action="token.revoked", object_type=CLIENT, object_id=client.pk)


@receiver(signals.patient_token_issued)
def patient_token_issued(actor: Actor, patient_id: Any, scope: str, expires: datetime, **kwargs: Any) -> None:
    new = values({"scope": scope, "expires": expires, "on_behalf_of": of_patient(patient_id)})
    write(
        actor=actor,
        action="patient.token_issued",
        patient_id=patient_id,
        object_type="patient",
        object_id=patient_id,
        details={"new": new},
    )


@receiver(signals.client_refused)
def client_refused(actor: Actor, client: ApiClient | None, error: str, **kwargs: Any) -> None:
    """What was typed for an id is not kept: it may have been a secret."""
    write(
        actor=actor,
        action="client.sign_in_failed",
        status=AuditLog.Status.FAILURE,
        object_type=CLIENT if client else "",
        object_id=client.pk if client else "",
        details={"code": error},
    )


@receiver(signals.address_blocked)
def address_blocked(actor: Actor, **kwargs: Any) -> None:
    write(actor=actor, action="access.blocked", status=AuditLog.Status.DENIED, details={"code": "too_many_failures"})
