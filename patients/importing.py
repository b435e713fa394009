"""Patients from files: known by their record number."""

from typing import Any

from django.core.exceptions import ValidationError

from booking_site.core.validators import validate_name
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
        for name in ("first_name", "last_name"):
            try:
                validate_name(values.get(name) or "")
            except ValidationError as error:
                raise RowRejected(f"{name}: {error.messages[0]}") from error
        return values
