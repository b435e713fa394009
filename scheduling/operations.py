"""Holding a seat for a moment and giving it up; taking a seat off the market and putting it back."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import connection
from django.utils import timezone

from booking_site.core.actor import Actor
from booking_site.core.operations import operation
from scheduling import signals
from scheduling.availability import CLAIMABLE_SQL
from scheduling.exceptions import HoldExpired, HoldNotOwned, SlotNotFound, SlotUnavailable
from scheduling.models import AvailableSlot

HOLD = f"""
UPDATE available_slots
SET status = 'held', held_by = %(held_by)s, hold_digest = %(new_digest)s,
    held_until = LEAST(statement_timestamp() + %(length)s, starts_at), updated_at = clock_timestamp()
WHERE id = %(slot_id)s AND {CLAIMABLE_SQL}
RETURNING held_until
"""


def digest(hold_token: str) -> str:
    """What is stored of a hold token: its SHA-256 in hex. The empty string for no token, which opens nothing."""
    return hashlib.sha256(hold_token.encode()).hexdigest() if hold_token else ""


@operation("slot.held")
def hold(*, actor: Actor, slot_id: uuid.UUID, hold_token: str = "") -> tuple[str, datetime]:
    """Keep a free seat for ``settings.HOLD_MINUTES``; returns the token that opens it, and the end of the hold.

    Binding: while it lives nobody without the token can book or hold the seat. With the token of a live hold the
    hold begins anew. Raises SlotNotFound, SlotUnavailable, HoldExpired.
    """
    token = secrets.token_urlsafe(24)
    parameters: dict[str, Any] = {
        "slot_id": slot_id,
        "held_by": actor.id,
        "hold_digest": digest(hold_token),
        "new_digest": digest(token),
        "length": timedelta(minutes=settings.HOLD_MINUTES),
    }
    with connection.cursor() as cursor:
        cursor.execute(HOLD, parameters)
        row = cursor.fetchone()
    if row is None:
        explain_refusal(slot_id, hold_token)
    signals.slot_held.send(sender=hold, actor=actor, slot=AvailableSlot.objects.get(pk=slot_id))
    return token, row[0]


@operation("slot.released")
def release(*, actor: Actor, slot_id: uuid.UUID, hold_token: str = "") -> None:
    """End a hold: by its token, or without one by the actor who made it. Releasing what is not held is harmless.

    Raises SlotNotFound, HoldNotOwned.
    """
    slot = _locked(slot_id)
    if slot.status != AvailableSlot.Status.HELD:
        return
    owns = slot.hold_digest == digest(hold_token) if hold_token else slot.held_by == actor.id
    if not owns:
        raise HoldNotOwned
    slot.status = AvailableSlot.Status.AVAILABLE
    slot.held_until, slot.held_by, slot.hold_digest = None, "", ""
    slot.save(update_fields=["status", "held_until", "held_by", "hold_digest", "updated_at"])
    signals.slot_released.send(sender=release, actor=actor, slot=slot)


@operation("slot.withdrawn")
def withdraw(*, actor: Actor, slot_id: uuid.UUID) -> AvailableSlot:
    """Take a free seat off the market. Withdrawing twice is harmless. Raises SlotNotFound, SlotUnavailable."""
    slot = _locked(slot_id)
    if slot.status == AvailableSlot.Status.WITHDRAWN:
        return slot
    if slot.status == AvailableSlot.Status.BOOKED:
        raise SlotUnavailable("This seat is booked. Move or cancel the appointment first, then withdraw the slot.")
    if slot.held_until is not None and slot.held_until > timezone.now():
        raise SlotUnavailable("Somebody is holding this seat for a booking. Try again in some minutes.")
    old = slot.status
    slot.status = AvailableSlot.Status.WITHDRAWN
    slot.held_until, slot.held_by, slot.hold_digest = None, "", ""
    slot.save(update_fields=["status", "held_until", "held_by", "hold_digest", "updated_at"])
    signals.slot_withdrawn.send(sender=withdraw, actor=actor, slot=slot, old={"status": old})
    return slot


@operation("slot.reinstated")
def reinstate(*, actor: Actor, slot_id: uuid.UUID) -> AvailableSlot:
    """Offer a withdrawn seat again. Harmless when it is offered already.

    Raises SlotNotFound, and Conflict (``slot_overlaps``) when the doctor has another slot at that time by now.
    """
    slot = _locked(slot_id)
    if slot.status != AvailableSlot.Status.WITHDRAWN:
        return slot
    slot.status = AvailableSlot.Status.AVAILABLE
    slot.save(update_fields=["status", "updated_at"])
    signals.slot_reinstated.send(sender=reinstate, actor=actor, slot=slot, old={"status": "withdrawn"})
    return slot


def _locked(slot_id: uuid.UUID) -> AvailableSlot:
    slot = AvailableSlot.objects.select_for_update(no_key=True).filter(pk=slot_id).first()
    if slot is None:
        raise SlotNotFound
    return slot


def explain_refusal(slot_id: uuid.UUID, hold_token: str) -> NoReturn:
    """A seat could not be claimed: find out why, and raise that. Asked only after a refusal."""
    slot = AvailableSlot.objects.select_related("doctor", "department").filter(pk=slot_id).first()
    if slot is None:
        raise SlotNotFound
    now = timezone.now()
    if slot.status == AvailableSlot.Status.WITHDRAWN:
        raise SlotUnavailable("This slot has been withdrawn. Choose another time.", code="slot_unavailable")
    if slot.starts_at <= now:
        raise SlotUnavailable("This slot is in the past. Choose a later time.")
    if not slot.doctor.is_active:
        raise SlotUnavailable(f"{slot.doctor.name} does not see patients at present. Choose another doctor.")
    if not slot.department.is_active:
        raise SlotUnavailable(f"{slot.department.name} is closed at present. Choose another department.")
    if hold_token:
        raise HoldExpired("Your hold on this seat has ended and somebody else has taken it. Choose another time.")
    if slot.status == AvailableSlot.Status.HELD:
        raise SlotUnavailable("Somebody else is holding this seat. Choose another time, or try again in some minutes.")
    raise SlotUnavailable("This seat is taken. Choose another time.")
