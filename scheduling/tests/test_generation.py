"""Whatever happens to schedules, closures, seats and bookings, in any order: the slots agree with the plan.

The plan is worked out a second time here, slowly and plainly, and compared with what is in the database.
"""

from collections import Counter
from datetime import datetime, time, timedelta
from itertools import combinations

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments import operations as appointments
from appointments.models import Appointment
from booking_site.core.errors import DomainError
from booking_site.core.localtime import reached
from booking_site.testing.factories import TESTER, DepartmentFactory, DoctorFactory, PatientFactory, VisitTypeFactory
from doctors.models import Department, Doctor
from scheduling import operations, planning, seats
from scheduling.models import AvailableSlot, Closure, Schedule
from scheduling.recurrence import dates

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HORIZON = 5  # days
RULES = ["FREQ=DAILY", "FREQ=DAILY;INTERVAL=2", "FREQ=DAILY;COUNT=1", "FREQ=DAILY;COUNT=3"]
NUMBER = st.integers(0, 11)
STEPS = (
    *("add_schedule", "add_schedule", "change_schedule", "end_schedule", "add_closure", "add_closure"),
    *("change_closure", "lift_closure", "book", "book", "book", "cancel", "move", "hold", "withdraw", "reinstate"),
    *("add_seat", "generate"),
)


# --- the plan, worked out plainly --------------------------------------------------------------------------------


class Reading:
    """What is in the database, read once, and the plan that follows from it."""

    def __init__(self):
        self.now = timezone.now()
        self.zones = {department.pk: department.tz for department in Department.objects.all()}
        self.closures = list(Closure.objects.filter(is_active=True))
        self.slots = list(AvailableSlot.objects.filter(starts_at__gt=self.now))
        self.live = [slot for slot in self.slots if slot.status != "withdrawn"]
        self.sessions = list(self._sessions())

    def _sessions(self):
        """(schedule, date, begin, end) of each near."""
        today = self.now.date()
        for schedule in Schedule.objects.filter(is_active=True):
            for day in dates(schedule.recurrence, schedule.starts_on, today - 3 * DAY, today + 20 * DAY):
                if schedule.ends_on is None or day <= schedule.ends_on:
                    zone = str(self.zones[schedule.department_id])
                    begin = reached(datetime.combine(day, schedule.start_time), zone)
                    yield schedule, day, begin, reached(datetime.combine(day, schedule.end_time), zone)

    def closed(self, doctor_id, department_id, starts_at, ends_at):
        """Does a closure that applies take any of this time?"""
        tz = self.zones[department_id]
        first, last = starts_at.astimezone(tz).date(), (ends_at - timedelta(seconds=1)).astimezone(tz).date()
        for closure in self.closures:
            if closure.doctor_id in (None, doctor_id) and closure.department_id in (None, department_id):
                if closure.first_day is None:
                    shut = closure.starts_at < ends_at and closure.ends_at > starts_at
                else:
                    shut = closure.first_day <= last and closure.last_day >= first
                if shut:
                    return True
        return False

    def in_session(self, slot):
        return any(
            (schedule.doctor_id, schedule.department_id) == (slot.doctor_id, slot.department_id)
            and begin <= slot.starts_at
            and slot.ends_at <= end
            for schedule, _, begin, end in self.sessions
        )

    def wanted(self):
        """Every seat that the plan wants, as ``seen`` shows them, with its local date."""
        found = {}
        for schedule, day, begin, end in self.sessions:
            length = timedelta(minutes=schedule.slot_minutes)
            while begin + length <= end:
                shut = self.closed(schedule.doctor_id, schedule.department_id, begin, begin + length)
                if begin > self.now and not shut:
                    for seat in range(1, schedule.seats + 1):
                        found[seen(schedule, begin, schedule.slot_minutes, seat)] = day
                begin += length + timedelta(minutes=schedule.buffer_minutes)
        return found


def seen(of, starts_at, minutes, seat):
    schedule = of.pk if isinstance(of, Schedule) else of.schedule_id
    return (schedule, of.doctor_id, of.department_id, starts_at, minutes, seat, of.visit_type_id, of.is_public)


def overlap(one, other):
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def check_seats():
    """What holds at every moment."""
    read = Reading()
    for one, other in combinations(read.live, 2):
        if (one.doctor_id, one.seat) == (other.doctor_id, other.seat):
            assert not overlap(one, other)
    for slot in read.live:
        local = slot.starts_at.astimezone(read.zones[slot.department_id])
        assert (slot.date, slot.time) == (local.date(), local.time())
        shut = read.closed(slot.doctor_id, slot.department_id, slot.starts_at, slot.ends_at)
        if slot.status in ("available", "held"):
            assert not shut
        else:
            needs_new_time = shut or (slot.schedule_id is not None and not read.in_session(slot))
            assert slot.retiring == needs_new_time
            appointment = slot.appointments.get(status="booked")
            assert (appointment.needs_new_time_since is not None) == needs_new_time
            assert bool(appointment.needs_new_time_because) == needs_new_time


