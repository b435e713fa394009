"""Items of the board as rows with buttons: for the queue beside the board, and for the list."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from appointments.models import Appointment
from appointments.steps import Desk
from appointments.today.board import Board
from appointments.today.choosing import FILTERS, Choice
from appointments.today.rows import VisitRow
from doctors.models import Department

# What is said of the minutes that have passed since the arrival, the start, or the time of the appointment.
PASSED = {"arrived": _("waiting %s min"), "with_doctor": _("since %s min"), "booked": _("%s min late")}
LONG = _("long wait")

SINCE = '<span class="passed" data-since="{since}" data-say="with_doctor"><span class="minutes">{words}</span></span>'
LATE = (
    '<span class="passed is-late" data-since="{since}" data-say="booked"{hidden}>'
    '<span class="minutes">{words}</span></span>'
)
WAITING = (
    '<span class="passed{is_long}" data-since="{since}" data-say="arrived" data-alert="{limit}">'
    '<span class="alert"><span aria-hidden="true">⚠</span> {long}</span> <span class="minutes">{words}</span></span>'
)


def queue_of(board: Board, user: Any) -> list[dict[str, Any]]:
    """Who waits, longest first, and who is with the doctor: two groups of rows."""
    found = [item for section in board.sections for item in section.items if "since" in item]
    rows = with_buttons(sorted(found, key=itemgetter("since", "key")), board, user)
    groups = (
        ("arrived", _("Waiting"), _("Nobody is waiting.")),
        ("with_doctor", _("With the doctor"), _("Nobody is with a doctor.")),
    )
    return [
        {"title": title, "nobody": nobody, "rows": [row for row in rows if row["kind"] == kind]}
        for kind, title, nobody in groups
    ]


def list_of(board: Board, choice: Choice, user: Any) -> list[dict[str, Any]]:
    """Groups of rows: one for all by time, or one for each doctor. ``title`` is the doctor's name or empty."""
    kinds = FILTERS[choice.show]
    rows = with_buttons((item for item in board.items if not kinds or item["kind"] in kinds), board, user)
    if choice.by == "time":
        return [{"title": "", "rows": rows}] if rows else []
    by_doctor = itemgetter("doctor_name", "doctor")
    return [{"title": key[0], "rows": list(group)} for key, group in groupby(sorted(rows, key=by_doctor), by_doctor)]


def with_buttons(items: Iterable[dict[str, Any]], board: Board, user: Any) -> list[dict[str, Any]]:
    """The items with their ``buttons``, ``passed`` and ``remarks`` in HTML, which templates would take longer for than
    for all the rest."""
    now = timezone.now()
    desk = Desk(user, now)
    said = {kind: str(text) for kind, text in PASSED.items()}
    long = str(LONG)
    made = []
    for item in items:
        row = dict(item)
        if (visit := board.visits.get(item["key"])) is not None:
            row |= {"is_visit": True, "buttons": desk.buttons(instance(visit), item["who"])}
        if item["kind"] in said:
            row["passed"] = _passed(item, said[item["kind"]], long, now)
        row["remarks"] = format_html_join(" ", '<span class="mark mark-{}">{}</span>', item["marks"])
        made.append(row)
    return made


def _passed(item: dict[str, Any], text: str, long: str, now: datetime) -> SafeString:
    """The minutes that have passed when the page is made. Its script counts on by ``data-since``."""
    since = item.get("since", item["at"])
    minutes = int((now.timestamp() * 1000 - since) // 60_000)
    words = text % minutes
    if item["kind"] == "booked":
        hidden = mark_safe(" hidden" if minutes < 1 else "")  # noqa: S308  # nosec B308 B703  # a constant
        return format_html(LATE, since=since, hidden=hidden, words=words)
    if item["kind"] == "with_doctor":
        return format_html(SINCE, since=since, words=words)
    limit = settings.WAITING_ALERT_MINUTES
    is_long = " is-long" if minutes >= limit else ""
    return format_html(WAITING, since=since, limit=limit, is_long=is_long, long=long, words=words)


def instance(visit: VisitRow) -> Appointment:
    """The appointment as far as its row tells, which is all that its buttons need."""
    return Appointment(
        id=visit.id,
        doctor_id=visit.doctor,
        department=_department(visit.department, visit.zone),
        slot_id=visit.slot,
        status=visit.status,
        date=visit.date,
        time=visit.time,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        checked_in_at=visit.checked_in_at,
        started_at=visit.started_at,
        completed_at=visit.completed_at,
        cancelled_at=visit.cancelled_at,
        no_show_at=visit.no_show_at,
        updated_at=visit.updated_at,
    )


@lru_cache(maxsize=256)
def _department(key: uuid.UUID, zone: str) -> Department:
    return Department(id=key, time_zone=zone)
