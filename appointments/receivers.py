"""What becomes of booked patients when the plan changes: they keep their appointments, marked as needing a new time.
And each move to another time leaves a row, for the numbers."""

import uuid
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from appointments import signals
from appointments.models import Appointment, AppointmentMove, Status
from booking_site.core.actor import Actor
from scheduling import signals as scheduling


@receiver(scheduling.slots_retired)
def mark(actor: Actor, slot_ids: list[uuid.UUID], because: str, **kwargs: Any) -> None:
    """Who has been checked in is there already, and is seen."""
    affected = _booked(slot_ids)
    now = timezone.now()
    affected.update(needs_new_time_since=now, needs_new_time_because=because[:300], updated_at=now)
    _announce(signals.appointments_need_new_time, affected, actor, because=because)


@receiver(scheduling.slots_restored)
def unmark(actor: Actor, slot_ids: list[uuid.UUID], **kwargs: Any) -> None:
    affected = _booked(slot_ids).filter(needs_new_time_since__isnull=False)
    keys = list(affected.values_list("pk", flat=True))
    affected = Appointment.objects.filter(pk__in=keys)
    affected.update(needs_new_time_since=None, needs_new_time_because="", updated_at=timezone.now())
    _announce(signals.appointments_keep_time, affected, actor)


@receiver(signals.appointment_rescheduled)
def count_move(appointment: Appointment, **kwargs: Any) -> None:
    AppointmentMove.objects.create(appointment=appointment, moved_at=timezone.now())


def _booked(slot_ids: list[uuid.UUID]) -> Any:
    return Appointment.objects.filter(slot_id__in=slot_ids, status=Status.BOOKED)


def _announce(signal: Any, affected: Any, actor: Actor, **kwargs: Any) -> None:
    appointments = list(affected.order_by("starts_at", "id"))
    if appointments:
        signal.send(sender=Appointment, actor=actor, appointments=appointments, **kwargs)