def check_plan():
    """What holds once the plan has been followed."""
    read = Reading()
    plan = read.wanted()
    there = {seen(slot, slot.starts_at, slot.duration_minutes, slot.seat) for slot in read.live}
    for slot in read.live:
        if slot.status in ("available", "held") and slot.schedule_id is not None:
            assert seen(slot, slot.starts_at, slot.duration_minutes, slot.seat) in plan
    made = {}
    for doctor, day in AvailableSlot.objects.filter(schedule__isnull=False).values_list("doctor_id", "date"):
        made[doctor] = max(day, made.get(doctor, planning.horizon()))
    for seat, day in plan.items():
        _, doctor, _, starts_at, minutes, number, _, _ = seat
        if seat in there or day > made.get(doctor, planning.horizon()):
            continue
        in_the_way = [
            slot
            for slot in read.slots
            if (slot.doctor_id, slot.seat) == (doctor, number)
            and slot.starts_at < starts_at + timedelta(minutes=minutes)
            and slot.ends_at > starts_at
            and (slot.status == "booked" or slot.by_hand or (slot.status != "withdrawn" and slot.schedule_id is None))
        ]
        assert in_the_way, seat
    for doctor in Doctor.objects.all():
        assert not planning.preview_generation(doctor_id=doctor.pk, until=planning.horizon())
        assert not planning.generate(actor=TESTER, doctor_id=doctor.pk, until=planning.horizon())


def alike(preview, done):
    assert preview.added == done.added
    for kind in ("reinstated", "withdrawn", "replaced", "retired", "restored"):
        assert Counter(getattr(preview, kind)) == Counter(getattr(done, kind)), kind
    assert max(Counter(done.changed).values(), default=1) == 1


# --- what may happen ---------------------------------------------------------------------------------------------


