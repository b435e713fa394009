"""The log and a patient's record: who looked at it, who merged it, and what its page tells of that."""

import uuid
from collections.abc import Collection
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Max, Model
from django.db.models.functions import TruncDate
from django.dispatch import receiver

from appointments import signals as appointments
from appointments.merging import DUPLICATE, SURVIVOR, Undone
from audit.models import AuditLog
from audit.receivers import row, values
from booking_site.core import signals as core
from booking_site.core.actor import Actor
from booking_site.core.trail import Change, Trail, View
from patients.models import PatientMerge

WHO = ("user_id", "user_kind", "user_name")


@receiver(appointments.patients_merged)
def merged(actor: Actor, merge: PatientMerge, **kwargs: Any) -> None:
    _both(actor, merge, ("patient.merged", "patient.merged_into"), merge.changed, _counts(merge, len(merge.moved)))


@receiver(appointments.patients_unmerged)
def unmerged(actor: Actor, undone: Undone, **kwargs: Any) -> None:
    counts = _counts(undone.merge, undone.moved) | {"kept": list(undone.kept)}
    _both(actor, undone.merge, ("patient.unmerged", "patient.reopened"), undone.changed, counts)


def _counts(merge: PatientMerge, appointments: int) -> dict[str, Any]:
    ids = {"merge_id": merge.pk, "survivor_id": merge.survivor_id, "duplicate_id": merge.duplicate_id}
    return values(ids) | {"appointments": appointments, "repointed": len(merge.repointed)}


def _both(
    actor: Actor, merge: PatientMerge, actions: tuple[str, str], changed: dict[str, Any], counts: dict[str, Any]
) -> None:
    """A row on each of the two records, with what changed of it: each has it in its own trail, whatever becomes of the
    other."""
    rows = []
    for action, key, which in zip(actions, (merge.survivor_id, merge.duplicate_id), (SURVIVOR, DUPLICATE), strict=True):
        old = values({name: before for name, (before, _) in changed[which].items()})
        new = values({name: after for name, (_, after) in changed[which].items()})
        details = {"old": old, "new": new | counts}
        made = row(actor=actor, action=action, patient_id=key, object_type="patient", object_id=key, details=details)
        rows.append(AuditLog(**made))
    AuditLog.objects.bulk_create(rows)


@receiver(core.trail_wanted)
def trail(sender: type[Model], keys: Collection[uuid.UUID], limit: int, **kwargs: Any) -> Trail:
    kind = sender._meta.model_name or ""
    rows = AuditLog.objects.filter(object_type=kind, object_id__in=[str(key) for key in keys])
    viewed = f"{kind}.viewed"
    changes = rows.exclude(action=viewed).order_by("-timestamp", "-id")
    views = (
        rows.filter(action=viewed)
        .values(*WHO, day=TruncDate("timestamp", tzinfo=ZoneInfo(settings.TIME_ZONE)))
        .annotate(times=Count("pk"), last=Max("timestamp"))
        .order_by("-last")
    )
    return Trail(
        changes=[
            Change(each.timestamp, each.who, each.action, each.status, tuple(each.details.get("old", ())))
            for each in changes[:limit]
        ],
        views=[
            View(each["last"], AuditLog(**{name: each[name] for name in WHO}).who, each["times"])
            for each in views[:limit]
        ],
    )
