"""After a fault: is everything that clients were told in the database, exactly once, and nothing else?

``findings`` compares what ``testing.load`` has written down with the tables, and runs ``check_integrity`` and
``verify_audit`` over them. Each finding is a line that begins with what kind it is:

lost      acknowledged, and not there, or not as it was acknowledged
double    there without having been asked for, or more often; a seat that is shared
between   a seat that is booked without an appointment, or the reverse
audit     an operation without its row in the audit log, a row without its operation, or a broken seal
order     answers, or what is there at the end, that no serial order explains (``testing.histories``)
broken    any other rule of the tables; an answer that no client should ever get; a deadlock
"""

import io
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from booking_site.testing.clusters import Cluster, run_python
from booking_site.testing.histories import Event, Seat, State, problems
from booking_site.testing.histories import Visit as Row

OK = (200, 201)
EXPECTED = (*OK, 409, None)
SEATLESS = ("cancelled", "no_show")
APPOINTMENTS = "SELECT id::text, patient_id::text, slot_id::text, status FROM appointments ORDER BY id"
SLOTS = """
SELECT id::text, extract(epoch FROM starts_at)::float8, extract(epoch FROM ends_at)::float8, status
FROM available_slots ORDER BY id
"""
# By appointment, how often the log tells of each.
TOLD = """
SELECT appointment_id::text, action, count(*) FROM audit_logs
WHERE status = 'success' AND action IN ('appointment.booked', 'appointment.cancelled', 'appointment.rescheduled')
GROUP BY 1, 2
"""


@dataclass(slots=True)
class Visit:
    """What clients know of an appointment. ``moves``: acknowledged; ``unsure``: it may have changed since."""

    patient: str | None
    slot: str | None
    cancelled: bool = False
    moves: int = 0
    unsure: bool = False


def findings(cluster: Cluster, history: list[Event], **environment: str) -> list[str]:
    """``environment``: what the commands read otherwise, such as AUDIT_SEALS_FILE of the site."""
    return [*of_tables(cluster, history), *_order(cluster, history), *_commands(cluster, environment)]


def of_tables(cluster: Cluster, history: list[Event]) -> list[str]:
    """Without the commands."""
    rows = cluster.execute(APPOINTMENTS)
    visits, open_questions = known(history)
    return [
        *_unexpected(history),
        *_lost(visits, rows),
        *_double(visits, open_questions, rows),
        *_between(rows, {slot: status for slot, _, _, status in cluster.execute(SLOTS)}),
        *_untold(visits, rows, cluster.execute(TOLD)),
    ]


def count(lines: Iterable[str]) -> Counter[str]:
    """How many of each kind."""
    return Counter(line.split(":", 1)[0] for line in lines)


def known(history: list[Event]) -> tuple[dict[str, Visit], list[Event]]:
    """The appointments that were acknowledged, and the bookings whose outcome nobody knows."""
    visits: dict[str, Visit] = {}
    open_questions = []
    for event in history:  # a client's events are in the order in which it asked
        if event.kind == "book":
            if event.status == 201 and event.appointment not in visits:
                visits[event.appointment or ""] = Visit(event.patient, event.slot)
            elif event.status is None:
                open_questions.append(event)
        elif (visit := visits.get(event.appointment or "")) is not None:
            if event.status is None:
                visit.unsure = True
            elif event.status in OK and event.kind == "cancel":
                visit.cancelled = True
            elif event.status in OK:
                visit.moves += visit.slot != event.slot  # to where it is already: no move
                visit.slot = event.slot
    return visits, open_questions


def _unexpected(history: list[Event]) -> Iterator[str]:
    told = Counter(event.appointment for event in history if event.kind == "book" and event.status == 201)
    for event in history:
        if event.status not in EXPECTED:
            yield f"broken: a client was answered {event.status} {event.code}: {event}"
    for appointment, times in told.items():
        if times > 1:
            yield f"double: appointment {appointment} is the answer to {times} bookings"


