"""The log and signing in: second factors, sessions that were ended, lock-outs, the hospital's provider. Sign-ins and
failed ones are in ``receivers``."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from audit.models import AuditLog
from audit.receivers import write
from booking_site.accounts import signals
from booking_site.core.actor import Actor


def of_user(actor: Actor, action: str, user: Any, **more: Any) -> None:
    write(actor=actor, action=action, object_type="user", object_id=user.pk, **more)


@receiver(signals.second_factor_added)
def factor_added(actor: Actor, user: Any, kind: str, **kwargs: Any) -> None:
    of_user(actor, "user.second_factor_added", user, details={"new": {"kind": kind}})


@receiver(signals.second_factor_removed)
def factor_removed(actor: Actor, user: Any, kind: str, **kwargs: Any) -> None:
    of_user(actor, "user.second_factor_removed", user, details={"old": {"kind": kind}})


@receiver(signals.second_factor_refused)
def factor_refused(actor: Actor, user: Any, kind: str, **kwargs: Any) -> None:
    of_user(actor, "user.second_factor_failed", user, status=AuditLog.Status.FAILURE, details={"kind": kind})


@receiver(signals.recovery_code_used)
def code_used(actor: Actor, user: Any, left: int, **kwargs: Any) -> None:
    of_user(actor, "user.recovery_code_used", user, details={"new": {"left": left}})


@receiver(signals.sessions_ended)
def ended(actor: Actor, user: Any, count: int, **kwargs: Any) -> None:
    of_user(actor, "user.sessions_ended", user, details={"new": {"count": count}})


@receiver(signals.locked_out)
def locked_out(actor: Actor, scope: str, username: str, until: datetime, **kwargs: Any) -> None:
    """The name is masked: people type passwords into the wrong field."""
    details: dict[str, Any] = {"scope": scope, "until": until.isoformat()}
    if scope in ("account", "code", "device"):
        details["username"] = username[:2] + "***"
    write(actor=actor, action="user.locked_out", status=AuditLog.Status.DENIED, details=details)


@receiver(signals.provider_linked)
def linked(actor: Actor, user: Any, provider: str, **kwargs: Any) -> None:
    of_user(actor, "user.provider_linked", user, details={"new": {"provider": provider}})


@receiver(signals.provider_unlinked)
def unlinked(actor: Actor, user: Any, provider: str, **kwargs: Any) -> None:
    of_user(actor, "user.provider_unlinked", user, details={"old": {"provider": provider}})


@receiver(signals.provider_used)
def provider_used(actor: Actor, user: Any, provider: str, **kwargs: Any) -> None:
    of_user(actor, "user.provider_used", user, details={"new": {"provider": provider}})
