"""Holding a seat for a moment and giving it up; taking a seat off the market and putting it back."""

import hashlib
import secrets
import uuid
from collections.abc import Container
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from booking_site.core.actor import Actor
from booking_site.core.operations import operation
from booking_site.core.sql import planned
from booking_site.core.wallclock import duration_label
from scheduling import signals
from scheduling.availability import CLAIMABLE_SQL, GONE, RULES, WHY_SQL
from scheduling.exceptions import HoldExpired, HoldNotOwned, SlotNotFound, SlotUnavailable, TooManyHolds
from scheduling.generation import lock_doctors
from scheduling.models import AvailableSlot
from scheduling.planning import wants
from scheduling.seats import check_open

MOST_HOLD_MINUTES = 15
HOLD = f"""
UPDATE available_slots
SET status = 'held', held_by = %(held_by)s, hold_digest = %(new_digest)s,
    held_until = LEAST(statement_timestamp() + %(length)s, starts_at), updated_at = clock_timestamp()
WHERE id = %(slot_id)s AND {CLAIMABLE_SQL}
RETURNING held_until, (SELECT limit_per_doctor_day FROM visit_types WHERE code = visit_type)
"""
# Advisory locks, until the end of the transaction: of a doctor's day and visit type, of a client's holds.
LOCK_DAY = """
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'day', doctor_id, date, visit_type), 0))
FROM available_slots WHERE id = %s
"""
LOCK_HOLDS = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'holds', %s::text), 0))"
COUNT_HOLDS = """
SELECT count(*) FROM available_slots
WHERE status = 'held' AND held_by = %s AND held_until > statement_timestamp()
"""


def digest(hold_token: str) -> str:
    """What is stored of a hold token: its SHA-256 in hex. The empty string for no token, which opens nothing."""
    return hashlib.sha256(hold_token.encode()).hexdigest() if hold_token else ""


@operation("slot.held")
def hold(
    *, actor: Actor, slot_id: uuid.UUID, hold_token: str = "", new_token: str = "", minutes: int | None = None
) -> tuple[str, datetime]:
    """Keep a free seat for ``minutes`` (1 to MOST_HOLD_MINUTES; ``settings.HOLD_MINUTES`` when not given).

    Returns the token that opens it (``new_token``, or one of its own making), and the end of the hold. Binding: while
    it lives nobody without the token can book or hold the seat. With the token of a live hold (``hold_token``) the
    hold begins anew. Raises SlotNotFound, SlotUnavailable, HoldExpired, TooManyHolds.
    """
    check_reach(actor, slot_id)
    token = new_token or secrets.token_urlsafe(24)
    parameters: dict[str, Any] = {
        "slot_id": slot_id,
        "held_by": actor.holder,
        "hold_digest": digest(hold_token),
        "is_staff": actor.is_staff,
        "new_digest": digest(token),
        "length": timedelta(minutes=minutes or settings.HOLD_MINUTES),
    }
    with connection.cursor() as cursor:
        cursor.execute(HOLD, parameters)
        row = cursor.fetchone()
    if row is None:
        refuse(slot_id, hold_token, is_staff=actor.is_staff)
    held_until, day_limit = row
    if day_limit is not None:
        check_day_limit(slot_id)
    _check_holds(actor)
    signals.slot_held.send(sender=hold, actor=actor, slot=AvailableSlot.objects.get(pk=slot_id))
    return token, held_until


