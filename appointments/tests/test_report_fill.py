"""Fill rate: which seats are offered, which of them are held, which were lost."""

from dataclasses import replace
from datetime import date

import pytest

from appointments import operations
from appointments.reports import fill
from appointments.reports.choice import Choice, Step
from appointments.reports.figures import Ratio
from appointments.tests.reporting import DAY, MONDAY, WEEK, figures, seat, visit
from booking_site.testing.factories import TESTER, DepartmentFactory, DoctorFactory, SlotFactory, booked, in_days

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena", department=DepartmentFactory(name="Cardiology"))


def found(key: str, choice: Choice = WEEK) -> dict:
    return figures(fill.tables(choice), key)


def test_rate_is_of_seats_held_among_those_offered(doctor):
    """Booked, checked in, in progress, completed hold their seat; cancelled and missed visits do not."""
    statuses = ["booked", "checked_in", "in_progress", "completed", "cancelled", "no_show"]
    for hour, status in enumerate(statuses, 8):
        visit(doctor, status=status, slot=seat(doctor, clock=f"{hour:02d}:00"), source="demo")
    seat(doctor, clock="15:00")
    seat(doctor, clock="16:00", status="withdrawn")
    seat(doctor, clock="09:00", seat=2)
    assert found("all") == {"Altogether": (Ratio(4, 8), 1)}


def test_a_missed_seat_that_somebody_else_took_is_not_lost(doctor):
    taken, lost = seat(doctor), seat(doctor, clock="10:00")
    visit(doctor, status="no_show", slot=taken, source="demo")
    visit(doctor, status="completed", slot=taken, source="demo")
    for _ in range(2):  # two did not come, one seat was lost
        visit(doctor, status="no_show", slot=lost, source="demo")
    assert found("all") == {"Altogether": (Ratio(1, 2), 1)}


def test_a_booking_counts_at_once_and_a_cancellation_gives_the_seat_back():
    free = SlotFactory(starts_at=in_days(7))
    SlotFactory(doctor=free.doctor, starts_at=in_days(7, 10))
    choice = Choice(first=free.date, last=free.date)
    appointment = booked(slot=free)
    assert found("all", choice) == {"Altogether": (Ratio(1, 2), 0)}
    operations.cancel(actor=TESTER, appointment_id=appointment.pk, reason="")
    assert found("all", choice) == {"Altogether": (Ratio(0, 2), 0)}


def test_by_department_doctor_visit_type_and_week(doctor):
    other = DoctorFactory(name="Dr Vale", department=DepartmentFactory(name="Oncology"))
    visit(doctor, slot=seat(doctor), source="demo")
    seat(doctor, MONDAY + 7 * DAY, visit_type="follow_up")
    seat(other, MONDAY + 6 * DAY, "23:30")
    two_weeks = replace(WEEK, last=MONDAY + 13 * DAY)
    assert found("department", two_weeks) == {"Cardiology": (Ratio(1, 2), 0), "Oncology": (Ratio(0, 1), 0)}
    assert found("doctor", two_weeks) == {"Dr Sena": (Ratio(1, 2), 0), "Dr Vale": (Ratio(0, 1), 0)}
    assert found("visit_type", two_weeks) == {"Consultation": (Ratio(1, 2), 0), "Follow up": (Ratio(0, 1), 0)}
    assert found("period", two_weeks) == {
        "Mon 2 Mar – Sun 8 Mar 2026": (Ratio(1, 2), 0),
        "Mon 9 Mar – Sun 15 Mar 2026": (Ratio(0, 1), 0),
    }


def test_seats_of_both_hours_that_come_twice_lie_on_their_local_day():
    doctor = DoctorFactory(department=DepartmentFactory(time_zone="America/Havana"))  # at 1:00 back to 0:00
    change = date(2026, 11, 1)
    first = seat(doctor, change, "00:30")
    SlotFactory(doctor=doctor, starts_at=first.starts_at + DAY / 24)
    by_day = Choice(first=change - DAY, last=change, step=Step.DAY)
    assert found("period", by_day) == {"Sat 31 Oct 2026": (Ratio(0, 0), 0), "Sun 1 Nov 2026": (Ratio(0, 2), 0)}


def test_a_doctor_without_seats_is_not_listed_and_nothing_is_no_rate(doctor):
    assert found("all") == {"Altogether": (Ratio(0, 0), 0)}
    assert found("doctor") == found("department") == found("visit_type") == {}
