"""Every domain signal becomes one row of the audit log, in the transaction that the signal was sent in."""

import json
import uuid
from collections.abc import Collection
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import connection
from django.db.models import NOT_PROVIDED, Model
from django.dispatch import receiver

from appointments import signals as appointments
from appointments.models import Appointment
from audit import told
from audit.masking import masked
from audit.models import AuditLog
from audit.subjects import patient_of, subject_of
from booking_site.core import signals as core
from booking_site.core.actor import Actor, actor_of
from booking_site.core.errors import DomainError
from booking_site.core.ids import uuid7
from booking_site.core.sql import planned
from scheduling import signals as scheduling
from scheduling.models import AvailableSlot


def write(**kwargs: Any) -> None:
    """Add one row, of what ``row`` takes."""
    _add(row(**kwargs))


# What a client of the database says of a row; the rest is the stamp.
SAID = [field.attname for field in AuditLog._meta.concrete_fields if field.db_default is NOT_PROVIDED]
INSERT = f"INSERT INTO audit_logs ({', '.join(SAID)}) VALUES ({', '.join(['%s'] * len(SAID))})"


def _add(made: dict[str, Any]) -> None:
    """A plain INSERT, which waits for nobody. Its SQL is always the same: to have it built anew for each row took
    longer than to run it, and every booking pays for that."""
    said = made | {"id": uuid7(), "details": json.dumps(made["details"])}
    planned(INSERT, [said[name] for name in SAID])
    told.note(made["request_id"], made["patient_id"])


