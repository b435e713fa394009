"""Adding and withdrawing single seats by hand, and what generation makes of them: nothing."""

import uuid
from datetime import date, datetime, time, timedelta

import pytest
from django.db import close_old_connections, connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from audit.models import AuditLog
from booking_site.core.errors import DomainError, KeyReused
from booking_site.core.localtime import instant
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    ScheduleFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
)
from booking_site.testing.racing import race
from scheduling import operations, planning
from scheduling.exceptions import InClosure, InvalidPlan, SeatOverbooks, SlotUnavailable
from scheduling.models import AvailableSlot, Closure
from scheduling.seats import add_seat

pytestmark = pytest.mark.django_db


def in_a_week(clock: str = "09:00") -> datetime:
    """Local date and time, naive: a week from today."""
    return datetime.combine(timezone.now().date() + timedelta(days=7), time.fromisoformat(clock))


def add(doctor, local=None, **more) -> AvailableSlot:
    VisitTypeFactory(code="consultation")
    given = {
        "actor": TESTER,
        "doctor_id": doctor.pk,
        "department_id": doctor.department_id,
        "local": local or in_a_week(),
        "duration_minutes": 30,
        "visit_type": "consultation",
    }
    return add_seat(**given | more)


def refused(error, doctor, local=None, **more) -> DomainError:
    """The refusal, which has left its row in the audit log and nothing else."""
    before = list(AvailableSlot.objects.order_by("pk").values())
    with pytest.raises(error) as caught:
        add(doctor, local, **more)
    assert list(AvailableSlot.objects.order_by("pk").values()) == before
    row = AuditLog.objects.filter(action="slot.added").latest("timestamp")
    assert (row.status, row.details["code"]) == ("failure", caught.value.code)
    return caught.value


# --- adding --------------------------------------------------------------------------------------------------------


def test_an_added_seat_can_be_booked_and_belongs_to_no_schedule():
    doctor = DoctorFactory()
    local = in_a_week("17:30")
    slot = add(doctor, local, note="Asked for by the ward", is_public=False)
    slot.refresh_from_db()
    assert (slot.schedule, slot.seat, slot.status, slot.is_public) == (None, 1, "available", False)
    assert (slot.date, slot.time, slot.starts_at) == (local.date(), time(17, 30), instant(local, "Europe/Berlin"))
    assert slot.ends_at - slot.starts_at == timedelta(minutes=30)
    row = AuditLog.objects.get(action="slot.added")
    assert (row.object_id, row.details["new"]["note"]) == (str(slot.pk), "Asked for by the ward")
    assert booked(slot=slot).slot_id == slot.pk


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"duration_minutes": 0}, "invalid_duration"),
        ({"duration_minutes": -5}, "invalid_duration"),
        ({"duration_minutes": 10**12}, "invalid_duration"),
        ({"visit_type": "no-such"}, "unknown"),
        ({"department_id": uuid.uuid4()}, "unknown"),
        ({"doctor_id": "NOBODY"}, "unknown"),
        ({"local": datetime(9999, 12, 31, 23, 59)}, "too_far"),
        ({"local": datetime(1, 1, 1)}, "past"),
    ],
)
def test_a_seat_that_makes_no_sense_is_refused(more, code):
    assert refused(InvalidPlan, DoctorFactory(), **more).code == code


def test_a_seat_in_the_past_is_refused_by_the_clock_of_its_site():
    kiritimati = DoctorFactory(department=DepartmentFactory(time_zone="Pacific/Kiritimati"))
    there = timezone.now().astimezone(kiritimati.department.tz).replace(tzinfo=None)
    assert refused(InvalidPlan, kiritimati, there - timedelta(minutes=1)).code == "past"
    assert add(kiritimati, there + timedelta(minutes=2)).starts_at > timezone.now()


def test_inactive_doctors_departments_and_visit_types_get_no_seats():
    assert refused(InvalidPlan, DoctorFactory(is_active=False)).code == "doctor_inactive"
    assert refused(InvalidPlan, DoctorFactory(department__is_active=False)).code == "department_inactive"
    VisitTypeFactory(code="old", is_active=False)
    assert refused(InvalidPlan, DoctorFactory(), visit_type="old").code == "unknown"


