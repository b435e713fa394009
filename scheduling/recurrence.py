"""On which days does a schedule hold its session? Recurrence rules of RFC 5545, read by python-dateutil.

A rule decides the *dates* only; the time of day is the schedule's own. So a rule that repeats within a day (HOURLY,
BYHOUR and the like) says nothing that a schedule could mean, and is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from dateutil import rrule
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking_site.core.wallclock import short_day_label

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WEEKDAY_NAMES = dict(
    zip(
        WEEKDAYS,
        (
            *(gettext_lazy("Monday"), gettext_lazy("Tuesday"), gettext_lazy("Wednesday"), gettext_lazy("Thursday")),
            *(gettext_lazy("Friday"), gettext_lazy("Saturday"), gettext_lazy("Sunday")),
        ),
        strict=True,
    )
)
POSITIONS = {
    1: gettext_lazy("first"),
    2: gettext_lazy("second"),
    3: gettext_lazy("third"),
    4: gettext_lazy("fourth"),
    -1: gettext_lazy("last"),
}
LONGEST = 500  # characters

_NUMBERS = r"[+-]?\d{1,3}(,[+-]?\d{1,3})*"
_DAY = r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)"
PARTS = {  # RFC 5545, section 3.3.10, without what repeats within a day
    "FREQ": r"DAILY|WEEKLY|MONTHLY|YEARLY",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "COUNT": r"[1-9]\d{0,4}",
    "INTERVAL": r"[1-9]\d{0,2}",
    "BYDAY": rf"{_DAY}(,{_DAY})*",
    "BYMONTHDAY": _NUMBERS,
    "BYYEARDAY": _NUMBERS,
    "BYWEEKNO": _NUMBERS,
    "BYMONTH": r"\d{1,2}(,\d{1,2})*",
    "BYSETPOS": _NUMBERS,
    "WKST": "|".join(WEEKDAYS),
}
HIGHEST = {"BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYMONTH": 12}
HIGHEST_POSITION = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
WITHIN_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")

# The Gregorian calendar repeats after 400 years, to the weekday. A rule that never fires would be tried for every day
# up to the year 9999: moved close to that end, it is found out within a second.
CYCLE, LATEST_YEAR = 400, 9800


def parse(rule: str) -> dict[str, str]:
    """The parts of a rule such as ``FREQ=WEEKLY;BYDAY=MO``. Raises ValidationError, saying which part is wrong."""
    parts: dict[str, str] = {}
    for part in rule.strip().upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, _equals, value = part.partition("=")
        if name in WITHIN_A_DAY or (name == "FREQ" and value in ("HOURLY", "MINUTELY", "SECONDLY")):
            raise ValidationError(
                _("%(part)s fires many times a day, without end. Choose days; the time is that of the session."),
                code="recurrence_within_a_day",
                params={"part": part},
            )
        if name not in PARTS or name in parts or not re.fullmatch(PARTS[name], value, re.ASCII):
            raise ValidationError(
                _("“%(part)s” is no part of a recurrence rule (RFC 5545), or is there twice."),
                code="invalid_recurrence",
                params={"part": part[:60]},
            )
        parts[name] = value
    for name, value in parts.items():
        if any(not 1 <= abs(number) <= limit for number, limit in _numbers(name, value, parts)):
            raise ValidationError(
                _("%(part)s: a number is out of range."),
                code="invalid_recurrence",
                params={"part": f"{name}={value}"[:60]},
            )
    if "FREQ" not in parts:
        raise ValidationError(_("A recurrence rule needs FREQ, such as FREQ=WEEKLY."), code="invalid_recurrence")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValidationError(_("A recurrence rule ends by COUNT or by UNTIL, not both."), code="invalid_recurrence")
    if "UNTIL" in parts:
        try:
            _until(parts["UNTIL"], "UTC")
        except ValueError as error:
            raise ValidationError(
                _("UNTIL=%(value)s is no date."), code="invalid_recurrence", params={"value": parts["UNTIL"]}
            ) from error
    return parts


def _numbers(name: str, value: str, parts: dict[str, str]) -> list[tuple[int, int]]:
    """The numbers of a part, each with the highest that may be there."""
    if name in HIGHEST:
        return [(int(number), HIGHEST[name]) for number in value.split(",")]
    if name == "BYSETPOS":
        return [(int(number), HIGHEST_POSITION.get(parts.get("FREQ", ""), 0)) for number in value.split(",")]
    if name == "BYDAY":  # "2MO" is the second Monday of the month, or of the year
        monthly = parts.get("FREQ") == "MONTHLY" or "BYMONTH" in parts
        limit = (5 if monthly else 53) if parts.get("FREQ") in ("MONTHLY", "YEARLY") else 0
        return [(int(day[:-2]), limit) for day in value.split(",") if day[:-2]]
    return []


def validate_recurrence(rule: str) -> None:
    """ValidationError unless the rule can be expanded. Whether it ever fires depends on the dates: see ``dates``."""
    if len(rule) > LONGEST:
        raise ValidationError(
            _("A recurrence rule has at most %(longest)d characters."),
            code="invalid_recurrence",
            params={"longest": LONGEST},
        )
    _rule(parse(rule), datetime(2024, 1, 1))  # noqa: DTZ001


@lru_cache(maxsize=4096)
def dates(rule: str, start: date, first: date, last: date, at: time = time(), zone: str = "UTC") -> tuple[date, ...]:
    """The dates from ``first`` to ``last``, both included, on which a rule that begins on ``start`` fires.

    ``at`` is the time of day on which it fires, in ``zone``: both matter only for an UNTIL that has a time, or one in
    UTC. ``start`` itself is a date of the rule only if it fits the rule. Raises ValidationError.
    """
    found: dict[date, None] = {}
    for moment in _moments(rule, datetime.combine(start, at), zone):
        if moment.date() > last:
            break
        if moment.date() >= first:
            found[moment.date()] = None
    return tuple(found)


def upcoming(
    rule: str, start: date, after: date, count: int, end: date | None = None, at: time = time(), zone: str = "UTC"
) -> list[date]:
    """The next ``count`` dates of the rule from ``after`` on, none behind ``end``. The rest as in ``dates``."""
    days = (moment.date() for moment in _moments(rule, datetime.combine(start, at), zone))
    ahead = (day for day in days if day >= after)
    return list(islice(takewhile(lambda day: end is None or day <= end, ahead), count))


def _moments(rule: str, start: datetime, zone: str) -> Iterator[datetime]:
    shift = (LATEST_YEAR - start.year) // CYCLE * CYCLE
    parts = parse(rule)
    if "UNTIL" in parts:
        until = _until(parts.pop("UNTIL"), zone)
        if until < start:
            return
        if until.year + shift <= MAXYEAR:  # else the calendar ends before it does
            parts["UNTIL"] = f"{until.year + shift:04d}{until:%m%dT%H%M%S}"
    if "BYWEEKNO" in parts and not {"BYDAY", "BYMONTHDAY", "BYYEARDAY"} & set(parts):
        parts["BYDAY"] = WEEKDAYS[start.weekday()]  # what the rule leaves open the start says; dateutil takes all days
    for moment in _rule(parts, _years_later(start, shift)):
        if moment.year - shift > MAXYEAR:
            return
        yield _years_later(moment, -shift)


def _rule(parts: dict[str, str], start: datetime) -> rrule.rrule:
    try:
        found = rrule.rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=start)
    except ValueError as error:
        raise ValidationError(
            _("This recurrence rule cannot be read: %(why)s."), code="invalid_recurrence", params={"why": error}
        ) from error
    assert isinstance(found, rrule.rrule)  # noqa: S101 - one rule, not a set
    return found


def _until(value: str, zone: str) -> datetime:
    """The last moment of a rule, on the clock of ``zone``: of a mere date the end of that day. Raises ValueError."""
    text = value if "T" in value else f"{value}T235959"
    moment = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - the local clock, if without Z
    if not value.endswith("Z") or moment.year in (1, MAXYEAR):  # whose zones may lie outside the calendar
        return moment
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _years_later(moment: datetime, years: int) -> datetime:
    return moment.replace(year=moment.year + years)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """The recurrences that staff choose in a form, and the rule that each is.

    ``weekly``: every ``every`` weeks on ``weekdays``; ``monthly``: on the ``position``-th (or last, -1) of these
    weekdays of the month; ``once``: on the day it begins; ``rule``: whatever ``rule`` says.
    """

    kind: str
    every: int = 1
    weekdays: tuple[str, ...] = ()
    position: int = 1
    rule: str = ""

    @property
    def recurrence(self) -> str:
        if self.kind == "once":
            return "FREQ=DAILY;COUNT=1"
        if self.kind == "monthly":
            return f"FREQ=MONTHLY;BYDAY={','.join(f'{self.position}{day}' for day in self.weekdays)}"
        if self.kind == "weekly":
            every = f"INTERVAL={self.every};" if self.every > 1 else ""
            return f"FREQ=WEEKLY;{every}BYDAY={','.join(self.weekdays)}"
        return ";".join(f"{name}={value}" for name, value in parse(self.rule).items())


def pattern_of(recurrence: str) -> Pattern:
    """The pattern that a form shows for a rule: one of the simple ones if it is that, else the rule itself."""
    try:
        parts = parse(recurrence)
    except ValidationError:
        return Pattern(kind="rule", rule=recurrence)
    if parts == {"FREQ": "DAILY", "COUNT": "1"}:
        return Pattern(kind="once")
    if parts == {"FREQ": "DAILY"}:
        return Pattern(kind="weekly", weekdays=WEEKDAYS)
    days = parts.get("BYDAY", "").split(",")
    if set(parts) <= {"FREQ", "INTERVAL", "BYDAY"} and parts["FREQ"] == "WEEKLY" and set(days) <= set(WEEKDAYS):
        return Pattern(kind="weekly", every=int(parts.get("INTERVAL", 1)), weekdays=_in_order(days))
    if set(parts) == {"FREQ", "BYDAY"} and parts["FREQ"] == "MONTHLY":
        positions = {day[:-2] for day in days}
        if len(positions) == 1 and (position := positions.pop().lstrip("+")) in {str(each) for each in POSITIONS}:
            return Pattern(kind="monthly", position=int(position), weekdays=_in_order([day[-2:] for day in days]))
    return Pattern(kind="rule", rule=recurrence)


def _in_order(days: list[str]) -> tuple[str, ...]:
    return tuple(day for day in WEEKDAYS if day in days)


def in_words(recurrence: str, start: date) -> str:
    """``every other Tuesday``, ``every Monday to Friday``; the rule itself where no plain words are known."""
    pattern = pattern_of(recurrence)
    days = _days(pattern.weekdays)
    if pattern.kind == "once":
        return _("on %(day)s only") % {"day": short_day_label(start)}
    if pattern.kind == "monthly":
        return _("%(position)s %(days)s of the month") % {"position": POSITIONS[pattern.position], "days": days}
    if pattern.kind == "weekly" and pattern.weekdays == WEEKDAYS and pattern.every == 1:
        return _("every day")
    if pattern.kind == "weekly":
        every = {1: _("every %(days)s"), 2: _("every other %(days)s")}.get(pattern.every)
        return (every or _("every %(every)d weeks on %(days)s")) % {"every": pattern.every, "days": days}
    return recurrence


def _days(weekdays: tuple[str, ...]) -> str:
    words = [str(WEEKDAY_NAMES[day]) for day in weekdays]
    if weekdays == WEEKDAYS[:5]:
        return _("%(first)s to %(last)s") % {"first": words[0], "last": words[-1]}
    if len(words) < 2:
        return "".join(words)
    return _("%(words)s and %(last)s") % {"words": ", ".join(words[:-1]), "last": words[-1]}
