"""How a moment is written for people: the wall clock of the site, with the name of its zone.

In pages, zones.js hides the name of a zone whose clock shows then what that of the browser shows.
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext_lazy

from booking_site.core.localtime import comes_twice, reached


def day_label(day: date) -> str:
    """``Mon 23 Nov 2026``, ``Mo 23. Nov 2026``: see ``booking_site.formats``."""
    return date_format(day, "DATE_FORMAT")


def short_day_label(day: date) -> str:
    """``2026-11-23``, ``23.11.2026``"""
    return date_format(day, "SHORT_DATE_FORMAT")


def time_label(clock: time, zone: str, moment: datetime | None = None) -> str:
    """``09:00``; ``02:00 (+02:00)`` where the clock shows that time twice, and ``moment`` says which one is meant."""
    if moment is None or not comes_twice(moment, zone):
        return f"{clock:%H:%M}"
    offset = moment.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")[-6:]
    return f"{clock:%H:%M} ({offset})"


def clock_label(day: date, clock: time | None, zone: str, moment: datetime | None = None) -> str:
    """``Mon 23 Nov 2026 09:00 Europe/Berlin``; the day alone where imported history knows no more."""
    return f"{day_label(day)} {time_label(clock, zone, moment)} {zone}" if clock else day_label(day)


def clock_html(day: date, clock: time | None, zone: str, moment: datetime | None = None) -> SafeString:
    """The same for lists: the time stands out, the zone stands back."""
    if clock is None:
        return format_html('<time class="clock" datetime="{}">{}</time>', day.isoformat(), day_label(day))
    begins = (moment or reached(datetime.combine(day, clock), zone)).astimezone(ZoneInfo(zone))
    return format_html(
        '<time class="clock" datetime="{}">{} <b>{}</b> {}</time>',
        begins.isoformat(timespec="minutes"),
        day_label(day),
        time_label(clock, zone, moment),
        zone_html(zone),
    )


def zone_html(zone: str) -> SafeString:
    return format_html('<span class="zone" data-zone="{0}">{0}</span>', zone)


def moment_label(moment: datetime | None, zone: str = "") -> str:
    """An instant by the clock of ``zone`` (the hospital's own when not given); a dash for none."""
    if moment is None:
        return "-"
    zone = zone or settings.TIME_ZONE
    return f"{_to_the_second(moment, zone)} {zone}"


def moment_html(moment: datetime | None, zone: str = "") -> SafeString:
    """The same for pages."""
    if moment is None:
        return SafeString("-")
    zone = zone or settings.TIME_ZONE
    words = _to_the_second(moment, zone)
    return format_html('<time datetime="{}">{} {}</time>', moment.isoformat(), words, zone_html(zone))


def _to_the_second(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{day_label(local.date())} {local:%H:%M:%S}"


def duration_label(minutes: int) -> str:
    """``2 days``, ``3 hours``, ``90 minutes``: in the largest unit that measures it."""
    for length, unit in ((1440, ngettext_lazy("%d day", "%d days")), (60, ngettext_lazy("%d hour", "%d hours"))):
        if minutes and minutes % length == 0:
            return str(unit % (minutes // length))
    return str(ngettext_lazy("%d minute", "%d minutes") % minutes)
