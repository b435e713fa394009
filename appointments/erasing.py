"""Forgetting a person. What is left of the record counts appointments and names nobody.

Kept: the appointments with doctor, department, times and outcome, which the numbers are made of, and the audit log,
which holds ids and masked values only (and is never changed). Everything that tells who it was is emptied, in this
record and in those that have been merged into it; a constraint sees to it that it stays empty. There is no way back.

Locks: as of ``merging``, the appointments by key, then the patients by key.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db import transaction
from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments import mail_files, signals
from appointments.exceptions import PatientNotFound, PatientStillExpected, RecordMustBeKept
from appointments.models import LIVE, Appointment, IdempotencyKey, Status
from booking_site.core.actor import Actor
from booking_site.core.errors import Invalid
from booking_site.core.operations import check_version, operation
from patients.exceptions import PatientMerged
from patients.models import PERSONAL, ErasureReason, Patient, PatientConsent, PatientMerge

# The free texts of an appointment, with what they are afterwards.
TEXTS = {"reason": "", "cancellation_reason": "", "needs_new_time_because": ""}
NAMED = 3  # appointments that a refusal names


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done. ``counts``: rows emptied or deleted; all 0 when the record had been erased before."""

    patient: Patient
    counts: dict[str, int] = field(default_factory=dict)


@operation("patient.erased")
def erase(
    *, actor: Actor, patient_id: uuid.UUID, reason: str, expected_versions: frozenset[str] | None = None
) -> Erased:
    """Erase a patient, and the records merged into them. ``reason``: an ``ErasureReason``. Erasing twice is harmless.

    Raises PatientNotFound, PatientMerged, PatientStillExpected, RecordMustBeKept, PreconditionFailed, Invalid.
    """
    if reason not in ErasureReason.values:
        raise Invalid(_("Say why: %s.") % ", ".join(ErasureReason.values), code="invalid_reason")
    whole = Q(patient=patient_id) | Q(patient__merged_into=patient_id)
    list(Appointment.objects.select_for_update(no_key=True, of=["self"]).filter(whole).order_by("pk").values_list("pk"))
    records = _locked(patient_id)
    patient = records.get(patient_id)
    if patient is None:
        raise PatientNotFound
    if patient.merged_into_id is not None:
        raise PatientMerged(patient.pk, patient.merged_into_id)
    if patient.erased_at is not None:
        return Erased(patient)
    check_version(patient, expected_versions)
    refuse(patient.pk)
    addresses = mail_files.addresses_of(records.keys())
    counts = _emptied(records, reason)
    patient.refresh_from_db()
    signals.patient_erased.send(sender=erase, actor=actor, patient=patient, records=list(records), counts=counts)
    transaction.on_commit(lambda: mail_files.delete_to(addresses), robust=True)
    return Erased(patient, counts)


def refuse(patient_id: uuid.UUID) -> None:
    """Raise what stands in the way of erasing this record today."""
    ahead = Appointment.objects.filter(patient=patient_id, status__in=LIVE).order_by("starts_at")
    if expected := list(ahead.select_related("doctor")[: NAMED + 1]):
        raise PatientStillExpected(expected[:NAMED], has_more=len(expected) > NAMED)
    if (until := kept_until(patient_id)) is not None and until > timezone.now():
        raise RecordMustBeKept(until.date())


def kept_until(patient_id: uuid.UUID) -> datetime | None:
    """Until when the law wants the record kept: RETENTION_MINIMUM_YEARS after the last visit that took place. None for
    somebody who never came."""
    visits = Appointment.objects.filter(patient=patient_id, status=Status.COMPLETED).order_by("-ends_at")
    last = visits.values_list("ends_at", flat=True).first()
    return last + relativedelta(years=settings.RETENTION_MINIMUM_YEARS) if last else None


def _locked(patient_id: uuid.UUID) -> dict[uuid.UUID, Patient]:
    rows = Patient.objects.select_for_update().filter(Q(pk=patient_id) | Q(merged_into=patient_id))
    return {record.pk: record for record in rows.order_by("pk")}


def _emptied(records: dict[uuid.UUID, Patient], reason: str) -> dict[str, int]:
    now = timezone.now()
    of_them = Appointment.objects.filter(patient__in=records)  # none can come any more: the records are locked
    counts = {
        "records": Patient.objects.filter(pk__in=records).update(
            **PERSONAL, erased_at=now, erased_because=reason, updated_at=now
        ),
        "appointments": of_them.update(**TEXTS, updated_at=now),
        "idempotency_keys": IdempotencyKey.objects.filter(appointment__in=of_them).delete()[0],
        # The triggers have noted the withdrawal, too: nothing is left of what somebody had agreed to who is nobody.
        "consents": PatientConsent.objects.filter(patient__in=records).delete()[0],
        "merges": PatientMerge.objects.filter(Q(survivor__in=records) | Q(duplicate__in=records)).update(changed={}),
    }
    # The number at the source leads to the person in the other system; a file imported again shall still know the row.
    numbered = of_them.filter(external_id__isnull=False)
    numbered.update(external_id=Concat(Value("erased:"), Cast(F("id"), CharField())))
    return counts