def _lost(visits: dict[str, Visit], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    there = {row[0]: row for row in rows}
    for appointment, visit in visits.items():
        if (row := there.get(appointment)) is None:
            yield f"lost: appointment {appointment} was acknowledged, and is not there"
            continue
        _, patient, slot, status = row
        if patient != visit.patient:
            yield f"lost: appointment {appointment} is of patient {patient}, not {visit.patient}"
        elif visit.unsure:
            continue
        elif (status == "cancelled") != visit.cancelled:
            yield f"lost: appointment {appointment} is {status}; cancelled, as acknowledged: {visit.cancelled}"
        elif slot != visit.slot:
            yield f"lost: appointment {appointment} has seat {slot}, not {visit.slot} as acknowledged"


def _double(visits: dict[str, Visit], open_questions: list[Event], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    maybe = Counter((event.patient, event.slot) for event in open_questions)
    seats: dict[str, list[str]] = defaultdict(list)
    for appointment, patient, slot, status in rows:
        if status not in SEATLESS:
            seats[slot].append(appointment)
        if appointment in visits:
            continue
        if maybe[patient, slot]:
            maybe[patient, slot] -= 1
        else:
            yield f"double: appointment {appointment} of patient {patient} ({status}) was acknowledged to nobody"
    for slot, sharing in seats.items():
        if len(sharing) > 1:
            yield f"double: seat {slot} is shared by {len(sharing)} appointments"


def _between(rows: list[tuple[Any, ...]], slots: dict[str, str]) -> Iterator[str]:
    taken = {slot for _, _, slot, status in rows if status not in SEATLESS}
    for slot, status in slots.items():
        if (status == "booked") != (slot in taken):
            yield f"between: seat {slot} is {status}; held by an appointment: {slot in taken}"


def _untold(visits: dict[str, Visit], rows: list[tuple[Any, ...]], counted: list[tuple[Any, ...]]) -> Iterator[str]:
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for appointment, action, times in counted:
        told[appointment][action.removeprefix("appointment.")] = times
    for appointment, _, _, status in rows:
        expected = Counter(booked=1, cancelled=int(status == "cancelled"))
        found = told.pop(appointment, Counter())
        visit = visits.get(appointment)
        if visit is None or visit.unsure:
            found.pop("rescheduled", None)
        else:
            expected["rescheduled"] = visit.moves
        if found != expected:
            yield f"audit: of appointment {appointment} the log tells {dict(found)}, and it was {dict(expected)}"
    for appointment, found in told.items():
        yield f"audit: the log tells {dict(found)} of appointment {appointment}, which is not there"


def _order(cluster: Cluster, history: list[Event]) -> Iterator[str]:
    final = State(
        seats={slot: Seat(starts, ends, status) for slot, starts, ends, status in cluster.execute(SLOTS)},
        visits={key: Row(patient, slot, status) for key, patient, slot, status in cluster.execute(APPOINTMENTS)},
    )
    for problem in problems(history, final):
        yield f"order: {problem}"
    if (deadlocks := cluster.log().count("deadlock detected")) > 0:
        yield f"broken: {deadlocks} deadlocks in the log of the server"


def _commands(cluster: Cluster, environment: dict[str, str]) -> list[str]:
    try:
        return run_python("booking_site.testing.reckoning", DATABASE_URL=cluster.url(), **environment).splitlines()
    except subprocess.CalledProcessError as error:
        return [f"broken: {line}" for line in error.output.splitlines()] or ["broken: the commands failed"]


def main() -> None:
    """Both commands in one process. Writes their findings; nothing when all is well."""
    import django

    django.setup()
    from django.core.management import CommandError, call_command

    for command, kind in (("check_integrity", "broken"), ("verify_audit", "audit")):
        written = io.StringIO()
        try:
            call_command(command, stdout=written, stderr=written)
        except CommandError as error:
            written.write(f"{command}: {error}\n")
            for line in written.getvalue().splitlines():
                print(f"{kind}: {line}")


if __name__ == "__main__":
    main()
