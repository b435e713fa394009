"""The day as people look at it: what stands where, in which state, for each doctor; who waits; and the numbers.

An item is a plain dict, which the browser gets as JSON and the templates as it is. Where it stands is given by the
wall clock of the site without offset, for the browser's own zone must not matter; how long it lasts by the minutes that
really pass, so that an hour that comes twice, or not at all, moves nothing.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from appointments.arrival import Kind, arrival
from appointments.models import Status
from appointments.today.choosing import Person
from appointments.today.rows import Day, SeatRow, VisitRow, closures_of, open_seats_of, visits_of
from booking_site.core.operations import version_of
from booking_site.core.wallclock import time_label
from scheduling.models import AvailableSlot, Closure
from scheduling.sessions import concerns, span_of

HOURS = (8, 17)  # shown at least
STEPS = (5, 10, 15, 20, 30)  # minutes of a line of the grid: as many as the shortest item lasts
Seat = AvailableSlot.Status
Place = tuple[str, str, str, uuid.UUID]  # zone, code and name of a doctor, department

# What an item is: a sign and a word beside its colour.
KINDS: dict[str, tuple[str, str | Promise]] = {
    "free": ("○", gettext_lazy("Free")),
    "held": ("◔", gettext_lazy("Held")),
    "booked": ("●", gettext_lazy("Booked")),
    "arrived": ("▲", gettext_lazy("Arrived")),
    "with_doctor": ("■", gettext_lazy("With the doctor")),
    "done": ("✓", pgettext_lazy("of a visit", "Done")),
    "no_show": ("✕", gettext_lazy("No-show")),
    "cancelled": ("⊘", gettext_lazy("Cancelled")),
    "shut": ("▬", gettext_lazy("Not open")),
    "past": ("·", gettext_lazy("Not booked")),
    "withdrawn": ("╱", gettext_lazy("Withdrawn")),
    "closed": ("▨", gettext_lazy("Closed")),
}
OF_STATUS: dict[str, str] = {
    Status.BOOKED: "booked",
    Status.CHECKED_IN: "arrived",
    Status.IN_PROGRESS: "with_doctor",
    Status.COMPLETED: "done",
    Status.NO_SHOW: "no_show",
    Status.CANCELLED: "cancelled",
}


@dataclass(kw_only=True, slots=True)
class Section:
    """The columns of one time zone. ``offset``: of the site's clock now, ``+01:00``."""

    zone: str
    offset: str
    columns: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    closed: list[dict[str, Any]] = field(default_factory=list)  # stretches of closed time


@dataclass(kw_only=True, slots=True)
class Board:
    day: date
    sections: list[Section]
    visits: dict[str, VisitRow]  # by the key of their item
    counts: dict[str, int]

    @property
    def items(self) -> list[dict[str, Any]]:
        """Of all sections, in order of time."""
        found = [item for section in self.sections for item in section.items]
        return sorted(found, key=lambda item: (item["at"], item["doctor_name"], item["key"]))


def board_of(day: Day, on: date, people: Iterable[Person], *, with_names: bool) -> Board:
    """``people``: the doctors who get a column even without anything on that day. ``with_names``: the patients' names
    are shown. Three queries."""
    now = timezone.now()
    seats, visits, closures = open_seats_of(day), visits_of(day), list(closures_of(day))
    gone = {visit.slot for visit in visits if visit.status == Status.NO_SHOW}
    words = {kind: str(word) for kind, (_sign, word) in KINDS.items()}  # translated once
    items = [_visit_item(visit, words, with_names=with_names) for visit in visits]
    items += _open_seats([seat for seat in seats if seat.is_free or seat.id not in gone], now)
    # Where each doctor is to be found on that day.
    rows: list[SeatRow | VisitRow] = [*seats, *visits]
    places = {(row.zone, row.doctor, row.doctor_name, row.department) for row in rows}
    places |= {(one.zone, one.id, one.name, one.department_id) for one in people if one.id}
    sections = _sections(places, items, now)
    for section in sections:
        _close(section, on, closures, places)
    return Board(
        day=on,
        sections=sections,
        visits={item["key"]: visit for item, visit in zip(items, visits, strict=False)},  # they come first
        counts=_counts(items),
    )


