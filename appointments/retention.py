"""How long what is kept: records of patients, and mail in files. What is older is erased, a patient at a time.

A record is kept RETENTION_PATIENT_YEARS after the last visit that took place, and RETENTION_UNSEEN_YEARS after the
last appointment, or the registration, of somebody who never came. Found by key in batches, each patient erased in a
transaction of their own: nothing is locked for long, and a run that was stopped goes on where it ended, because who has
been erased is not found any more.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from appointments.erasing import erase
from appointments.models import LIVE, Appointment, Status
from booking_site.core.actor import Actor
from booking_site.core.errors import Conflict
from patients.models import ErasureReason, Patient, PatientQuerySet

BATCH = 500


def periods() -> dict[str, int]:
    """As they are set, by the name of the setting."""
    names = ("RETENTION_MINIMUM_YEARS", "RETENTION_PATIENT_YEARS", "RETENTION_UNSEEN_YEARS", "RETENTION_MAIL_DAYS")
    return {name: getattr(settings, name) for name in names}


def overdue(now: datetime | None = None) -> PatientQuerySet:
    """Patients who have been kept long enough."""
    now = now or timezone.now()
    last_visit = now - relativedelta(years=settings.RETENTION_PATIENT_YEARS)
    last_sign = now - relativedelta(years=settings.RETENTION_UNSEEN_YEARS)
    visits = Appointment.objects.filter(patient=OuterRef("pk"))
    came = Q(status=Status.COMPLETED, ends_at__gt=last_visit)
    return Patient.objects.surviving().filter(
        ~Exists(visits.filter(came | Q(status__in=LIVE) | Q(ends_at__gt=last_sign))), created_at__lte=last_sign
    )


def batches(rows: PatientQuerySet) -> Iterator[list[uuid.UUID]]:
    """Keys, in their order: each batch begins behind the last, also behind those that could not be erased."""
    after = uuid.UUID(int=0)
    while keys := list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield keys
        after = keys[-1]


def forget(*, actor: Actor, patient_id: uuid.UUID) -> bool:
    """Erase one; False when something has happened since they were found, or the law wants the record kept."""
    try:
        return bool(erase(actor=actor, patient_id=patient_id, reason=ErasureReason.RETENTION).counts)
    except Conflict:
        return False
