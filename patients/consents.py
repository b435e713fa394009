"""Consents to be reached by a channel: each change is kept with its moment, who wrote it down and how it was said.

The moments are kept by a trigger (migration 0006), whatever writes the fields. Here is said of them, in the same
transaction, by whom and how; what changes by other ways (SQL, a shell) stays "not recorded".
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.dispatch import receiver

from booking_site.core import signals as core
from booking_site.core.actor import Actor
from booking_site.core.operations import operation, save_record
from patients import signals
from patients.models import Channel, ConsentSource, Patient, PatientConsent

FIELDS = {f"remind_by_{channel}": channel for channel in Channel.values}
SAID = (ConsentSource.DESK, ConsentSource.PHONE, ConsentSource.WRITING, ConsentSource.APP)  # by the patient themselves
USUAL = {"user": ConsentSource.DESK, "client": ConsentSource.APP}  # by kind of actor, where nobody says


@operation("patient.consents_changed")
def record(
    *,
    actor: Actor,
    patient_id: uuid.UUID,
    given: Mapping[str, bool],
    source: str,
    expected_versions: frozenset[str] | None = None,
) -> Patient:
    """Write down what somebody has said, ``{channel: bool}``. Raises PatientErased, PatientMerged, PreconditionFailed,
    Patient.DoesNotExist."""
    patient = Patient.objects.get(pk=patient_id)
    fields = [f"remind_by_{channel}" for channel in given]
    for channel, is_given in given.items():
        setattr(patient, f"remind_by_{channel}", is_given)
    patient.consent_source = source
    save_record(actor=actor, instance=patient, fields=fields, expected_versions=expected_versions)
    return patient


def attribute(*, actor: Actor, patient_id: uuid.UUID, changes: Mapping[str, Sequence[Any]], source: str) -> None:
    """Of the consents that changed in this transaction: who wrote them down, and how it was said. ``changes``: fields
    of the patient, each with what it was and what it became."""
    given = {FIELDS[name]: new for name, (old, new) in changes.items() if name in FIELDS and bool(old) != new}
    if not given:
        return
    fresh = PatientConsent.objects.filter(patient=patient_id, recorded_by="", recorded_at=TransactionNow())
    fresh.update(recorded_by=str(actor)[:200], source=source)
    signals.consents_recorded.send(sender=Patient, actor=actor, patient_id=patient_id, given=given, source=source)


@receiver(core.record_saved, sender=Patient)
def saved(actor: Actor, instance: Patient, changes: dict[str, tuple[Any, Any]], **kwargs: Any) -> None:
    source = instance.consent_source or USUAL.get(actor.kind, ConsentSource.UNKNOWN)
    attribute(actor=actor, patient_id=instance.pk, changes=changes, source=source)


@receiver(core.records_imported, sender=Patient)
def imported(actor: Actor, **kwargs: Any) -> None:
    """An import is one transaction: what changed in it came from the file."""
    fresh = PatientConsent.objects.filter(recorded_by="", recorded_at=TransactionNow())
    fresh.update(recorded_by=str(actor)[:200], source=ConsentSource.FILE)
