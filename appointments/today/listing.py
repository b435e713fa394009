"""Items of the board as rows with buttons: for the queue beside the board, and for the list."""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.models import Appointment
from appointments.steps import offered
from appointments.today.board import Board
from appointments.today.choosing import FILTERS, Choice
from appointments.today.rows import VisitRow
from booking_site.core.operations import version_of
from doctors.models import Department
from patients.models import Patient

# What is said of the minutes that have passed since the arrival, the start, or the time of the appointment.
PASSED = {"arrived": _("waiting %s min"), "with_doctor": _("since %s min"), "booked": _("%s min late")}


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
    """The items with what ``console/actions.html`` needs, and the minutes that have passed when the page is made."""
    now = timezone.now()
    said = {kind: str(text) for kind, text in PASSED.items()}
    made = []
    for item in items:
        row = dict(item)
        if (visit := board.visits.get(item["key"])) is not None:
            appointment = instance(visit, item["who"])
            row |= {
                "appointment": appointment,
                "offers": offered(appointment, user, now),
                "version": version_of(appointment),
            }
        passed = int((now.timestamp() * 1000 - item.get("since", item["at"])) // 60_000)
        is_long = item["kind"] == "arrived" and passed >= settings.WAITING_ALERT_MINUTES
        if item["kind"] in said:
            row |= {"say": item["kind"], "passed": passed, "said": said[item["kind"]] % passed, "is_long": is_long}
        made.append(row)
    return made


def instance(visit: VisitRow, name: str) -> Appointment:
    """The appointment as far as its row tells, which is all that its buttons need. ``name``: as it is shown."""
    return Appointment(
        id=visit.id,
        doctor_id=visit.doctor,
        department=Department(id=visit.department, time_zone=visit.zone),
        patient=Patient(id=visit.patient, last_name=name),
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
