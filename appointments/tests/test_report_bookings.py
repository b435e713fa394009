"""Bookings: what was made, moved and cancelled, counted on the local day on which it happened."""

from dataclasses import replace

import pytest

from appointments import operations
from appointments.models import AppointmentMove
from appointments.reports import bookings
from appointments.reports.choice import Choice, Step
from appointments.tests.reporting import DAY, MONDAY, WEEK, at, figures, seat, visit
from booking_site.core.errors import DomainError
from booking_site.core.scope import Scope
from booking_site.testing.factories import TESTER, DepartmentFactory, DoctorFactory, SlotFactory, booked, in_days

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    return DoctorFactory(department=DepartmentFactory(name="Cardiology", time_zone="America/New_York"))


def found(key: str, choice: Choice = WEEK) -> dict:
    return figures(bookings.tables(choice), key)


def moved_at(appointment, moment) -> None:
    AppointmentMove.objects.create(appointment=appointment, moved_at=moment)


def test_each_counts_when_it_happened_whenever_the_visit_is(doctor):
    """Made before the period and cancelled in it; made in it for a later day; both outside."""
    later = MONDAY + 30 * DAY
    visit(doctor, later, "09:00", "cancelled", made=(MONDAY - DAY, "12:00"), cancelled_at=at(doctor, MONDAY, "12:00"))
    visit(doctor, later, "10:00", made=(MONDAY, "12:00"))
    visit(doctor, MONDAY, "11:00", made=(MONDAY - DAY, "12:00"))
    assert found("all") == {"Altogether": (1, 0, 1)}


def test_days_are_those_of_the_site(doctor):
    """From the first minute of Monday to the last of Sunday in New York; and the clocks change on that Sunday."""
    sunday = MONDAY + 6 * DAY
    for made in ((MONDAY - DAY, "23:59"), (MONDAY, "00:00"), (sunday, "23:59"), (sunday + DAY, "00:00")):
        visit(doctor, sunday + 30 * DAY, made=made)
    by_day = found("period", replace(WEEK, step=Step.DAY))
    assert {day: row for day, row in by_day.items() if any(row)} == {
        "Mon 2 Mar 2026": (1, 0, 0),
        "Sun 8 Mar 2026": (1, 0, 0),
    }
    assert len(by_day) == 7


def test_by_source_and_department(doctor):
    other = DoctorFactory(department=DepartmentFactory(name="Oncology"))
    visit(doctor, source="import:old", made=(MONDAY, "08:00"))
    visit(doctor, slot=seat(doctor, clock="10:00"), source="demo", made=(MONDAY, "08:00"))
    visit(other, slot=seat(other), source="demo", made=(MONDAY, "08:00"))
    assert found("source") == {"Demo hospital": (2, 0, 0), "Import (old)": (1, 0, 0)}
    assert found("department") == {"Cardiology": (2, 0, 0), "Oncology": (1, 0, 0)}
    seen = Scope(departments=frozenset([other.department_id]))
    assert found("source", replace(WEEK, seen=seen.q)) == {"Demo hospital": (1, 0, 0)}
    assert found("department", replace(WEEK, doctor=doctor.pk)) == {"Cardiology": (2, 0, 0)}


def test_operations_are_counted_each_move_for_itself():
    """A move that was refused, or one to where the appointment is, is none."""
    slots = [SlotFactory(starts_at=in_days(7))]
    slots += [SlotFactory(doctor=slots[0].doctor, starts_at=in_days(7, hour)) for hour in (10, 11, 12)]
    appointment = booked(slot=slots[0])
    booked(slot=slots[3])
    for slot in (slots[1], slots[2], slots[2]):
        operations.reschedule(actor=TESTER, appointment_id=appointment.pk, slot_id=slot.pk)
    with pytest.raises(DomainError):
        operations.reschedule(actor=TESTER, appointment_id=appointment.pk, slot_id=slots[3].pk)
    operations.cancel(actor=TESTER, appointment_id=appointment.pk, reason="")
    today = appointment.booked_at.astimezone(appointment.department.tz).date()
    choice = Choice(first=today - DAY, last=today + DAY)  # midnight may be near
    assert found("all", choice) == {"Altogether": (2, 2, 1)}
    assert found("department", choice) == {slots[0].department.name: (2, 2, 1)}


def test_moves_of_others_are_not_seen():
    appointment = booked()
    moved_at(appointment, at(appointment.doctor, MONDAY, "12:00"))
    assert found("all") == {"Altogether": (0, 1, 0)}
    seen = Scope(departments=frozenset([DepartmentFactory().pk]))
    assert found("all", replace(WEEK, seen=seen.q)) == {"Altogether": (0, 0, 0)}


def test_nothing_happened(db):
    assert found("all") == {"Altogether": (0, 0, 0)}
    assert found("period") == {"Mon 2 Mar – Sun 8 Mar 2026": (0, 0, 0)}
    assert found("source") == found("department") == {}
