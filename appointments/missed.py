"""Appointments that nobody came to: found by the clock, marked by the operation that the desk uses too.

The time is counted from the start, which is when the patient is due and the doctor waits; but not before the end: as
long as the visit could still take place its seat is nobody else's.
"""

from datetime import timedelta

from django.utils import timezone

from appointments.models import Appointment, Status
from appointments.operations import mark_no_show
from booking_site.core.actor import Actor
from booking_site.core.errors import Conflict, PreconditionFailed
from booking_site.core.operations import version_of
from booking_site.core.sql import checked

MOST_DAYS = 3650


def missed(*, after: int, days: int) -> list[Appointment]:
    """What is booked, began more than ``after`` minutes and at most ``days`` days ago, and is over: soonest first.

    A walk along the index of starts: the other conditions are asked of the rows of these days only.
    """
    now = timezone.now()
    due = Appointment.objects.filter(
        starts_at__gte=now - timedelta(days=days), starts_at__lte=now - timedelta(minutes=after)
    )
    due = due.filter(checked(status=Status.BOOKED), checked(ends_at__lte=now), checked(slot__isnull=False))
    return list(due.only("pk", "updated_at").order_by("starts_at", "id"))


def mark(*, actor: Actor, appointment: Appointment) -> bool:
    """Mark one; False when it is no longer as it was found: somebody came, moved it, or marked it, a moment ago.

    Raises what ``mark_no_show`` raises besides.
    """
    try:
        mark_no_show(actor=actor, appointment_id=appointment.pk, expected_versions=frozenset([version_of(appointment)]))
    except (PreconditionFailed, Conflict) as error:
        if isinstance(error, PreconditionFailed) or _is_settled(appointment):
            return False
        raise
    return True


def _is_settled(appointment: Appointment) -> bool:
    return not Appointment.objects.filter(pk=appointment.pk, status=Status.BOOKED).exists()