def _visit_item(visit: VisitRow, words: dict[str, str], *, with_names: bool) -> dict[str, Any]:
    kind, key = OF_STATUS[visit.status], str(visit.id)
    item = _placed(visit)
    item |= {
        "key": f"a{key}",
        "id": key,
        "kind": kind,
        "sign": KINDS[kind][0],
        "word": words[kind],
        "who": visit.name if with_names else "",
        "what": visit.visit_type or "",
        "version": version_of({"updated_at": visit.updated_at}),
        "slot": visit.slot or "",
        "marks": _marks(visit),
    }
    since = visit.checked_in_at if kind == "arrived" else visit.started_at if kind == "with_doctor" else None
    if since is not None:
        item["since"] = _milliseconds(since)
    return item


def _marks(visit: VisitRow) -> list[list[str]]:
    """Pairs of a kind and words."""
    marks = []
    if visit.is_urgent:
        marks.append(["urgent", _("urgent")])
    if visit.needs_new_time_since is not None:
        marks.append(["new-time", _("needs a new time")])
    if visit.checked_in_at is not None and visit.status in (Status.CHECKED_IN, Status.IN_PROGRESS):
        came = arrival(visit.starts_at, visit.checked_in_at)
        if came.kind == Kind.EARLY:
            marks.append(["early", _("came %d min early") % -came.minutes])
        elif came.kind == Kind.LATE:
            marks.append(["late", _("came %d min late") % came.minutes])
    return marks


def _open_seats(seats: Iterable[SeatRow], now: datetime) -> list[dict[str, Any]]:
    """Items of the seats that nobody is booked into. Those that are alike in everything are one item with a number."""
    alike: dict[tuple[Any, ...], list[SeatRow]] = defaultdict(list)
    for seat in seats:
        alike[(seat.doctor, seat.starts_at, seat.ends_at, seat.visit_type, _kind(seat, now), seat.note)].append(seat)
    items = []
    for (*_same, kind, note), group in alike.items():
        first = group[0]
        sign, word = KINDS[kind]
        text = str(word)
        if kind == "held" and first.held_until is not None:
            until = first.held_until.astimezone(ZoneInfo(first.zone)).time()
            text = _("Held until %s") % time_label(until, first.zone, first.held_until)
        if len(group) > 1:
            text = ngettext("%(word)s: %(number)d seat", "%(word)s: %(number)d seats", len(group)) % {
                "word": text,
                "number": len(group),
            }
        items.append(
            _placed(first)
            | {
                "key": f"s{first.id}",
                "id": str(first.id),
                "kind": kind,
                "sign": sign,
                "word": text,
                "who": "",
                "what": first.visit_type,
                "marks": [["note", note]] if note else [],
                "number": len(group),
            }
        )
    return items


def _kind(seat: SeatRow, now: datetime) -> str:
    if seat.status == Seat.WITHDRAWN:
        return "withdrawn"
    if seat.status == Seat.HELD and seat.held_until is not None and seat.held_until > now:
        return "held"
    if seat.is_free:
        return "free"
    return "past" if seat.starts_at <= now else "shut"


