"""What concerns a patient's rights: data given out, a person forgotten, a consent given or withdrawn, periods applied.

And what the log itself holds on a patient, for the export.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import Model, Q
from django.dispatch import receiver

from appointments import signals as appointments
from audit.models import AuditLog
from audit.receivers import write
from booking_site.core import signals as core
from booking_site.core.actor import Actor
from patients import signals as patients
from patients.models import Patient


@receiver(appointments.patient_exported)
def exported(actor: Actor, patient: Patient, rows: dict[str, int], **kwargs: Any) -> None:
    details = {"new": {"rows": rows}}
    write(
        actor=actor,
        action="patient.exported",
        patient_id=patient.pk,
        object_type="patient",
        object_id=patient.pk,
        details=details,
    )


@receiver(appointments.patient_erased)
def erased(actor: Actor, patient: Patient, records: list[uuid.UUID], counts: dict[str, int], **kwargs: Any) -> None:
    """On each of the records. The reason is one of a list, and so tells nothing of the person."""
    for key in records:
        into = {} if key == patient.pk else {"merged_into": str(patient.pk)}
        details = {"new": {"because": patient.erased_because, **counts, **into}}
        write(
            actor=actor, action="patient.erased", patient_id=key, object_type="patient", object_id=key, details=details
        )


@receiver(patients.consents_recorded)
def consents(actor: Actor, patient_id: uuid.UUID, given: Mapping[str, bool], source: str, **kwargs: Any) -> None:
    details = {"new": {**given, "source": str(source)}}  # yes and no: nothing to mask
    write(
        actor=actor,
        action="patient.consents_changed",
        patient_id=patient_id,
        object_type="patient",
        object_id=patient_id,
        details=details,
    )


@receiver(core.retention_applied)
def retention(actor: Actor, periods: dict[str, int], counts: dict[str, int], **kwargs: Any) -> None:
    write(actor=actor, action="retention.applied", details={"new": {"periods": periods, **counts}})


@receiver(core.log_wanted)
def log(keys: Mapping[type[Model], list[uuid.UUID]], **kwargs: Any) -> list[dict[str, Any]]:
    """All rows about these records, oldest first, and those that tell of lists which showed them."""
    about = Q(pk__in=[])
    for model, found in keys.items():
        about |= Q(object_type=model._meta.model_name, object_id__in=[str(key) for key in found])
        if model._meta.model_name == "appointment":
            about |= Q(appointment_id__in=found)
    people = set(keys.get(Patient, []))
    about |= Q(patient_id__in=people) | Q(patient_ids__overlap=list(people))
    columns = [field.attname for field in AuditLog._meta.concrete_fields]
    rows = list(AuditLog.objects.filter(about).order_by("timestamp", "seq").values(*columns))
    for row in rows:  # a list that showed others too: who they were is no business of this one
        row["patient_ids"] = [key for key in row["patient_ids"] or [] if key in people]
    return rows
