"""The same calls as the product's, as FastAPI with SQLAlchemy 2 and asyncpg has them: the reference of ``make bench``.

Without holds, visit types with rules, merged records, idempotency keys, and a log that is sealed.
"""

import base64
import uuid
from datetime import date, datetime
from typing import Annotated, Any

from database import SessionOfRequest
from fastapi import FastAPI, HTTPException, Query, Request
from models import Appointment, AuditLog, AvailableSlot, Client, Doctor, Patient
from schemas import AppointmentOut, BookIn, CancelIn, Page, SlotOut
from security import needs
from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

app = FastAPI(title="Reference")
PageSize = Annotated[int, Query(ge=1, le=200)]
Writer = Annotated[Client, needs("appointments:write")]


@app.get("/api/v1/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/v1/available-slots", response_model=Page[SlotOut], dependencies=[needs("slots:read")])
async def list_free_slots(
    request: Request,
    session: SessionOfRequest,
    doctor: str | None = None,
    department: uuid.UUID | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    cursor: str | None = None,
    page_size: PageSize = 50,
) -> Any:
    query = (
        select(AvailableSlot)
        .join(AvailableSlot.doctor)
        .where(AvailableSlot.status == "available", AvailableSlot.starts_at > func.now(), Doctor.is_active)
        .options(joinedload(AvailableSlot.doctor), joinedload(AvailableSlot.department))
    )
    if doctor is not None:
        query = query.where(AvailableSlot.doctor_id == doctor)
    if department is not None:
        query = query.where(AvailableSlot.department_id == department)
    if date_from is not None:
        query = query.where(AvailableSlot.date >= date_from)
    if date_to is not None:
        query = query.where(AvailableSlot.date <= date_to)
    return await _page(request, session, query, AvailableSlot, cursor, page_size)


@app.get("/api/v1/appointments", response_model=Page[AppointmentOut], dependencies=[needs("appointments:read")])
async def list_appointments(
    request: Request,
    session: SessionOfRequest,
    patient: uuid.UUID | None = None,
    doctor: str | None = None,
    date: date | None = None,
    cursor: str | None = None,
    page_size: PageSize = 50,
) -> Any:
    query = _appointments()
    if patient is not None:
        query = query.where(Appointment.patient_id == patient)
    if doctor is not None:
        query = query.where(Appointment.doctor_id == doctor)
    if date is not None:
        query = query.where(Appointment.date == date)
    return await _page(request, session, query, Appointment, cursor, page_size)


@app.get(
    "/api/v1/appointments/{appointment_id}",
    response_model=AppointmentOut,
    dependencies=[needs("appointments:read")],
)
async def get_appointment(appointment_id: uuid.UUID, session: SessionOfRequest) -> Any:
    found = (await session.scalars(_appointments().where(Appointment.id == appointment_id))).one_or_none()
    if found is None:
        raise HTTPException(404, "There is no such appointment.")
    return found


@app.post("/api/v1/book-appointment", response_model=AppointmentOut, status_code=201)
async def book(body: BookIn, request: Request, session: SessionOfRequest, client: Writer) -> Any:
    patient = await session.get(Patient, body.patient_id)
    if patient is None or not patient.is_active:
        raise HTTPException(404, "There is no such patient.")
    claim = (
        update(AvailableSlot)
        .where(
            AvailableSlot.id == body.slot_id, AvailableSlot.status == "available", AvailableSlot.starts_at > func.now()
        )
        .values(status="booked")
        .returning(AvailableSlot)
    )
    slot = (await session.scalars(claim)).one_or_none()
    if slot is None:
        raise HTTPException(409, "That seat is not to be had.")
    appointment = Appointment(
        id=uuid.uuid4(),
        patient_id=patient.id,
        slot_id=slot.id,
        reason=body.reason,
        requested_datetime=body.requested_datetime,
        is_urgent=body.is_urgent,
        **{name: getattr(slot, name) for name in ("doctor_id", "department_id", "date", "time", "visit_type")},
        **{name: getattr(slot, name) for name in ("starts_at", "ends_at")},
    )
    session.add(appointment)
    session.add(_told("appointment.booked", appointment, client, request, {"new": body.model_dump(mode="json")}))
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(409, "The patient or the seat is taken at that time.") from error
    booked = (await session.scalars(_appointments().where(Appointment.id == appointment.id))).one()
    await session.commit()
    return booked


@app.post("/api/v1/cancel-appointment", response_model=AppointmentOut)
async def cancel(body: CancelIn, request: Request, session: SessionOfRequest, client: Writer) -> Any:
    query = _appointments().where(Appointment.id == body.appointment_id).with_for_update(of=Appointment)
    appointment = (await session.scalars(query)).one_or_none()
    if appointment is None:
        raise HTTPException(404, "There is no such appointment.")
    if appointment.status == "cancelled":
        return appointment
    if appointment.status != "booked":
        raise HTTPException(409, "This appointment cannot be cancelled any more.")
    details = {"old": {"status": appointment.status}, "new": {"status": "cancelled"}}
    appointment.status = "cancelled"
    appointment.cancelled_at = datetime.now().astimezone()
    appointment.cancellation_code, appointment.cancellation_reason = body.cancellation_code, body.reason
    await session.execute(
        update(AvailableSlot).where(AvailableSlot.id == appointment.slot_id).values(status="available")
    )
    session.add(_told("appointment.cancelled", appointment, client, request, details))
    await session.commit()
    return appointment


def _appointments() -> Select[tuple[Appointment]]:
    return select(Appointment).options(joinedload(Appointment.doctor), joinedload(Appointment.department))


def _told(action: str, appointment: Appointment, client: Client, request: Request, details: dict[str, Any]) -> AuditLog:
    return AuditLog(
        action=action,
        status="success",
        user_id=client.name,
        appointment_id=appointment.id,
        patient_id=appointment.patient_id,
        object_type="appointment",
        object_id=str(appointment.id),
        address=request.client.host if request.client else "",
        details=details,
    )


async def _page(
    request: Request, session: AsyncSession, query: Select[Any], model: Any, cursor: str | None, size: int
) -> dict[str, Any]:
    """Ordered by (starts_at, id). A cursor is the key of the row to go on from."""
    if cursor is not None:
        query = query.where(tuple_(model.starts_at, model.id) > _key(cursor))
    found = await session.scalars(query.order_by(model.starts_at, model.id).limit(size + 1))
    rows = found.all()
    following = None
    if len(rows) > size:
        rows = rows[:size]
        key = base64.urlsafe_b64encode(f"{rows[-1].starts_at.isoformat()} {rows[-1].id}".encode()).decode()
        following = str(request.url.include_query_params(cursor=key))
    return {"next": following, "previous": None, "results": rows}


def _key(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        moment, identifier = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(moment), uuid.UUID(identifier)
    except ValueError as error:
        raise HTTPException(422, "This cursor is not one of ours.") from error
