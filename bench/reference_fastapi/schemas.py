"""What comes in and what goes out."""

import uuid
from datetime import date, datetime, time
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Row = TypeVar("Row")


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Row]):
    next: str | None
    previous: str | None
    results: list[Row]


class VisitOut(Out):
    id: uuid.UUID
    doctor_id: str
    doctor_name: str
    department_name: str = Field(serialization_alias="department")
    department_id: uuid.UUID
    date: date
    time: time
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    visit_type: str


class SlotOut(VisitOut):
    specialization: str
    duration_minutes: int
    seat: int
    status: Literal["available"]


class AppointmentOut(VisitOut):
    patient_id: uuid.UUID
    slot_id: uuid.UUID
    status: Literal["booked", "checked_in", "in_progress", "completed", "cancelled", "no_show"]
    reason: str
    requested_datetime: datetime | None
    source: str
    booked_by: str
    cancellation_code: str
    cancellation_reason: str
    is_urgent: bool
    needs_new_time_since: datetime | None
    needs_new_time_because: str
    booked_at: datetime
    checked_in_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    no_show_at: datetime | None
    created_at: datetime
    updated_at: datetime


class BookIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    patient_id: uuid.UUID
    slot_id: uuid.UUID
    reason: str = Field(default="", max_length=2000)
    requested_datetime: datetime | None = None
    is_urgent: bool = False


class CancelIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    appointment_id: uuid.UUID
    reason: str = Field(default="", max_length=2000)
    cancellation_code: Literal["", "patient", "ill", "not_needed", "hospital", "mistake", "died", "other"] = ""
