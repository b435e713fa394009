"""How early or late a patient is: one rule for the board, the lists and the messages."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.models import Appointment

ON_TIME = timedelta(minutes=5)  # who comes less than that before or after the time is neither early nor late
MINUTE = timedelta(minutes=1)
HOURS_FROM = 120  # minutes: what is further off is told in hours, and what is further than two days in days


class Kind(StrEnum):
    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"


class Arrival(NamedTuple):
    """``minutes``: whole minutes after the start, negative before it. ``label``: such as "25 minutes early"."""

    kind: Kind
    minutes: int
    label: str


def arrival_of(appointment: Appointment, at: datetime | None = None) -> Arrival | None:
    """When the patient arrived: at the check-in; before it, as if they were checked in now (or at ``at``).

    None where nobody has arrived any more (cancelled, no-show), or the time of day is not known.
    """
    arrived = appointment.checked_in_at
    if arrived is None:
        if appointment.status != "booked":
            return None
        arrived = at or timezone.now()
    return None if appointment.time is None else arrival(appointment.starts_at, arrived)


def arrival(starts_at: datetime, arrived_at: datetime) -> Arrival:
    """The same of two instants."""
    off = arrived_at - starts_at
    minutes = -(-off // MINUTE) if off < timedelta() else off // MINUTE  # towards zero
    if abs(off) < ON_TIME:
        return Arrival(Kind.ON_TIME, minutes, _("on time"))
    if minutes < 0:
        return Arrival(Kind.EARLY, minutes, _("%(time)s early") % {"time": _length(-minutes)})
    return Arrival(Kind.LATE, minutes, _("%(time)s late") % {"time": _length(minutes)})


def _length(minutes: int) -> str:
    if minutes < HOURS_FROM:
        return ngettext("%d minute", "%d minutes", minutes) % minutes
    hours = minutes // 60
    if hours < 48:
        return ngettext("%d hour", "%d hours", hours) % hours
    return ngettext("%d day", "%d days", hours // 24) % (hours // 24)
