"""Changes of plans and bookings at the same moment, on real connections.

Each race has a control: the same work done by a generator that locks nobody leaves what the race must not leave.
"""

import threading
from datetime import date, datetime, time, timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from appointments import operations as appointments
from appointments.models import Appointment
from booking_site.core.errors import Conflict, DomainError
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    VisitTypeFactory,
)
from booking_site.testing.fixtures import test_database_url
from booking_site.testing.racing import race, what_is_wrong
from scheduling import planning
from scheduling.exceptions import ScheduleOverlap
from scheduling.models import AvailableSlot, Closure, Schedule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _short_horizon(settings):
    settings.HORIZON_DAYS = 4


def runner(work):
    """In a thread with a connection of its own: what it returns, or the conflict that it was refused with."""

    def run():
        try:
            return work()
        except Conflict as error:
            return error
        finally:
            connection.close()

    return run


def daily(**more):
    return ScheduleFactory(recurrence="FREQ=DAILY", **more)


def closure(days=2, **more):
    day = timezone.now().date() + timedelta(days=days)
    return Closure(reason="Flooded", first_day=day, last_day=day, **more)


def generating(doctor):
    return runner(lambda: planning.generate(actor=TESTER, doctor_id=doctor.pk, until=planning.horizon()))


def closing(made):
    return runner(lambda: planning.add_closures(actor=TESTER, closures=[made]))


def booking(slot):
    patient = PatientFactory()
    return runner(lambda: appointments.book(actor=TESTER, patient_id=patient.pk, slot_id=slot.pk))


def cancelling(appointment):
    return runner(lambda: appointments.cancel(actor=TESTER, appointment_id=appointment.pk))


def errors(answers):
    return [answer for answer in answers if isinstance(answer, DomainError)]


def check(doctor, day):
    assert what_is_wrong() == {}
    assert not AvailableSlot.objects.filter(doctor=doctor, date=day, status__in=["available", "held"]).exists()
    for appointment in Appointment.objects.filter(doctor=doctor, status="booked").select_related("slot"):
        assert (appointment.needs_new_time_since is not None) == (appointment.date == day) == appointment.slot.retiring
    assert not planning.preview_generation(doctor_id=doctor.pk, until=planning.horizon())


@pytest.mark.parametrize("scope", ["doctor", "department", "hospital"])
def test_bookings_generation_and_a_closure_at_once(scope):
    """Nobody is left with a free seat in the closure, nobody booked in it is forgotten."""
    for days in (1, 2, 3):
        doctor = daily().doctor
        planning.generate(actor=TESTER, doctor_id=doctor.pk, until=planning.horizon())
        where = {"doctor": {"doctor": doctor}, "department": {"department": doctor.department}, "hospital": {}}[scope]
        made = closure(days, **where)
        seats = list(AvailableSlot.objects.filter(doctor=doctor, date=made.first_day))
        ahead = [appointments.book(actor=TESTER, patient_id=PatientFactory().pk, slot_id=seats.pop().pk) for _ in "ab"]
        answers = race(
            [
                *[booking(seat) for seat in seats],
                closing(made),
                generating(doctor),
                *[cancelling(appointment) for appointment in ahead],
            ]
        )
        assert {error.code for error in errors(answers)} <= {"slot_unavailable"}
        assert len(errors(answers)) <= len(seats)
        check(doctor, made.first_day)


def test_a_closure_lifted_while_its_patients_cancel():
    """A seat that is freed in that moment comes back with the others."""
    for _ in range(3):
        doctor = daily().doctor
        planning.generate(actor=TESTER, doctor_id=doctor.pk, until=planning.horizon())
        made = closure(doctor=doctor)
        seats = list(AvailableSlot.objects.filter(doctor=doctor, date=made.first_day))
        booked = [
            appointments.book(actor=TESTER, patient_id=PatientFactory().pk, slot_id=seat.pk) for seat in seats[:4]
        ]
        planning.add_closures(actor=TESTER, closures=[made])
        made.is_active = False
        lift = runner(lambda made=made: planning.change_closure(actor=TESTER, closure=made, fields=["is_active"]))
        assert errors(race([lift, *[cancelling(appointment) for appointment in booked]])) == []
        on_day = AvailableSlot.objects.filter(doctor=doctor, date=made.first_day)
        assert on_day.filter(status="available").count() == len(seats) == 6
        assert not planning.preview_generation(doctor_id=doctor.pk, until=planning.horizon())
        assert what_is_wrong() == {}


