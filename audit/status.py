"""The state of the log at a glance: how far it is sealed, and what the last check said."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum
from django.utils import timezone

from audit import sealing
from audit.models import AuditLog, AuditSeal


@dataclass(frozen=True, slots=True)
class Status:
    """``lag_seconds``: the age of the oldest row that is not sealed; None when all are."""

    sealed_rows: int
    unsealed_rows: int
    last_seal_at: datetime | None
    lag_seconds: float | None
    last_verified_at: datetime | None
    last_verified_ok: bool | None
    last_findings: int | None


def status() -> Status:
    last = AuditSeal.objects.defer("members").order_by("-number").first()
    checked = AuditLog.objects.filter(action="audit.verified").order_by("-timestamp").first()
    unsealed, oldest = sealing.unsealed()
    return Status(
        sealed_rows=AuditSeal.objects.aggregate(total=Sum("rows"))["total"] or 0,
        unsealed_rows=unsealed,
        last_seal_at=last.sealed_at if last is not None else None,
        lag_seconds=(timezone.now() - oldest).total_seconds() if oldest is not None else None,
        last_verified_at=checked.timestamp if checked is not None else None,
        last_verified_ok=checked.status == AuditLog.Status.SUCCESS if checked is not None else None,
        last_findings=checked.details.get("findings") if checked is not None else None,
    )
