"""From a site's wall clock to instants. What the clock leaves open is decided here, once.

When clocks go back, an hour occurs twice: its first occurrence is meant. When they go forward, an hour (at some
places midnight itself) does not occur at all: no instant belongs to it.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


class NoSuchTime(ValueError):
    """A wall-clock time, or a day, that the zone skipped."""


def instant(local: datetime, zone: str) -> datetime:
    """The instant (UTC) at which clocks in ``zone`` showed ``local`` (naive). Raises NoSuchTime."""
    moment = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) != local:
        raise NoSuchTime(f"clocks in {zone} never showed {local:%Y-%m-%d %H:%M:%S}")
    return moment


@lru_cache(maxsize=65536)
def comes_twice(moment: datetime, zone: str) -> bool:
    """Whether clocks in ``zone`` show the same date and time at another instant too, as they do when they go back."""
    local = moment.astimezone(ZoneInfo(zone))
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


@lru_cache(maxsize=4096)
def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """The first instant of the day and of the next (UTC): 23 to 25 hours apart where clocks change. Raises NoSuchTime.

    Where the clock skips midnight the day begins when the clock goes on: the offset from before the gap, which Python
    takes for ``fold=0``, gives just that instant.
    """
    try:
        first, after = (
            datetime.combine(each, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC) for each in (day, day + timedelta(1))
        )
    except OverflowError as error:
        raise NoSuchTime(f"{day} lies outside the calendar") from error
    if after <= first:
        raise NoSuchTime(f"calendars in {zone} skipped {day}")
    return first, after


@lru_cache(maxsize=65536)
def reached(local: datetime, zone: str) -> datetime:
    """The first instant (UTC) at which clocks in ``zone`` showed ``local`` (naive) or later.

    That is ``instant(local, zone)``; for a time that the zone skipped, the moment when the clock went on.
    """
    try:
        return instant(local, zone)
    except NoSuchTime:
        tz = ZoneInfo(zone)
        # With fold=0 the offset of before the gap is taken, with fold=1 that of after it: the change lies between.
        after, before = (local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
        offset = after.astimezone(tz).utcoffset()
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) / 2
            if middle.astimezone(tz).utcoffset() == offset:
                after = middle
            else:
                before = middle
        return after.replace(microsecond=0)