def _placed(row: SeatRow | VisitRow) -> dict[str, Any]:
    """Where it stands, and what is said of the time. Imported history may know the day only."""
    length = row.ends_at - row.starts_at
    local = datetime.combine(row.date, row.time) if row.time else row.starts_at.astimezone(ZoneInfo(row.zone))
    return {
        "doctor": row.doctor,
        "doctor_name": row.doctor_name,
        "zone": row.zone,
        "room": row.room or "",
        "start": local.isoformat()[:19],
        "end": (local + length).isoformat()[:19],
        "clock": time_label(row.time, row.zone, row.starts_at) if row.time else "",
        "minutes": int(length.total_seconds() // 60),
        "at": _milliseconds(row.starts_at),
    }


def _sections(places: Iterable[Place], items: Iterable[dict[str, Any]], now: datetime) -> list[Section]:
    """A section for each zone in which the doctors have their place or see somebody on that day."""
    sections: dict[str, Section] = {}
    columns = {(zone, name, code) for zone, code, name, _department in places}
    for zone, name, code in sorted(columns):
        offset = now.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")[-6:]
        section = sections.setdefault(zone, Section(zone=zone, offset=offset))
        section.columns.append({"id": code, "title": name, "notes": []})
    for item in items:
        sections[item["zone"]].items.append(item)
    return list(sections.values())


def _close(section: Section, on: date, closures: Sequence[Closure], places: Iterable[Place]) -> None:
    """Draw closed time into the columns that it concerns, say why above them, and leave out the seats it withdrew."""
    departments = defaultdict(set)
    for each_zone, code, _name, department in places:
        if each_zone == section.zone:
            departments[code].add(department)
    zone = ZoneInfo(section.zone)
    for column in section.columns:
        for closure in closures:
            opens, closes = (moment.astimezone(zone).replace(tzinfo=None) for moment in span_of(closure, section.zone))
            begin = max(opens, datetime.combine(on, datetime.min.time()))
            end = min(closes, datetime.combine(on + timedelta(days=1), datetime.min.time()))
            code = column["id"]
            if begin >= end or not any(concerns(closure, code, each) for each in departments[code]):
                continue
            is_whole = begin.date() == on and end - begin >= timedelta(days=1)
            hours = "" if is_whole else f" {begin:%H:%M}–{end:%H:%M}"
            column["notes"].append(f"{KINDS['closed'][1]}{hours}: {closure.reason}")
            section.closed.append(
                {"doctor": column["id"], "start": begin.isoformat(), "end": end.isoformat(), "whole": is_whole}
            )
    spans = [(each["doctor"], each["start"], each["end"]) for each in section.closed]
    section.items = [
        item
        for item in section.items
        if item["kind"] != "withdrawn"
        or not any(item["doctor"] == code and begin <= item["start"] < end for code, begin, end in spans)
    ]


def _counts(items: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Of people and seats, in the order of the day. ``here``: all who have come so far."""
    number: dict[str, int] = defaultdict(int)
    for item in items:
        number[item["kind"]] += item.get("number", 1)
    here = number["arrived"] + number["with_doctor"] + number["done"]
    return {
        "booked": number["booked"] + here + number["no_show"],
        "expected": number["booked"],
        "here": here,
        "waiting": number["arrived"],
        "with_doctor": number["with_doctor"],
        "done": number["done"],
        "no_show": number["no_show"],
        "free": number["free"],
    }


def frame_of(section: Section, on: date) -> dict[str, Any]:
    """How the grid is drawn: from which hour to which (``07:00``; an evening may end after ``24:00``), in which steps.

    Hours are those of the items; a closure of the whole day adds none."""
    midnight = datetime.combine(on, datetime.min.time())
    drawn = [*section.items, *(each for each in section.closed if not each["whole"])]
    spans = [(datetime.fromisoformat(item["start"]), datetime.fromisoformat(item["end"])) for item in drawn]
    first = min([HOURS[0], *(int((begin - midnight).total_seconds() // 3600) for begin, _end in spans)])
    last = max([HOURS[1], *(-int(-(end - midnight).total_seconds() // 3600) for _begin, end in spans)])
    shortest = min([STEPS[-1], *(item["minutes"] for item in section.items)])
    step = max([STEPS[0], *(minutes for minutes in STEPS if minutes <= shortest)])
    return {"first": f"{max(first, 0):02}:00", "last": f"{min(last, 48):02}:00", "step": step}


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
