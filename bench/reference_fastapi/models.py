"""The tables."""

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship

SEATLESS = "('cancelled', 'no_show')"
LIVE = "('booked', 'checked_in', 'in_progress')"


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text, dict[str, Any]: JSONB}
    __mapper_args__ = {"eager_defaults": True}  # what the database sets comes back with the statement


class Recorded:
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Department(Recorded, Base):
    __tablename__ = "departments"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    site: Mapped[str]
    time_zone: Mapped[str]
    phone: Mapped[str]
    is_active: Mapped[bool]


class Doctor(Recorded, Base):
    __tablename__ = "doctors"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    phone: Mapped[str]
    department_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("departments.id"), index=True)
    specialization: Mapped[str]
    is_active: Mapped[bool]


class Patient(Recorded, Base):
    __tablename__ = "patients"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str] = mapped_column(index=True)
    phone: Mapped[str]
    dob: Mapped[date | None]
    insurance_provider: Mapped[str]
    insurance_id: Mapped[str]
    is_active: Mapped[bool]

    __table_args__ = (Index("idx_patient_name", "last_name", "first_name"),)


class Visit:
    """What slots and appointments have in common: who, where and when."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    doctor_id: Mapped[str] = mapped_column(ForeignKey("doctors.id"))
    department_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("departments.id"))
    date: Mapped[date]
    time: Mapped[time]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    visit_type: Mapped[str] = mapped_column(default="consultation")

    @declared_attr
    def doctor(cls) -> Mapped[Doctor]:
        return relationship()

    @declared_attr
    def department(cls) -> Mapped[Department]:
        return relationship()

    @property
    def doctor_name(self) -> str:
        return self.doctor.name

    @property
    def department_name(self) -> str:
        return self.department.name

    @property
    def time_zone(self) -> str:
        return self.department.time_zone


class AvailableSlot(Visit, Recorded, Base):
    __tablename__ = "available_slots"

    duration_minutes: Mapped[int]
    seat: Mapped[int]
    status: Mapped[str] = mapped_column(default="available")

    __table_args__ = (
        Index("idx_doctor_date_time", "doctor_id", "date", "time"),
        Index("idx_slot_free_doctor", "doctor_id", "starts_at", "id", postgresql_where=text("status = 'available'")),
        Index(
            "idx_slot_free_department",
            *("department_id", "starts_at", "id"),
            postgresql_where=text("status = 'available'"),
        ),
        Index("slot_once", "doctor_id", "starts_at", "seat", unique=True),
        CheckConstraint("ends_at > starts_at", name="slot_times_in_order"),
        CheckConstraint("status IN ('available', 'booked', 'withdrawn')", name="slot_status_known"),
    )

    @property
    def specialization(self) -> str:
        return self.doctor.specialization


class Appointment(Visit, Recorded, Base):
    __tablename__ = "appointments"

    patient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patients.id"))
    slot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("available_slots.id"))
    reason: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default="booked")
    requested_datetime: Mapped[datetime | None]
    source: Mapped[str] = mapped_column(default="api")
    booked_by: Mapped[str] = mapped_column(default="")
    is_urgent: Mapped[bool] = mapped_column(default=False)
    needs_new_time_since: Mapped[datetime | None]
    needs_new_time_because: Mapped[str] = mapped_column(default="")
    cancellation_code: Mapped[str] = mapped_column(default="")
    cancellation_reason: Mapped[str] = mapped_column(default="")
    booked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    checked_in_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    no_show_at: Mapped[datetime | None]

    __table_args__ = (
        Index("idx_appointment_patient", "patient_id", "starts_at", "id"),
        Index("idx_appointment_doctor", "doctor_id", "starts_at", "id"),
        Index("idx_appointment_doctor_date", "doctor_id", "date"),
        Index("idx_appointment_department", "department_id", "starts_at", "id"),
        Index("appointment_one_per_seat", "slot_id", unique=True, postgresql_where=text(f"status NOT IN {SEATLESS}")),
        ExcludeConstraint(
            ("patient_id", "="),
            (text("tstzrange(starts_at, ends_at)"), "&&"),
            where=text(f"status IN {LIVE}"),
            name="appointment_patient_not_twice",
        ),
        CheckConstraint("ends_at > starts_at", name="appointment_times_in_order"),
    )


class Client(Base):
    __tablename__ = "clients"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    scopes: Mapped[str]


class AccessToken(Base):
    __tablename__ = "access_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))

    client: Mapped[Client] = relationship()


class AuditLog(Base):
    __tablename__ = "audit_logs"

    id: Mapped[int] = mapped_column(primary_key=True)
    timestamp: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    action: Mapped[str]
    status: Mapped[str]
    user_id: Mapped[str] = mapped_column(default="")
    appointment_id: Mapped[uuid.UUID | None]
    patient_id: Mapped[uuid.UUID | None]
    object_type: Mapped[str]
    object_id: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    details: Mapped[dict[str, Any]]

    __table_args__ = (
        Index("idx_audit_appointment", "appointment_id", "timestamp"),
        Index("idx_audit_object", "object_type", "object_id", "timestamp"),
        Index("idx_audit_user", "user_id", "timestamp"),
        Index("idx_audit_action", "action", "timestamp"),
        Index("idx_audit_patient", "patient_id", "timestamp"),
    )
