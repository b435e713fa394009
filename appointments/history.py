"""The set-based counterpart of ``operations``: whole histories of appointments, for imports and the demo hospital.

Rows are checked by the same named constraints as single bookings, and seats are claimed in the same statement: a slot
is ``booked`` exactly when an appointment holds its seat. One audit row tells of the whole load.
"""

import uuid
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import date as Date
from datetime import datetime
from datetime import time as Time
from typing import Any

from django.db import DatabaseError, connection, transaction

from appointments import signals
from appointments.models import SEATLESS
from booking_site.core.actor import Actor
from booking_site.core.errors import from_database
from booking_site.core.ids import uuid7
from scheduling.exceptions import SlotUnavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryRow:
    """One appointment as it was. ``date`` and ``time`` are the department's wall clock, the rest are instants.

    The moment of the status reached is required: ``completed_at`` of a completed one, and so on. ``external_id`` is
    the number at the source, by which a second load knows the row; without a slot it is required, and the status must
    be a finished one.
    """

    patient_id: uuid.UUID
    doctor_id: str
    department_id: uuid.UUID
    status: str
    date: Date
    starts_at: datetime
    ends_at: datetime
    booked_at: datetime
    time: Time | None = None
    slot_id: uuid.UUID | None = None
    external_id: str | None = None
    reason: str = ""
    visit_type: str = "consultation"
    requested_datetime: datetime | None = None
    booked_by: str = ""
    cancellation_reason: str = ""
    checked_in_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    no_show_at: datetime | None = None


# What a query given to ``load_query`` selects, by name and in any order.
COLUMNS = ("id", *(field.name for field in fields(HistoryRow)))

WRITE = """
WITH written AS (
    INSERT INTO appointments (source, created_at, updated_at, {columns})
    SELECT %(source)s, now(), clock_timestamp(), {columns} FROM ({query}) AS history
    ON CONFLICT (source, external_id) DO NOTHING
    RETURNING slot_id, status
), seated AS (
    SELECT slot_id FROM written WHERE slot_id IS NOT NULL AND status <> ALL(%(seatless)s)
), claimed AS (
    UPDATE available_slots SET status = 'booked', updated_at = clock_timestamp()
    FROM seated WHERE available_slots.id = seated.slot_id AND available_slots.status = 'available'
    RETURNING 1
)
SELECT (SELECT count(*) FROM written),
    (SELECT count(*) FROM seated) - (SELECT count(*) FROM claimed)
    - (SELECT count(*) FROM seated JOIN available_slots ON id = slot_id WHERE available_slots.status = 'booked')
"""


def load(*, actor: Actor, source: str, rows: Iterable[HistoryRow]) -> int:
    """Write the rows, streaming (COPY), and return how many were new. All or nothing.

    Rows whose ``external_id`` the source has loaded before are left as they are. Raises the domain errors of the
    constraints, and SlotUnavailable when a row would take a seat that is held or withdrawn.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            columns = ", ".join(COLUMNS)
            cursor.execute(f"CREATE TEMPORARY TABLE history_rows AS SELECT {columns} FROM appointments WITH NO DATA")
            with cursor.copy(f"COPY history_rows ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row((uuid7(), *astuple(row)))
            count = load_query(actor=actor, source=source, query="SELECT * FROM history_rows")
            cursor.execute("DROP TABLE history_rows")
    except DatabaseError as error:
        translated = from_database(error)
        if translated is None:
            raise
        raise translated from error
    return count


def load_query(*, actor: Actor, source: str, query: str, parameters: dict[str, Any] | None = None) -> int:
    """Write what the query (SQL of ours, with named parameters) selects: the columns in ``COLUMNS``.

    The same rules as ``load``; database errors are left to the caller, whose transaction this is part of.
    """
    statement = WRITE.format(columns=", ".join(COLUMNS), query=query)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, {"source": source, "seatless": list(SEATLESS), **(parameters or {})})
        written, refused = cursor.fetchone()
        if refused:
            raise SlotUnavailable(f"{refused} of the seats are held, withdrawn or missing. Nothing was written.")
        signals.history_loaded.send(sender=load, actor=actor, source=source, count=written)
    return written
