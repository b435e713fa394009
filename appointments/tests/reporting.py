"""Small hospitals for the tests of the numbers: visits of the past, given by the clock of their site."""

from datetime import date, datetime, time, timedelta
from itertools import count

from appointments import history
from appointments.reports.choice import Choice
from booking_site.core.localtime import day_bounds, instant
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory

MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)
WEEK = Choice(first=MONDAY, last=MONDAY + 6 * DAY)
MOMENTS = {
    "checked_in": "checked_in_at",
    "in_progress": "started_at",
    "completed": "completed_at",
    "cancelled": "cancelled_at",
    "no_show": "no_show_at",
}
NUMBERS = count()


def at(doctor, day: date, clock: str) -> datetime:
    return instant(datetime.combine(day, time.fromisoformat(clock)), doctor.department.time_zone)


def seat(doctor, day: date = MONDAY, clock: str = "09:00", **kwargs):
    return SlotFactory(doctor=doctor, starts_at=at(doctor, day, clock), **kwargs)


def visit(
    doctor, day=MONDAY, clock="09:00", status="completed", *, made=None, source="import:tests", slot=None, **moments
):
    """One visit of half an hour, loaded as history: of the whole day without ``clock``; in a seat with ``slot``.

    ``made``: (day, clock) of the booking; a week before without it.
    """
    zone = doctor.department.time_zone
    if slot is not None:
        starts_at, ends_at, clock = slot.starts_at, slot.ends_at, f"{slot.time:%H:%M}"
    elif clock is None:
        starts_at, ends_at = day_bounds(day, zone)
    else:
        starts_at = at(doctor, day, clock)
        ends_at = starts_at + timedelta(minutes=30)
    if status in MOMENTS:
        moments.setdefault(MOMENTS[status], ends_at)
    row = history.HistoryRow(
        patient_id=PatientFactory().pk,
        doctor_id=doctor.pk,
        department_id=doctor.department_id,
        status=status,
        date=day,
        time=time.fromisoformat(clock) if clock else None,
        starts_at=starts_at,
        ends_at=ends_at,
        booked_at=at(doctor, *made) if made else starts_at - 7 * DAY,
        slot_id=slot.pk if slot else None,
        external_id=str(next(NUMBERS)),
        **moments,
    )
    assert history.load(actor=TESTER, source=source, rows=[row]) == 1


def figures(tables, key: str) -> dict:
    """``{label: values}`` of a table."""
    (table,) = [table for table in tables if table.key == key]
    return {str(row.label): row.values if len(row.values) > 1 else row.values[0] for row in table.rows}