class World:
    """A hospital of two doctors at two sites; each method is one thing that happens, made of small numbers."""

    def __init__(self):
        self.departments = [DepartmentFactory(time_zone=zone) for zone in ("Europe/Berlin", "America/New_York")]
        self.doctors = [DoctorFactory(department=department) for department in self.departments]
        self.kinds = [VisitTypeFactory(code="consultation"), VisitTypeFactory(code="follow_up")]
        self.today = timezone.now().date()
        self.kept = set()  # appointments that nobody cancelled
        self.settled = True  # nobody has given back a seat that the plan did not want

    def fields(self, a, b, c, d):
        return {
            "recurrence": RULES[a % len(RULES)],
            "starts_on": self.today + DAY * (b % 5 - 1),
            "ends_on": None if c % 3 else self.today + DAY * (b % 5 + c % 4),
            "start_time": time(8 + d % 5 * 3),
            "end_time": time(9 + d % 5 * 3 + a % 3),
            "slot_minutes": (30, 45, 20, 60)[c % 4],
            "buffer_minutes": (0, 10)[d % 2],
            "seats": 1 + b % 2,
            "visit_type": self.kinds[a % 2],
            "is_public": d % 3 > 0,
            "department": self.departments[c % 2],
        }

    def add_schedule(self, a, b, c, d):
        schedule = Schedule(name="Clinic", doctor=self.doctors[a % 2], **self.fields(b, c, d, a))
        alike(planning.preview_schedule(schedule), planning.save_schedule(actor=TESTER, schedule=schedule))

    def change_schedule(self, a, b, c, d):
        schedule = Schedule.objects.order_by("pk")[a]
        names = list(self.fields(0, 0, 0, 0))
        chosen = {names[b % len(names)], names[c % len(names)], *(["doctor"] if d == 11 else [])}
        for name, value in (self.fields(b, c, d, a) | {"doctor": self.doctors[b % 2]}).items():
            if name in chosen:
                setattr(schedule, name, value)
        preview = planning.preview_schedule(schedule)
        alike(preview, planning.save_schedule(actor=TESTER, schedule=schedule, fields=chosen))

    def end_schedule(self, a, b, c, d):
        schedule = Schedule.objects.order_by("pk")[a]
        field = "is_active" if b % 2 else "ends_on"
        setattr(schedule, field, c % 3 == 0 if b % 2 else max(schedule.starts_on, self.today + DAY * (c % 4)))
        preview = planning.preview_schedule(schedule)
        alike(preview, planning.save_schedule(actor=TESTER, schedule=schedule, fields=[field]))

    def span(self, a, b, c):
        if a % 2:
            first = self.today + DAY * (b % 6 - 1)
            return {"first_day": first, "last_day": first + DAY * (c % 4), "starts_at": None, "ends_at": None}
        begin = timezone.now().replace(minute=15, second=0, microsecond=0) + timedelta(hours=7 * b)
        return {"first_day": None, "last_day": None, "starts_at": begin, "ends_at": begin + timedelta(hours=5 * c + 1)}

    def add_closure(self, a, b, c, d):
        scope = ({}, {"doctor": self.doctors[a % 2]}, {"department": self.departments[a % 2]})[d % 3]
        closures = [Closure(reason="Closed", **scope, **self.span(b, c, d))]
        if a == 11:  # several at once, side by side or one in the other
            closures.append(Closure(reason="Also closed", **self.span(b, c + d % 3, a)))
        preview = planning.preview_closures(closures)
        alike(preview, planning.add_closures(actor=TESTER, closures=closures))

    def change_closure(self, a, b, c, d):
        closure = Closure.objects.order_by("pk")[a]
        before = Closure.objects.get(pk=closure.pk)
        for name, value in self.span(b, c, d).items():
            setattr(closure, name, value)
        if d % 4 == 0:
            closure.doctor, closure.department = None, None
        fields = ["first_day", "last_day", "starts_at", "ends_at", "doctor", "department"]
        preview = planning.preview_closures([closure], before=[before])
        alike(preview, planning.change_closure(actor=TESTER, closure=closure, fields=fields))

    def lift_closure(self, a, b, c, d):
        closure = Closure.objects.filter(is_active=True).order_by("pk")[a % 3]
        before = Closure.objects.get(pk=closure.pk)
        closure.is_active = False
        preview = planning.preview_closures([closure], before=[before])
        alike(preview, planning.change_closure(actor=TESTER, closure=closure, fields=["is_active"]))

    def free(self, a, b):
        return AvailableSlot.objects.free(to_staff=True).order_by("starts_at", "id")[a * 3 + b]

    def book(self, a, b, c, d):
        booked = appointments.book(actor=TESTER, patient_id=PatientFactory().pk, slot_id=self.free(a, b).pk)
        self.kept.add(booked.pk)

    def appointment(self, a):
        return Appointment.objects.filter(status="booked").order_by("pk")[a % 4]

    def cancel(self, a, b, c, d):
        appointment = self.appointment(a)
        self.kept.discard(appointment.pk)
        appointments.cancel(actor=TESTER, appointment_id=appointment.pk)
        self.settled = False

    def move(self, a, b, c, d):
        appointment = self.appointment(a)
        appointments.reschedule(actor=TESTER, appointment_id=appointment.pk, slot_id=self.free(b, c).pk)
        self.settled = False

    def hold(self, a, b, c, d):
        operations.hold(actor=TESTER, slot_id=self.free(a, b).pk)

    def withdraw(self, a, b, c, d):
        operations.withdraw(actor=TESTER, slot_id=self.free(a, b).pk)

    def reinstate(self, a, b, c, d):
        withdrawn = AvailableSlot.objects.filter(status="withdrawn").order_by("-by_hand", "starts_at", "id")
        operations.reinstate(actor=TESTER, slot_id=withdrawn[a].pk)

    def add_seat(self, a, b, c, d):
        local = datetime.combine(self.today + DAY * (1 + b % 6), time(8 + c, 15 * (d % 4)))
        seats.add_seat(
            actor=TESTER,
            doctor_id=self.doctors[a % 2].pk,
            department_id=self.departments[d % 2].pk,
            local=local,
            duration_minutes=30,
            visit_type="consultation",
            note="They asked",
            allow_overbooking=a % 3 > 0,
        )

    def generate(self, a, b, c, d):
        until = self.today + DAY * b
        for doctor in self.doctors:
            preview = planning.preview_generation(doctor_id=doctor.pk, until=until)
            alike(preview, planning.generate(actor=TESTER, doctor_id=doctor.pk, until=until))

    def settle(self):
        for doctor in self.doctors:
            planning.generate(actor=TESTER, doctor_id=doctor.pk, until=self.today + 12 * DAY)
        self.settled = True


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from(STEPS), NUMBER, NUMBER, NUMBER, NUMBER), min_size=5, max_size=12))
def test_slots_agree_with_the_plan_whatever_happens(steps):
    with override_settings(HORIZON_DAYS=HORIZON), transaction.atomic():
        world = World()
        world.add_schedule(0, 0, 1, 1)
        world.add_schedule(1, 0, 1, 1)
        for name, *numbers in steps:
            try:
                getattr(world, name)(*numbers)
            except (DomainError, IndexError):  # refused, or there is nothing to do it to
                continue
            assert set(Appointment.objects.filter(status="booked").values_list("pk", flat=True)) == world.kept
            check_seats()
            if world.settled:
                check_plan()
        world.settle()
        check_seats()
        check_plan()
        transaction.set_rollback(True)