def test_a_first_schedule_and_a_closure_of_the_hospital_at_once():
    """A doctor who had nothing to close when the closure was written."""
    kind, department = VisitTypeFactory(code="consultation"), DepartmentFactory()
    for _ in range(5):
        doctor = DoctorFactory(department=department)
        schedule = ScheduleFactory.build(doctor=doctor, department=department, visit_type=kind, recurrence="FREQ=DAILY")
        made = closure()
        save = runner(lambda schedule=schedule: planning.save_schedule(actor=TESTER, schedule=schedule))
        assert errors(race([save, closing(made)])) == []
        check(doctor, made.first_day)
        Closure.objects.all().delete()


def test_two_runs_at_once_add_each_seat_once():
    doctor = daily(seats=2).doctor
    for days in (4, 8, 12):
        until = timezone.now().date() + timedelta(days=days)
        run = runner(lambda until=until: planning.generate(actor=TESTER, doctor_id=doctor.pk, until=until))
        answers = race([run] * 4)
        assert errors(answers) == []
        assert sorted(bool(answer) for answer in answers) == [False, False, False, True]
        assert AvailableSlot.objects.filter(date=until).count() == 12
    assert not AvailableSlot.objects.filter(status="withdrawn").exists()


def test_of_two_overlapping_schedules_saved_at_once_one_is_refused():
    kind, department = VisitTypeFactory(code="consultation"), DepartmentFactory()
    for _ in range(5):
        doctor = DoctorFactory(department=department)
        both = [
            ScheduleFactory.build(
                doctor=doctor, department=department, visit_type=kind, name=name, recurrence="FREQ=DAILY"
            )
            for name in ("One", "Other")
        ]
        answers = race(
            [
                runner(lambda schedule=schedule: planning.save_schedule(actor=TESTER, schedule=schedule))
                for schedule in both
            ]
        )
        assert [type(error) for error in errors(answers)] == [ScheduleOverlap]
        assert Schedule.objects.filter(doctor=doctor).count() == 1


# --- the controls: read the plan, then write, and lock nobody -----------------------------------------------------

FREE_DAYS = """
SELECT day::date FROM generate_series(current_date + 1, current_date + 4, interval '1 day') AS day
WHERE NOT EXISTS (SELECT FROM closures WHERE is_active AND day BETWEEN first_day AND last_day)
"""


def test_control_a_generator_that_locks_nobody_leaves_free_seats_in_a_closure():
    """It has read that the day is open; the closure is made, finds no seats, and ends; then it writes them."""
    doctor = daily().doctor
    made = closure(doctor=doctor)
    has_read, has_closed = threading.Event(), threading.Event()

    def generate_naively():
        with psycopg.connect(test_database_url()) as database:
            days = [day for (day,) in database.execute(FREE_DAYS).fetchall()]
            has_read.set()
            assert has_closed.wait(60)
            for day in days:
                insert_seat(database, doctor, day)

    def close():
        assert has_read.wait(60)
        closing(made)()
        has_closed.set()

    race([generate_naively, close])
    assert AvailableSlot.objects.filter(date=made.first_day, status="available").count() == 1
    assert planning.preview_generation(doctor_id=doctor.pk, until=planning.horizon()).withdrawn  # and it is seen


def test_control_with_its_lock_the_generator_waits_for_the_closure():
    """The same generator, but that it locks the doctor first, as ``lock_doctors`` does: no seat lies in the closure."""
    doctor = daily().doctor
    made = closure(doctor=doctor)
    has_locked = threading.Event()

    def generate_with_lock():
        with psycopg.connect(test_database_url()) as database:
            database.execute("SELECT FROM doctors WHERE id = %s FOR NO KEY UPDATE", [doctor.pk])
            days = [day for (day,) in database.execute(FREE_DAYS).fetchall()]
            has_locked.set()
            for day in days:
                insert_seat(database, doctor, day)

    def close():
        assert has_locked.wait(60)
        return closing(made)()

    race([generate_with_lock, close])
    assert AvailableSlot.objects.filter(date=made.first_day).count() == 1
    assert not AvailableSlot.objects.filter(date=made.first_day, status="available").exists()


def insert_seat(database, doctor, day: date):
    starts_at = datetime.combine(day, time(9), tzinfo=doctor.department.tz)
    database.execute(
        "INSERT INTO available_slots (id, doctor_id, department_id, date, time, duration_minutes, status, starts_at,"
        " ends_at, seat, visit_type, held_by, hold_digest, created_at, updated_at) VALUES (gen_random_uuid(), %s, %s,"
        " %s, '9:00', 30, 'available', %s, %s, 1, 'consultation', '', '', now(), now())",
        [doctor.pk, doctor.department_id, day, starts_at, starts_at + timedelta(minutes=30)],
    )