@pytest.mark.parametrize(
    ("zone", "day", "skipped", "twice"),
    [("Europe/Berlin", (3, 10), "02:30", "02:30"), ("Australia/Lord_Howe", (10, 4), "02:15", "01:45")],
)
def test_a_time_that_the_clock_skips_is_refused_and_one_that_comes_twice_is_the_first(zone, day, skipped, twice):
    doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone))
    today = timezone.now().date()
    changes = {}
    for ahead in range(1, 400):  # when the clocks change here within a year
        noon = datetime.combine(today + timedelta(days=ahead), time(12), doctor.department.tz)
        step = noon.utcoffset() - (noon - timedelta(days=1)).utcoffset()
        if step:
            changes.setdefault(step > timedelta(0), noon.date())
    assert {changes[True].month, changes[False].month} == set(day)
    forward = datetime.combine(changes[True], time.fromisoformat(skipped))
    assert refused(InvalidPlan, doctor, forward).code == "no_such_time"
    back = datetime.combine(changes[False], time.fromisoformat(twice))
    slot = add(doctor, back)
    assert slot.starts_at.astimezone(doctor.department.tz).fold == 0
    assert slot.starts_at == instant(back, zone)


def test_a_seat_in_a_closure_is_refused_and_the_closure_named():
    doctor = DoctorFactory()
    local = in_a_week()
    of_others = {"doctor": DoctorFactory()}, {"department": DepartmentFactory()}, {"is_active": False}
    for scope in of_others:
        Closure.objects.create(first_day=local.date(), last_day=local.date(), reason="Elsewhere", **scope)
    assert add(doctor, local).status == "available"
    for scope in ({}, {"doctor": doctor}, {"department": doctor.department}):
        closure = Closure.objects.create(
            first_day=local.date(), last_day=local.date(), reason=f"Closed {len(scope)}", **scope
        )
        assert str(closure) in refused(InClosure, doctor, in_a_week("15:00")).detail
        closure.delete()
    begin = instant(in_a_week("12:00"), "Europe/Berlin")
    Closure.objects.create(starts_at=begin, ends_at=begin + timedelta(hours=1), reason="Fire drill", doctor=doctor)
    assert "Fire drill" in refused(InClosure, doctor, in_a_week("11:31")).detail
    add(doctor, in_a_week("11:30")), add(doctor, in_a_week("13:00"))


# --- overbooking ---------------------------------------------------------------------------------------------------


def test_a_second_seat_at_a_time_needs_leave_and_a_reason_and_gets_the_lowest_free_number():
    doctor = DoctorFactory(name="Dr Sena")
    first = add(doctor)
    said = refused(SeatOverbooks, doctor).detail
    assert said.startswith("Dr Sena has a slot at that time already: 09:00 to 09:30 Europe/Berlin, Consultation")
    refused(SeatOverbooks, doctor, in_a_week("08:45"))
    assert refused(InvalidPlan, doctor, allow_overbooking=True, note="  ").errors[0]["field"] == "note"
    second = add(doctor, allow_overbooking=True, note="Emergency")
    third = add(doctor, allow_overbooking=True, note="Another")
    assert (first.seat, second.seat, third.seat) == (1, 2, 3)
    operations.withdraw(actor=TESTER, slot_id=second.pk)
    assert add(doctor, in_a_week("09:15"), allow_overbooking=True, note="Again").seat == 2
    rows = AuditLog.objects.filter(action="slot.overbooked", status="success").order_by("timestamp")
    assert [row.details["new"]["note"] for row in rows] == ["Emergency", "Another", "Again"]


def test_slots_that_only_touch_and_withdrawn_ones_are_in_nobodys_way():
    doctor = DoctorFactory()
    add(doctor)
    add(doctor, in_a_week("09:30")), add(doctor, in_a_week("08:30"))
    add(DoctorFactory(), in_a_week("09:00"))
    operations.withdraw(actor=TESTER, slot_id=AvailableSlot.objects.get(doctor=doctor, time=time(9)).pk)
    assert add(doctor).seat == 1


def test_a_seat_overbooks_what_lies_at_another_site():
    doctor = DoctorFactory()
    add(doctor)
    lisbon = DepartmentFactory(time_zone="Europe/Lisbon")
    assert (
        "09:00 to 09:30 Europe/Berlin"
        in refused(SeatOverbooks, doctor, in_a_week("08:00"), department_id=lisbon.pk).detail
    )


def test_sent_twice_it_adds_one_seat():
    doctor, slot_id = DoctorFactory(), uuid.uuid4()
    assert add(doctor, slot_id=slot_id) == add(doctor, slot_id=slot_id)
    refused(KeyReused, doctor, in_a_week("11:00"), slot_id=slot_id)
    assert AvailableSlot.objects.get().pk == slot_id
    assert AuditLog.objects.filter(action="slot.added", status="success").count() == 1


