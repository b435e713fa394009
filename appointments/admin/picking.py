"""Choosing a time on a page: what is chosen so far, what can be chosen next, and the seat that is held meanwhile.

Shared by the pages that book and move. Each step of the form is the same form, sent to the same address: a script asks
for the parts of the page that follow from it (``X-Part``), without a script the whole page comes again.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from appointments.exceptions import DoctorMismatch
from booking_site.core.actor import actor_of
from booking_site.core.errors import DomainError
from booking_site.core.ids import uuid7
from booking_site.core.scope import Scope, scope_of
from booking_site.core.scoped import announce_outside
from booking_site.core.wallclock import clock_html, day_label, duration_label, time_label, zone_html
from scheduling import operations, picker
from scheduling.exceptions import HoldExpired, SlotNotFound, SlotUnavailable, TooManyHolds
from scheduling.models import VisitType
from scheduling.picker import Asked, Day, Row
from scheduling.week import monday_of

LOOKS = ("look", "day", "goto")  # the buttons that only ask what follows from what is chosen
PARTS = {"morning": _("Morning"), "afternoon": _("Afternoon"), "evening": _("Evening")}
OF_SEAT = (SlotNotFound, SlotUnavailable, HoldExpired, TooManyHolds, DoctorMismatch)
YEARS = (1990, 2190)  # what the calendar leafs through


@dataclass
class Picking:
    """``day``: the one whose times are shown; None for the first free ones. ``first``: where the calendar begins,
    if somebody has leafed through it. ``held``: the slot that this form holds, as it says. ``troubles``: what is wrong,
    by field."""

    request: HttpRequest
    key: uuid.UUID
    asked: Asked
    day: date | None = None
    first: date | None = None
    slot: Row | None = None
    held: str = ""
    held_until: datetime | None = None
    whose_text: str = ""
    found: list[picker.Whose] = field(default_factory=list)
    troubles: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """Opens what this form holds, and what no other does: several forms of one person hold for themselves."""
        whose = f"{self.request.user.pk} {self.key}"
        return salted_hmac("booking_site.held_by_form", whose, algorithm="sha256").hexdigest()

    @property
    def is_holding(self) -> bool:
        return self.slot is not None and self.held == str(self.slot["id"])

    @property
    def held_seconds(self) -> int:
        """From now to the end of the hold."""
        return int((self.held_until - timezone.now()).total_seconds()) if self.held_until else 0

    def refuse(self, name: str, message: Any) -> None:
        said = self.troubles.setdefault(name, [])
        if message not in said:
            said.append(message)


def is_look(request: HttpRequest) -> bool:
    return any(name in request.POST for name in LOOKS)


def read(request: HttpRequest, asked: Asked | None = None) -> Picking:
    """What the form has sent, or what a link has chosen; what makes no sense counts as not chosen.

    ``asked``: whose times are shown when the request does not say.
    """
    data = request.POST if request.method == "POST" else request.GET
    scope = scope_of(request.user)
    picking = Picking(request, _uuid(data.get("key", "")) or uuid7(), asked or Asked(None))
    if (slot_id := _uuid(data.get("slot", ""))) is not None:
        picking.slot = picker.slot_row(slot_id)
    _check_scope(picking, scope)
    text, chosen = data.get("whose"), data.get("found_of") or _of(data)
    picking.day, picking.first = _day(data, "day", "date"), _day(data, "goto", "from")
    if "goto" in data:
        picking.day = None
    if chosen:
        known = picker.whose(chosen, scope)
        if known is None:
            picking.refuse("of", _("Choose one from the list."))
        elif not data.get("found_of") and text is not None and text.strip() != known.label:
            known = None  # something else has been typed since
        picking.asked = Asked(known)
    elif text is not None:
        picking.asked = Asked(None)
    elif picking.slot is not None:  # a link to a free seat: its doctor's are offered
        picking.asked = Asked(picker.whose(f"doctor:{picking.slot['doctor_id']}", scope))
        picking.day = picking.day or picking.slot["date"]
    whose = picking.asked.whose
    picking.whose_text = whose.label if whose else (text or "").strip()
    if text and text.strip() and whose is None and request.method == "POST":
        picking.found = picker.find_whose(text, scope)
    if "visit_type" in data or chosen:
        code = data.get("visit_type", "")
        picking.asked = Asked(whose, code if VisitType.objects.filter(pk=_text(code), is_active=True).exists() else "")
    if data.get("part") in PARTS:
        picking.asked = Asked(whose, picking.asked.visit_type, data["part"])
    picking.held = data.get("held", "")
    return picking


def _check_scope(picking: Picking, scope: Scope) -> None:
    """A slot that the person must not see is not there for them."""
    slot = picking.slot
    if slot and not scope.allows(department_id=slot["department_id"], doctor_id=slot["doctor_id"]):
        announce_outside(picking.request)
        picking.refuse("slot", _("Choose one of the times."))
        picking.slot = None


def _of(data: Any) -> str:
    """Links name a doctor or a department as such."""
    given = (f"{kind}:{data[kind]}" for kind in ("doctor", "department", "specialization") if data.get(kind))
    return data.get("of") or next(given, "")


def _day(data: Any, *names: str) -> date | None:
    text = next((data[name] for name in names if name in data), "")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if YEARS[0] <= day.year <= YEARS[1] else None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _text(text: str) -> str:
    return text.replace("\x00", "")


# --- holding -----------------------------------------------------------------------------------------------------


def follow(picking: Picking) -> None:
    """Hold the chosen seat, or hold it on, and give up the one held before. What stands in the way is said beside the
    times, and the seat is no longer chosen."""
    if picking.slot is not None and not _suits(picking.slot, picking.asked):
        picking.slot = None  # whom it is for has been changed since
    if picking.held and not picking.is_holding:
        give_up(picking)
    if picking.slot is None:
        return
    try:
        picking.held_until = operations.hold(
            actor=actor_of(picking.request),
            slot_id=picking.slot["id"],
            hold_token=picking.token,
            new_token=picking.token,
        )[1]
        picking.held = str(picking.slot["id"])
    except DomainError as error:
        refused(picking, error)


def give_up(picking: Picking) -> None:
    """Release what the form says it holds, if it does."""
    held, picking.held = _uuid(picking.held), ""
    if held is not None:
        try:
            operations.release(actor=actor_of(picking.request), slot_id=held, hold_token=picking.token)
        except DomainError:
            return  # it is somebody else's by now


def refused(picking: Picking, error: DomainError) -> None:
    """Said beside the times: of a hold that has ended only to those who had one. If it is the seat that is not to be
    had, it is given up and no longer chosen; whatever else it is, it stays chosen and held."""
    never_held = isinstance(error, HoldExpired) and not picking.is_holding and error.errors
    picking.refuse("slot", error.errors[0]["detail"] if never_held else error.detail)
    if isinstance(error, OF_SEAT):
        give_up(picking)
        picking.slot = None


def _suits(slot: Row, asked: Asked) -> bool:
    whose = asked.whose
    if asked.visit_type and slot["visit_type"] != asked.visit_type:
        return False
    if whose is None:
        return True
    has = {
        "doctor": slot["doctor_id"],
        "department": str(slot["department_id"]),
        "specialization": slot["specialization"],
        "visit_type": slot["visit_type"],
    }
    return has[whose.kind].casefold() == whose.value.casefold()


# --- showing -----------------------------------------------------------------------------------------------------


def context(picking: Picking) -> dict[str, Any]:
    """What the templates show: the times on offer, the calendar, and the chosen time in words."""
    kinds = {kind.pk: kind for kind in VisitType.objects.filter(is_active=True)}
    shown: dict[str, Any] = {
        "picking": picking,
        "parts": PARTS,
        "visit_types": kinds.values(),
        "date_text": f"{picking.day}" if picking.day else "",
        "first_text": f"{picking.first}" if picking.first else "",
        "days": [],
    }
    if picking.asked.whose is not None or picking.asked.visit_type:
        shown |= _offers(picking)
    if picking.slot is not None:
        _choose(shown["days"], picking.slot)
        kind = kinds.get(picking.slot["visit_type"])
        shown |= {
            "when": clock_html(
                picking.slot["date"], picking.slot["time"], picking.slot["time_zone"], picking.slot["starts_at"]
            ),
            "length": duration_label(picking.slot["duration_minutes"]),
            "kind": kind or picking.slot["visit_type"],
            "instructions": kind.instructions if kind else "",
            "held_until": _clock(picking.held_until, picking.slot["time_zone"]),
            "held_seconds": picking.held_seconds,
        }
    zones = sorted({row["time_zone"] for day in shown["days"] for row in day.times})
    shown["zone"] = zone_html(zones[0]) if len(zones) == 1 else ""
    _label(shown["days"], kinds, picking, is_zone_told=len(zones) == 1)
    return shown


def _offers(picking: Picking) -> dict[str, Any]:
    today = picker.today()
    rows = picker.seats(picking.asked, scope_of(picking.request.user))
    first = monday_of(picking.first or picking.day or today)
    days = picker.calendar(rows, first)
    if not days and picking.first is None and picking.day is None and (soonest := picker.next_free_day(rows)):
        first = monday_of(soonest)
        days = picker.calendar(rows, first)
    free: dict[date, int] = {}
    for day in days:
        free[day["date"]] = free.get(day["date"], 0) + day["free"]
    offered = [picker.times_of(rows, picking.day)] if picking.day else picker.first_times(rows, days)
    if "slot" in picking.troubles and not any(day.times for day in offered):  # nothing else on the day of that seat
        offered = picker.first_times(rows, days)
    week = timedelta(days=7)
    return {
        "days": offered,
        "weeks": [
            [_cell(first + week * row + timedelta(days=day), free, picking.day, today) for day in range(7)]
            for row in range(picker.DAYS // 7)
        ],
        "span": f"{day_label(first)} – {day_label(first + timedelta(days=picker.DAYS - 1))}",
        "earlier": f"{first - timedelta(days=picker.DAYS)}" if first > today else "",
        "later": f"{first + timedelta(days=picker.DAYS)}",
        "most": picker.MOST_TIMES,
    }


def _cell(day: date, free: dict[date, int], shown: date | None, today: date) -> dict[str, Any]:
    return {
        "date": day,
        "iso": f"{day}",
        "free": free.get(day, 0),
        "label": day_label(day),
        "is_shown": day == shown,
        "is_today": day == today,
        "is_past": day < today,
    }


def _choose(days: list[Day], slot: Row) -> None:
    """Put the chosen slot among the times on offer: while it is held it is not free."""
    same = next((day for day in days if day.date == slot["date"]), None)
    if same is None:
        days.insert(0, Day(slot["date"], times=[slot]))
    else:
        same.times = picker.once([slot, *same.times])


def _label(days: Iterable[Day], kinds: dict[str, VisitType], picking: Picking, *, is_zone_told: bool) -> None:
    """Say of each time what tells it from the others; the first nine have the digits of the keyboard."""
    times = [row for day in days for row in day.times]
    mixed = len({row["visit_type"] for row in times}) > 1
    by_doctor = picking.asked.whose is not None and picking.asked.whose.kind == "doctor"
    for number, row in enumerate(times, 1):
        about = [] if by_doctor else [row["doctor_name"]]
        if mixed:
            about.append(str(kinds.get(row["visit_type"], row["visit_type"])))
        row |= {
            "number": number if number <= 9 else "",
            "clock": time_label(row["time"], row["time_zone"], row["starts_at"]),
            "zone": "" if is_zone_told else zone_html(row["time_zone"]),
            "about": ", ".join(about),
            "is_chosen": picking.slot is not None and row["id"] == picking.slot["id"],
        }


def _clock(moment: datetime | None, zone: str) -> str:
    if moment is None:
        return ""
    clock = f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"
    return format_html('<time datetime="{}">{} {}</time>', moment.isoformat(), clock, zone_html(zone))
