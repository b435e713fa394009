"""Who was shown what: one row for a record, one for a list, whose rows name all patients that were on it."""

import uuid
from collections.abc import Collection
from typing import Any

from django.db.models import Model
from django.dispatch import receiver

from audit import told
from audit.receivers import write
from booking_site.core import signals as core
from booking_site.core.actor import Actor

NAMES = {"auditlog": "audit"}  # what actions call a model, where it is not by its name


def _kind(model: type[Model]) -> str:
    name = model._meta.model_name or ""
    return NAMES.get(name, name)


@receiver(core.record_viewed)
def viewed(
    sender: type[Model],
    actor: Actor,
    pk: Any,
    patient_id: uuid.UUID | None = None,
    patient_ids: Collection[uuid.UUID] = (),
    page: str = "",
    is_answer: bool = False,
    **kwargs: Any,
) -> None:
    kind = _kind(sender)
    patient = pk if kind == "patient" else patient_id
    if is_answer and told.is_told(actor.request_id, patient):
        return
    write(
        actor=actor,
        action=f"{kind}.viewed",
        appointment_id=pk if kind == "appointment" else None,
        patient_id=patient,
        patient_ids=patient_ids or None,
        object_type=kind,
        object_id=pk,
        details={"page": page} if page else {},
    )


@receiver(core.records_listed)
def listed(
    sender: type[Model],
    actor: Actor,
    patient_ids: Collection[uuid.UUID],
    page: str,
    filters: dict[str, str],
    **kwargs: Any,
) -> None:
    kind = _kind(sender)
    details: dict[str, Any] = {"page": page, "patients": len(patient_ids)}
    if filters:
        details["filters"] = filters
    write(actor=actor, action=f"{kind}.listed", patient_ids=patient_ids, object_type=kind, details=details)