# --- withdrawing and offering again ----------------------------------------------------------------------------------


def test_a_seat_is_withdrawn_with_its_reason_and_offered_again_without():
    slot = SlotFactory()
    operations.withdraw(actor=TESTER, slot_id=slot.pk, note="Meeting")
    slot.refresh_from_db()
    assert (slot.status, slot.by_hand, slot.note) == ("withdrawn", True, "Meeting")
    assert AuditLog.objects.get(action="slot.withdrawn").details["new"]["note"] == "Meeting"
    operations.reinstate(actor=TESTER, slot_id=slot.pk)
    slot.refresh_from_db()
    assert (slot.status, slot.by_hand, slot.note) == ("available", False, "")
    assert AuditLog.objects.get(action="slot.reinstated").details["old"] == {"status": "withdrawn", "note": "Meeting"}


def test_a_seat_in_a_closure_or_in_the_past_is_not_offered_again():
    slot = SlotFactory(status="withdrawn")
    closure = Closure.objects.create(first_day=slot.date, last_day=slot.date, reason="Congress", doctor=slot.doctor)
    with pytest.raises(InClosure, match="Congress"):
        operations.reinstate(actor=TESTER, slot_id=slot.pk)
    closure.delete()
    operations.reinstate(actor=TESTER, slot_id=slot.pk)
    gone = SlotFactory(status="withdrawn", starts_at=timezone.now() - timedelta(hours=1))
    with pytest.raises(SlotUnavailable, match="in the past"):
        operations.reinstate(actor=TESTER, slot_id=gone.pk)
    gone.refresh_from_db()
    assert gone.status == "withdrawn"


# --- generation ------------------------------------------------------------------------------------------------------


def generate(doctor, until: date) -> None:
    planning.generate(actor=TESTER, doctor_id=doctor.pk, until=until)


class GenerationTest(TestCase):
    @settings(max_examples=12)
    @given(
        added=st.lists(st.tuples(st.integers(1, 13), st.integers(7 * 12, 14 * 12)), max_size=8),
        withdrawn=st.sets(st.integers(0, 40), max_size=8),
    )
    def test_generation_leaves_alone_what_was_added_and_withdrawn_by_hand(self, added, withdrawn):
        """``added``: days ahead and times in steps of five minutes, many of them over slots of the schedule."""
        schedule = ScheduleFactory(seats=2)
        doctor = schedule.doctor
        until = timezone.now().date() + timedelta(days=14)
        generate(doctor, until)
        for number, slot in enumerate(AvailableSlot.objects.filter(doctor=doctor, starts_at__gt=timezone.now())):
            if number in withdrawn:
                operations.withdraw(actor=TESTER, slot_id=slot.pk)
        for days, steps in added:
            local = datetime.combine(timezone.now().date() + timedelta(days=days), time(steps // 12, steps % 12 * 5))
            add(doctor, local, allow_overbooking=True, note="By hand")
        before = list(AvailableSlot.objects.order_by("pk").values())
        generate(doctor, until)
        generate(doctor, until)
        assert list(AvailableSlot.objects.order_by("pk").values()) == before


# --- at once ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_16_who_add_a_seat_at_one_time_get_a_number_each_with_leave_and_one_without():
    doctor = DoctorFactory()
    VisitTypeFactory(code="consultation")

    def adding(**more):
        def run():
            try:
                return add(doctor, **more).seat
            except DomainError as error:
                return error.code
            finally:
                connection.close()

        return run

    answers = race([adding()] * 16)
    assert answers.count(1) == 1
    assert set(answers) <= {1, "overbooks", "busy"}
    answers = race([adding(allow_overbooking=True, note="All at once")] * 16)
    seats = sorted(answer for answer in answers if answer != "busy")  # who waited for longer than may be
    assert seats == list(range(2, 2 + len(seats)))
    assert AvailableSlot.objects.count() == 1 + len(seats)
    close_old_connections()


@pytest.mark.django_db(transaction=True)
def test_one_form_sent_16_times_at_once_adds_one_seat():
    doctor, slot_id = DoctorFactory(), uuid.uuid4()
    VisitTypeFactory(code="consultation")

    def send():
        try:
            return add(doctor, slot_id=slot_id).pk
        finally:
            connection.close()

    assert set(race([send] * 16)) == {slot_id}
    assert AvailableSlot.objects.count() == 1
