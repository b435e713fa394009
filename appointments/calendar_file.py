"""The appointment as a calendar file (iCalendar, RFC 5545), for the patient's telephone.

Times are in UTC: every calendar imports that, and shows it by the clock of the place where it is. The wall clock of
the site stands in the description. There is no METHOD: the file is an event to keep, no invitation to answer. A file
of the same appointment has the same UID and, after a change, a higher SEQUENCE, so that it replaces the earlier one.
It tells of no kind of visit and no specialization: calendars are shared, and shown on locked screens.
"""

from datetime import UTC, timedelta

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from appointments.slips import Slip

PRODUCT = "-//Hospital reception//Appointments//EN"
REMIND_BEFORE = timedelta(days=1)


def calendar_file(slip: Slip) -> bytes:
    """The .ics file: one event, its lines folded and ended as the standard says."""
    event = Event()
    event.add("uid", str(slip.appointment_id))
    event.add("dtstamp", slip.changed_at.astimezone(UTC))
    event.add("last-modified", slip.changed_at.astimezone(UTC))
    event.add("sequence", slip.sequence)
    event.add("status", "CANCELLED" if slip.is_cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    if slip.clock:
        event.add("dtstart", slip.starts_at.astimezone(UTC))
        event.add("dtend", slip.ends_at.astimezone(UTC))
    else:
        event.add("dtstart", slip.date)
    event.add("summary", _("Appointment: %(doctor)s") % {"doctor": slip.doctor})
    event.add("location", slip.place)
    event.add("description", "\n\n".join(text for text in (slip.notice, slip.when, *_to_know(slip)) if text))
    if not slip.notice:
        event.add_component(_reminder())
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add_component(event)
    return calendar.to_ical()


def _to_know(slip: Slip) -> list[str]:
    number = _("Appointment number: %(number)s") % {"number": slip.number}
    return [slip.instructions, slip.to_change, number]


def _reminder() -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", -REMIND_BEFORE)
    alarm.add("description", _("Appointment tomorrow"))
    return alarm