def row(
    *,
    actor: Actor,
    action: str,
    status: str = AuditLog.Status.SUCCESS,
    appointment_id: Any = None,
    patient_id: Any = None,
    patient_ids: Collection[uuid.UUID] | None = None,
    object_type: str = "",
    object_id: Any = "",
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The values of a row."""
    return {
        "action": action,
        "status": status,
        "user_id": actor.id[:150],
        "user_kind": actor.kind,
        "user_name": actor.name[:200],
        "on_behalf_of": actor.on_behalf_of[:150],
        "appointment_id": appointment_id,
        "patient_id": patient_id,
        "patient_ids": sorted(patient_ids) if patient_ids is not None else None,
        "object_type": object_type,
        "object_id": str(object_id)[:64],
        "request_id": actor.request_id,
        "address": actor.address,
        "details": details or {},
    }


def values(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: masked(name, value) for name, value in fields.items()}


def of_appointment(appointment: Appointment, *names: str) -> dict[str, Any]:
    return values({name: getattr(appointment, name) for name in names})


def appointment_row(actor: Actor, action: str, appointment: Appointment, **details: Any) -> dict[str, Any]:
    return row(
        actor=actor,
        action=action,
        appointment_id=appointment.pk,
        patient_id=appointment.patient_id,
        object_type="appointment",
        object_id=appointment.pk,
        details=details,
    )


@receiver(appointments.appointment_booked)
def booked(actor: Actor, appointment: Appointment, **kwargs: Any) -> None:
    new = of_appointment(
        appointment, "status", "patient_id", "doctor_id", "slot_id", "starts_at", "ends_at", "reason", "source"
    )
    _add(appointment_row(actor, "appointment.booked", appointment, new=new))


@receiver(appointments.appointment_cancelled)
def cancelled(actor: Actor, appointment: Appointment, old: dict[str, Any], **kwargs: Any) -> None:
    new = of_appointment(appointment, "status", "patient_id", "slot_id", "cancellation_code", "cancellation_reason")
    _add(appointment_row(actor, "appointment.cancelled", appointment, old=values(old), new=new))


@receiver(appointments.appointment_rescheduled)
def rescheduled(actor: Actor, appointment: Appointment, old: dict[str, Any], reason: str, **kwargs: Any) -> None:
    new = of_appointment(appointment, *old, "patient_id")
    told = {"old": values(old), "new": new, "reason": masked("reason", reason)}
    _add(appointment_row(actor, "appointment.rescheduled", appointment, **told))


@receiver(appointments.appointment_status_changed)
def status_changed(actor: Actor, appointment: Appointment, old: dict[str, Any], action: str, **kwargs: Any) -> None:
    new = of_appointment(appointment, *old, "patient_id", "slot_id")
    _add(appointment_row(actor, action, appointment, old=values(old), new=new))


@receiver(appointments.appointment_urgency_changed)
def urgency_changed(actor: Actor, appointment: Appointment, old: dict[str, Any], **kwargs: Any) -> None:
    new = of_appointment(appointment, *old, "patient_id")
    _add(appointment_row(actor, "appointment.urgency_changed", appointment, old=values(old), new=new))


@receiver(appointments.appointments_need_new_time)
def need_new_time(actor: Actor, appointments: list[Appointment], because: str, **kwargs: Any) -> None:
    _each(actor, "appointment.needs_new_time", appointments, because=masked("reason", because))


@receiver(appointments.appointments_keep_time)
def keep_time(actor: Actor, appointments: list[Appointment], **kwargs: Any) -> None:
    _each(actor, "appointment.keeps_time", appointments)


def _each(actor: Actor, action: str, affected: list[Appointment], **details: Any) -> None:
    """One row for each appointment, in one statement."""
    names = ("patient_id", "doctor_id", "slot_id", "starts_at")
    rows = [
        appointment_row(actor, action, appointment, new=of_appointment(appointment, *names), **details)
        for appointment in affected
    ]
    AuditLog.objects.bulk_create([AuditLog(**row) for row in rows])


@receiver(appointments.appointments_rebooked)
def rebooked(actor: Actor, counts: dict[str, int], **kwargs: Any) -> None:
    write(actor=actor, action="appointments.rebooked", object_type="appointment", details={"new": counts})


@receiver(appointments.slip_sent)
def slip_sent(actor: Actor, appointment: Appointment, email: str, **kwargs: Any) -> None:
    new = of_appointment(appointment, "patient_id") | values({"email": email})
    _add(appointment_row(actor, "appointment.slip_sent", appointment, new=new))


@receiver(appointments.report_exported)
def report_exported(
    actor: Actor, report: str, first: str, last: str, department_id: Any, doctor_id: str | None, **kwargs: Any
) -> None:
    new = values({"first": first, "last": last, "department_id": department_id, "doctor_id": doctor_id})
    write(actor=actor, action="report.exported", object_type="report", object_id=report, details={"new": new})


@receiver(appointments.history_loaded)
def history_loaded(actor: Actor, source: str, count: int, **kwargs: Any) -> None:
    write(actor=actor, action="appointment.imported", details={"new": {"source": source, "count": count}})


@receiver(scheduling.slot_held)
def held(actor: Actor, slot: AvailableSlot, **kwargs: Any) -> None:
    new = values({"doctor_id": slot.doctor_id, "starts_at": slot.starts_at, "held_until": slot.held_until})
    write(actor=actor, action="slot.held", object_type="slot", object_id=slot.pk, details={"new": new})


@receiver(scheduling.slot_released)
def released(actor: Actor, slot: AvailableSlot, **kwargs: Any) -> None:
    write(actor=actor, action="slot.released", object_type="slot", object_id=slot.pk)


@receiver(scheduling.slot_withdrawn)
def withdrawn(actor: Actor, slot: AvailableSlot, old: dict[str, Any], **kwargs: Any) -> None:
    _slot_changed(actor, "slot.withdrawn", slot, old)


@receiver(scheduling.slot_reinstated)
def reinstated(actor: Actor, slot: AvailableSlot, old: dict[str, Any], **kwargs: Any) -> None:
    _slot_changed(actor, "slot.reinstated", slot, old)


def _slot_changed(actor: Actor, action: str, slot: AvailableSlot, old: dict[str, Any]) -> None:
    names = ["status", "doctor_id", "starts_at", *(["note"] if slot.note else [])]
    new = values({name: getattr(slot, name) for name in names})
    write(actor=actor, action=action, object_type="slot", object_id=slot.pk, details={"old": values(old), "new": new})


@receiver(scheduling.seat_added)
def seat_added(actor: Actor, slot: AvailableSlot, overbooked: bool, **kwargs: Any) -> None:
    """The note says why, and is about the doctor's time: it is kept as it is."""
    new = values(
        {name: getattr(slot, name) for name in ("doctor_id", "starts_at", "ends_at", "seat", "visit_type_id", "note")}
    )
    action = "slot.overbooked" if overbooked else "slot.added"
    write(actor=actor, action=action, object_type="slot", object_id=slot.pk, details={"new": new})


@receiver(scheduling.plan_applied)
def plan_applied(sender: type[Model], actor: Actor, cause: Model, counts: dict[str, int], **kwargs: Any) -> None:
    write(
        actor=actor,
        action="slots.planned",
        object_type=sender._meta.model_name or "",
        object_id=cause.pk,
        details={"new": counts},
    )


@receiver(core.record_saved)
def saved(
    sender: type[Model],
    actor: Actor,
    instance: Model,
    changes: dict[str, tuple[Any, Any]],
    created: bool,
    **kwargs: Any,
) -> None:
    kind = sender._meta.model_name or ""
    new = values({name: new for name, (_, new) in changes.items()})
    details = {"new": new}
    if not created:
        details["old"] = values({name: old for name, (old, _) in changes.items()})
    write(
        actor=actor,
        action=f"{kind}.{'created' if created else 'updated'}",
        patient_id=instance.pk if kind == "patient" else None,
        object_type=kind,
        object_id=instance.pk,
        details=details,
    )


@receiver(core.records_imported)
def imported(
    actor: Actor, entity: str, profile: str, file: str, sha256: str, counts: dict[str, int], **kwargs: Any
) -> None:
    details = {"new": {"profile": profile, "file": file, "sha256": sha256, "counts": counts}}
    write(actor=actor, action=f"{entity}.imported", object_type=entity, object_id=profile, details=details)


@receiver(core.demo_loaded)
def demo_loaded(actor: Actor, patients: int, **kwargs: Any) -> None:
    write(actor=actor, action="demo.loaded", object_type="demo", details={"new": {"patients": patients}})


@receiver(core.backup_made)
def backup_made(actor: Actor, file: str, sha256: str, **kwargs: Any) -> None:
    write(actor=actor, action="backup.made", object_type="backup", object_id=file, details={"new": {"sha256": sha256}})


@receiver(core.backup_restored)
def backup_restored(actor: Actor, file: str, sha256: str, **kwargs: Any) -> None:
    """The first row of a new epoch: transaction ids begin anew, or go on from what has been undone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_begin_epoch(%s, TRUE)", [f"Restored from {file}"[:200]])
    new = {"sha256": sha256}
    write(actor=actor, action="backup.restored", object_type="backup", object_id=file, details={"new": new})


@receiver(core.refused)
def refused(actor: Actor, action: str, error: DomainError, subject: dict[str, str], **kwargs: Any) -> None:
    """A refused operation. The signal comes after its rollback: this row stands by itself and survives."""
    denied = error.status_code == 403
    appointment_id = subject.get("appointment_id")
    write(
        actor=actor,
        action=action,
        status=AuditLog.Status.DENIED if denied else AuditLog.Status.FAILURE,
        appointment_id=appointment_id,
        patient_id=subject.get("patient_id") or subject.get("survivor_id") or patient_of(appointment_id),
        object_type=action.split(".")[0],
        object_id=next((subject[name] for name in ("appointment_id", "slot_id", "survivor_id") if name in subject), ""),
        details={"code": error.code, **subject},
    )


@receiver(core.access_denied)
def access_denied(actor: Actor, method: str, path: str, code: str, **kwargs: Any) -> None:
    write(
        actor=actor,
        action="access.denied",
        status=AuditLog.Status.DENIED,
        **subject_of(path),
        details={"method": method, "path": path[:200], "code": code},
    )


@receiver(user_logged_in)
def signed_in(request: Any, user: Any, **kwargs: Any) -> None:
    write(actor=actor_of(request), action="user.signed_in", object_type="user", object_id=user.pk)


@receiver(user_logged_out)
def signed_out(request: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:
        write(actor=actor_of(request), action="user.signed_out", object_type="user", object_id=user.pk)


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
    """The name that was tried is masked: people type passwords into the wrong field."""
    tried = str(credentials.get("username", ""))
    write(
        actor=actor_of(request),
        action="user.sign_in_failed",
        status=AuditLog.Status.FAILURE,
        details={"username": tried[:2] + "***"},
    )
