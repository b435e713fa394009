"""Whose data a refusal was about, where only an id or an address is known."""

import re
import uuid
from typing import Any

from appointments.models import Appointment
from booking_site.api.serializers import UUID_PATTERN
from patients.models import Patient

# The pages and calls of a patient or an appointment: /admin/patients/patient/<id>/, /api/v1/appointments/<id>, ...
OF_PATIENT = re.compile(rf"/patients?/({UUID_PATTERN})(?:/|\Z)")
OF_APPOINTMENT = re.compile(rf"/(?:appointments?|panel)/({UUID_PATTERN})(?:/|\Z)")


def patient_of(appointment_id: Any) -> uuid.UUID | None:
    """The patient of an appointment, if there is such a one."""
    if appointment_id is None:
        return None
    return Appointment.objects.filter(pk=appointment_id).values_list("patient_id", flat=True).first()


def subject_of(path: str) -> dict[str, Any]:
    """``appointment_id`` and ``patient_id`` of an address, as far as there are such records."""
    if found := OF_PATIENT.search(path):
        return {"patient_id": Patient.objects.filter(pk=found[1]).values_list("pk", flat=True).first()}
    if (found := OF_APPOINTMENT.search(path)) and (patient_id := patient_of(found[1])) is not None:
        return {"appointment_id": found[1], "patient_id": patient_id}
    return {}
