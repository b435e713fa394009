"""Patients from files: known by their record number."""

from typing import Any

from booking_site.importing.errors import RowRejected
from booking_site.importing.target import Target, fields_of
from patients.models import Patient

FIELDS = (
    *("mrn", "first_name", "last_name", "email", "phone", "dob", "insurance_provider", "insurance_id"),
    *("preferred_language", "remind_by_email", "remind_by_sms", "remind_by_phone", "is_active"),
)


class PatientTarget(Target):
    entity = "patients"
    model = Patient
    keys = ("mrn",)
    fields = fields_of(Patient, *FIELDS)

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        if not f"{values.get('first_name', '')}{values.get('last_name', '')}".strip():
            raise RowRejected("first_name, last_name: both are blank; a patient needs one of them")
        return values