def _check_holds(actor: Actor) -> None:
    """After a hold: TooManyHolds when the actor has more than may be. One hold of an actor is counted at a time."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_HOLDS, [actor.holder])
        cursor.execute(COUNT_HOLDS, [actor.holder])
        limit = settings.HOLDS_PER_CLIENT if actor.reach.patient is None else settings.HOLDS_PER_PATIENT
        if cursor.fetchone()[0] > limit:
            raise TooManyHolds(limit)


@operation("slot.released")
def release(*, actor: Actor, slot_id: uuid.UUID, hold_token: str = "") -> None:
    """End a hold: by its token, or without one by the actor who made it. Releasing what is not held, or no longer, is
    harmless.

    Raises SlotNotFound, HoldNotOwned.
    """
    slot = _locked(actor, slot_id)
    if slot.status != AvailableSlot.Status.HELD or slot.held_until is None or slot.held_until <= timezone.now():
        return
    owns = slot.hold_digest == digest(hold_token) if hold_token else slot.held_by == actor.holder
    if not owns:
        raise HoldNotOwned
    slot.status = AvailableSlot.Status.AVAILABLE
    slot.held_until, slot.held_by, slot.hold_digest = None, "", ""
    slot.save(update_fields=["status", "held_until", "held_by", "hold_digest", "updated_at"])
    signals.slot_released.send(sender=release, actor=actor, slot=slot)


@operation("slot.withdrawn")
def withdraw(*, actor: Actor, slot_id: uuid.UUID, note: str = "") -> AvailableSlot:
    """Take a free seat off the market, until it is offered again by hand: generation leaves it alone.

    ``note`` says why, if it is given. Withdrawing twice is harmless. Raises SlotNotFound, SlotUnavailable.
    """
    slot = _locked(actor, slot_id)
    if slot.status == AvailableSlot.Status.WITHDRAWN and slot.by_hand:
        return slot
    if slot.status == AvailableSlot.Status.BOOKED:
        raise SlotUnavailable(_("This seat is booked. Move or cancel the appointment first, then withdraw the slot."))
    if slot.held_until is not None and slot.held_until > timezone.now():
        raise SlotUnavailable(_("Somebody is holding this seat for a booking. Try again in some minutes."))
    old = {"status": slot.status} | ({"note": slot.note} if note and slot.note else {})
    slot.status, slot.by_hand = AvailableSlot.Status.WITHDRAWN, True
    slot.note = note or slot.note
    slot.held_until, slot.held_by, slot.hold_digest = None, "", ""
    slot.save(update_fields=["status", "by_hand", "note", "held_until", "held_by", "hold_digest", "updated_at"])
    signals.slot_withdrawn.send(sender=withdraw, actor=actor, slot=slot, old=old)
    return slot


@operation("slot.reinstated")
def reinstate(*, actor: Actor, slot_id: uuid.UUID) -> AvailableSlot:
    """Offer a withdrawn seat again, without its note. Harmless when it is offered already.

    Raises SlotNotFound, SlotUnavailable for a seat in the past, InClosure, and Conflict (``slot_overlaps``) when the
    doctor has another slot at that time by now.
    """
    lock_doctors(AvailableSlot.objects.filter(pk=slot_id).values("doctor_id"))  # no closure is added meanwhile
    slot = _locked(actor, slot_id)
    if slot.status != AvailableSlot.Status.WITHDRAWN:
        return slot
    if slot.starts_at <= timezone.now():
        raise SlotUnavailable(_("This slot is in the past. Only a time to come can be offered."))
    check_open(slot.doctor_id, slot.department, slot.starts_at, slot.ends_at)
    old = {"status": slot.status} | ({"note": slot.note} if slot.note else {})
    slot.status, slot.by_hand, slot.note = AvailableSlot.Status.AVAILABLE, False, ""
    slot.save(update_fields=["status", "by_hand", "note", "updated_at"])
    if not wants(slot):  # its session is no more: it stands by itself, or the next plan would take it away again
        slot.schedule = None
        slot.save(update_fields=["schedule"])
    signals.slot_reinstated.send(sender=reinstate, actor=actor, slot=slot, old=old)
    return slot


def check_reach(actor: Actor, slot_id: uuid.UUID) -> None:
    """SlotNotFound for a slot out of the actor's reach. Asks nothing for those who reach all slots."""
    reach = actor.reach
    if (
        not (reach.client.everything and reach.person.everything)
        and not AvailableSlot.objects.filter(reach.q(), pk=slot_id).exists()
    ):
        raise SlotNotFound


def _locked(actor: Actor, slot_id: uuid.UUID) -> AvailableSlot:
    slot = AvailableSlot.objects.select_for_update(no_key=True).filter(actor.reach.q(), pk=slot_id).first()
    if slot is None:
        raise SlotNotFound
    return slot


def check_day_limit(slot_id: uuid.UUID) -> None:
    """After a seat has been taken: SlotUnavailable when that was one too many of its type on the doctor's day.

    Two at once may each have seen room for one more. The second waits here for the first to end, and then counts it.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_DAY, [slot_id])
    explain_refusal(slot_id, rules=("day_full",))


def explain_refusal(
    slot_id: uuid.UUID, hold_token: str = "", *, is_staff: bool = True, rules: Container[str] | None = None
) -> None:
    """Ask rule by rule what stands in the way of a seat, and raise that; return when nothing does.

    ``rules`` names the ones to ask; without it all are, and the seat itself: asked only after a refusal.
    """
    rows = planned(WHY_SQL, {"slot_id": slot_id, "hold_digest": digest(hold_token), "is_staff": is_staff})
    if not rows:
        raise SlotNotFound
    status, doctor, department, visit_type, latest, earliest, seat_is_free, *held = rows[0]
    names = {
        "doctor": doctor,
        "department": department,
        "visit_type": visit_type,
        "latest": duration_label(latest),
        "earliest": earliest,
    }
    broken = [(rule.code, str(rule.otherwise) % names) for rule, holds in zip(RULES, held, strict=True) if not holds]
    if rules is not None:
        broken = [(code, detail) for code, detail in broken if code in rules]
    elif not seat_is_free:
        code, detail = GONE.get(status, GONE["booked"])
        broken.append((code, str(detail)))
    if not broken:
        return
    errors = [{"field": "slot_id", "code": code, "detail": detail} for code, detail in broken]
    # A seat that is gone for good is told first, then what else speaks against it.
    errors.sort(key=lambda error: error["code"] != "withdrawn")
    if hold_token and {code for code, _ in broken} <= {"taken", "held"}:
        raise HoldExpired(
            _("Your hold on this seat has ended and somebody else has taken it. Choose another time."), errors=errors
        )
    raise SlotUnavailable(errors[0]["detail"], errors=errors)


def refuse(slot_id: uuid.UUID, hold_token: str, *, is_staff: bool) -> NoReturn:
    """A seat could not be claimed: raise why. Somebody may have freed it since; then it was taken at that moment."""
    explain_refusal(slot_id, hold_token, is_staff=is_staff)
    raise SlotUnavailable(_("This seat was taken a moment ago. Try again, or choose another time."))
