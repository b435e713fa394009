"""The third next available appointment: counted by the seats that staff can book, in days of the site."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments.reports import third_next
from appointments.reports.choice import Choice
from appointments.tests.reporting import WEEK, figures
from booking_site.core.scope import Scope
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    in_days,
)
from scheduling import operations

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena", department=DepartmentFactory(name="Cardiology"))


def seats(doctor, *days: float, **kwargs) -> list:
    return [SlotFactory(doctor=doctor, starts_at=in_days(day, 12), **kwargs) for day in days]


def days_to(slot) -> int:
    return (slot.date - timezone.now().astimezone(slot.department.tz).date()).days


def found(choice: Choice = WEEK) -> dict:
    """By doctor and visit type: days, date, number of free seats."""
    (table,) = [table for table in third_next.tables(choice) if table.key == "doctor"]
    return {(row.label, row.values[1]): row.values[2:] for row in table.rows}


def averages(choice: Choice = WEEK) -> dict:
    return figures(third_next.tables(choice), "department")


def test_it_is_the_third_of_those_that_staff_can_book(doctor):
    """Booked, held, withdrawn and past seats are passed over; one that is for staff only is not."""
    taken, kept, off, *free = seats(doctor, 1, 2, 3, 4, 6, 8, 9)
    seats(doctor, -1)
    seats(doctor, 5, is_public=False)
    booked(slot=taken)
    operations.hold(actor=TESTER, slot_id=kept.pk)
    operations.withdraw(actor=TESTER, slot_id=off.pk)
    assert found() == {("Dr Sena", "Consultation"): (days_to(free[1]), free[1].date, 3)}
    assert averages() == {"Cardiology, Consultation": (float(days_to(free[1])), 1, 0)}


def test_fewer_than_three_are_said_and_no_number_stands_in(doctor):
    seats(doctor, 2, 4)
    assert found() == {("Dr Sena", "Consultation"): (None, None, 2)}
    assert averages() == {"Cardiology, Consultation": (None, 0, 1)}


def test_a_doctor_whose_seats_are_all_taken_is_listed(doctor):
    booked(slot=seats(doctor, 2)[0])
    assert found() == {("Dr Sena", "Consultation"): (None, None, 0)}


def test_a_doctor_without_seats_is_listed_without_a_visit_type(doctor):
    DoctorFactory(name="Dr Gone", is_active=False)
    DoctorFactory(name="Dr Shut", department=DepartmentFactory(is_active=False))
    assert found() == {("Dr Sena", None): (None, None, 0)}
    assert averages() == {}


def test_each_visit_type_counts_for_itself_and_keeps_its_rules(doctor):
    VisitTypeFactory(code="surgery", latest_minutes=3 * 1440)
    VisitTypeFactory(code="group", limit_per_doctor_day=1)
    surgery = seats(doctor, 1, 2, 5, 6, 7, visit_type="surgery")
    day = [SlotFactory(doctor=doctor, starts_at=in_days(9, hour), visit_type="group") for hour in (13, 14, 15, 16)]
    group = [*day[1:], *seats(doctor, 10, 11, visit_type="group")]
    booked(slot=day[0])  # the day is full
    assert found() == {
        ("Dr Sena", "Surgery"): (days_to(surgery[4]), surgery[4].date, 3),
        ("Dr Sena", "Group"): (None, None, 2),
    }
    assert [slot.date for slot in group[-2:]] != [day[0].date] * 2


def test_average_is_over_the_doctors_who_have_a_third(doctor):
    colleague = DoctorFactory(name="Dr Roth", department=doctor.department)
    busy = DoctorFactory(name="Dr Vale", department=doctor.department)
    third = seats(doctor, 1, 2, 3)[2], seats(colleague, 4, 5, 6)[2]
    seats(busy, 1)
    mean = (days_to(third[0]) + days_to(third[1])) / 2
    assert averages() == {"Cardiology, Consultation": (mean, 2, 1)}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_today_is_the_day_of_the_site(zone):
    """Two of these three seats begin within the hour: whatever UTC says, they are of the day that it is there."""
    doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone))
    soon = timezone.now() + timedelta(minutes=5)
    slots = [SlotFactory(doctor=doctor, starts_at=soon, duration_minutes=1, seat=seat) for seat in (1, 2, 3)]
    ((days, day, _free),) = found().values()
    assert (days, day) == (days_to(slots[2]), slots[2].date)
    assert days in (0, 1)  # 1 in the last five minutes of the day


def test_narrowed_to_what_may_be_seen_idle_doctors_too(doctor):
    other = DoctorFactory(name="Dr Vale", department=DepartmentFactory(name="Oncology"))
    seats(doctor, 1, 2, 3)
    assert {name for name, _type in found()} == {"Dr Sena", "Dr Vale"}
    assert {name for name, _type in found(replace(WEEK, department=other.department_id))} == {"Dr Vale"}
    assert {name for name, _type in found(replace(WEEK, doctor=doctor.pk))} == {"Dr Sena"}
    seen = Scope(departments=frozenset([other.department_id]))
    assert {name for name, _type in found(replace(WEEK, seen=seen.q))} == {"Dr Vale"}
    assert found(replace(WEEK, seen=Scope().q)) == {}


def test_queries_do_not_grow_with_doctors(doctor):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            third_next.tables(WEEK)
        return len(asked)

    seats(doctor, 1, 2, 3)
    few = queries()
    for _ in range(3):
        seats(DoctorFactory(), 1, 2, 3)
    assert queries() == few
