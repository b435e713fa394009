from typing import Any
from uuid import UUID

from appointments.models import Appointment, Status
from booking_site.api.filters import (
    BooleanCondition,
    ChoiceCondition,
    ConditionFilterSet,
    IdentifierFilter,
    LocalDateFilter,
    TextCondition,
    any_of,
)
from booking_site.core.sql import SqlCondition
from doctors.filters import departments_asked
from patients.models import ANSWERING


def _of_patient(value: UUID, request: Any) -> SqlCondition:
    return SqlCondition(f"appointments.patient_id = ({ANSWERING})", value)


def _in_department(value: str, request: Any) -> SqlCondition:
    return any_of("appointments.department_id", departments_asked(value, request))


def _needing_new_time(value: bool, request: Any) -> SqlCondition:
    return SqlCondition(f"appointments.needs_new_time_since IS {'NOT ' if value else ''}NULL")


class AppointmentFilter(ConditionFilterSet):
    patient = IdentifierFilter(
        means=_of_patient,
        label="The patient's id. That of a merged record gives the visits of the one it became.",
    )
    doctor = TextCondition(field_name="doctor_id", label="The doctor's code.")
    department = TextCondition(means=_in_department, label="Name or id of the department.")
    status = ChoiceCondition(choices=Status.choices, label="Where the visit stands.")
    date = LocalDateFilter(label="Date at the site.")
    date_from = LocalDateFilter(lookup_expr="gte", label="From this date at the site.")
    date_to = LocalDateFilter(lookup_expr="lte", label="Up to and including this date.")

    needs_new_time = BooleanCondition(
        means=_needing_new_time,
        label="Whether the plan has changed under it, so that the patient needs a new time.",
    )

    class Meta:
        model = Appointment
        fields: list[str] = []
