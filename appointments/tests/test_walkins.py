"""Patients without an appointment: the next free seat of today, and checked in; races for the last ones."""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from appointments.exceptions import AlreadyToday, DoctorNotThere, NoFreeSeat, PatientInactive, PatientNotFound
from appointments.idempotency import Idempotency
from appointments.models import Appointment, Status
from appointments.operations import book, cancel
from appointments.walkins import free_today, next_full, seats_today, today_of, walk_in
from audit.models import AuditLog
from booking_site.core.errors import DomainError, Invalid
from booking_site.testing.factories import (
    TESTER,
    ClosureFactory,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    zone_at,
)
from booking_site.testing.racing import race, what_is_wrong
from patients.models import Patient
from scheduling.exceptions import InClosure, InvalidPlan
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def in_minutes(minutes):
    return timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=minutes)


def free(doctor, minutes=10, **kwargs):
    return SlotFactory(doctor=doctor, starts_at=in_minutes(minutes), duration_minutes=10, **kwargs)


def come(patient=None, **kwargs):
    return walk_in(actor=TESTER, patient_id=(patient or PatientFactory()).pk, **kwargs)


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena", department=DepartmentFactory(time_zone=zone_at(9)))


def test_walk_in_gets_the_soonest_seat_of_the_department_and_is_checked_in(doctor):
    other = DoctorFactory(department=doctor.department)
    free(doctor, 30), free(other, 20), free(doctor, -20)
    slot = free(other, 10)
    made = come(department_id=doctor.department_id, reason="Cough")
    assert (made.slot_id, made.status, made.source, made.reason) == (slot.pk, Status.CHECKED_IN, "walk_in", "Cough")
    assert made.checked_in_at is not None
    slot.refresh_from_db()
    assert slot.status == "booked"
    rows = AuditLog.objects.filter(appointment_id=made.pk).order_by("timestamp", "pk").values_list("action", flat=True)
    assert list(rows) == ["appointment.booked", "appointment.checked_in"]


def test_walk_in_of_a_doctor_or_of_a_kind_gets_no_other_seat(doctor):
    other = DoctorFactory(department=doctor.department)
    free(other, 10), free(doctor, 15, visit_type="surgery")
    slot = free(doctor, 25)
    assert [one.pk for one in free_today(None, doctor.pk, "consultation")] == [slot.pk]
    assert come(doctor_id=doctor.pk, visit_type="consultation").slot_id == slot.pk


def test_walk_in_gets_a_seat_for_staff_only_and_none_that_is_held_or_too_short_notice(doctor):
    VisitTypeFactory(code="prepared", latest_minutes=60)
    free(doctor, 10, visit_type="prepared")
    hold = {"held_until": in_minutes(5), "hold_digest": "x" * 64, "held_by": "somebody"}
    free(doctor, 21, status="held", **hold)
    slot = free(doctor, 32, is_public=False)
    assert come(doctor_id=doctor.pk).slot_id == slot.pk


def test_walk_in_passes_over_a_seat_at_a_time_that_the_patient_has_not(doctor):
    patient = PatientFactory()
    elsewhere = DoctorFactory(department=doctor.department)
    booked(patient=patient, slot=free(elsewhere, 10))
    free(doctor, 12)
    slot = free(doctor, 25)
    assert come(patient, doctor_id=doctor.pk, although_booked=True).slot_id == slot.pk


def test_walk_in_is_told_the_next_seat_when_none_is_left_today(doctor):
    with pytest.raises(NoFreeSeat, match="There is none on a later day either"):
        come(doctor_id=doctor.pk)
    slot = free(doctor, 24 * 60)
    with pytest.raises(NoFreeSeat, match=f"The next one is .* {slot.time:%H:%M} .*, Dr Sena") as refused:
        come(doctor_id=doctor.pk)
    assert (refused.value.status_code, refused.value.code) == (409, "no_free_seat")
    assert not Appointment.objects.exists()
    rows = AuditLog.objects.filter(action="appointment.walked_in").values_list("status", "details__code")
    assert list(rows) == [("failure", "no_free_seat")] * 2


def test_today_is_the_day_of_the_site(doctor):
    """The seats begin at the same moment: in the afternoon of the one place, and after midnight at the other."""
    late = DoctorFactory(department=DepartmentFactory(time_zone=zone_at(19)))
    in_five_hours = 5 * 60 + 1
    free(late, in_five_hours)
    slot = free(doctor, in_five_hours)
    with pytest.raises(NoFreeSeat):
        come(doctor_id=late.pk)
    assert come(doctor_id=doctor.pk).slot_id == slot.pk


@pytest.mark.parametrize(
    ("clock", "now", "is_of_today"),
    [
        ("2030-01-16 00:10", "2030-01-15 23:55", True),
        ("2030-01-16 03:54", "2030-01-15 23:55", True),
        ("2030-01-16 03:55", "2030-01-15 23:55", False),
        ("2030-01-15 23:50", "2030-01-16 00:05", True),
        ("2030-01-15 20:05", "2030-01-16 00:05", False),
        ("2030-01-16 00:10", "2030-01-16 23:50", True),
    ],
)
def test_what_is_some_hours_off_is_of_today_also_past_midnight(clock, now, is_of_today):
    starts_at, moment = (datetime.fromisoformat(each).replace(tzinfo=BERLIN) for each in (clock, now))
    doctor = DoctorFactory(department=DepartmentFactory(time_zone="Europe/Berlin"))
    appointment = booked(slot=SlotFactory(doctor=doctor, starts_at=starts_at))
    with time_machine.travel(moment, tick=False):
        assert [slot.pk for slot in seats_today(doctor.pk)] == [appointment.slot_id] * is_of_today
        assert today_of(appointment.patient_id) == [appointment] * is_of_today


def test_walk_in_before_midnight_gets_a_seat_after_it():
    doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone_at(23)))
    slot = free(doctor, 60 - timezone.now().minute + 10)
    assert come(doctor_id=doctor.pk).slot_id == slot.pk


def test_patient_who_is_due_after_midnight_is_expected_before_it():
    doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone_at(23)))
    appointment = booked(slot=free(doctor, 60 - timezone.now().minute + 10))
    free(doctor, 60 - timezone.now().minute + 20)
    with pytest.raises(AlreadyToday):
        come(appointment.patient, doctor_id=doctor.pk)


def test_patient_who_is_expected_today_is_not_given_a_second_appointment_by_mistake(doctor):
    patient = PatientFactory()
    appointment = booked(patient=patient, slot=free(doctor, 60))
    free(doctor, 10)
    with pytest.raises(AlreadyToday, match="Dr Sena"):
        come(patient, doctor_id=doctor.pk)
    cancel(actor=TESTER, appointment_id=appointment.pk)
    assert come(patient, doctor_id=doctor.pk).status == Status.CHECKED_IN


def test_walk_in_of_nobody_or_nowhere_is_refused(doctor):
    free(doctor)
    with pytest.raises(PatientNotFound):
        walk_in(actor=TESTER, patient_id=uuid.uuid4(), doctor_id=doctor.pk)
    with pytest.raises(PatientInactive):
        come(PatientFactory(is_active=False), doctor_id=doctor.pk)
    with pytest.raises(Invalid) as refused:
        come()
    assert refused.value.errors[0]["field"] == "department"


def test_walk_in_of_a_merged_record_is_that_of_the_record_it_was_merged_into(doctor):
    stays, old = PatientFactory(), PatientFactory()
    Patient.objects.filter(pk=old.pk).update(merged_into=stays, is_active=False)
    free(doctor, 10), free(doctor, 20)
    assert come(old, doctor_id=doctor.pk).patient_id == stays.pk
    with pytest.raises(AlreadyToday):
        come(old, doctor_id=doctor.pk)


def test_walk_in_with_one_key_is_done_once(doctor):
    free(doctor, 10), free(doctor, 20)
    key = Idempotency(client="console:1", key="k", fingerprint="f")
    patient = PatientFactory()
    once, again = (come(patient, doctor_id=doctor.pk, idempotency=key) for _ in range(2))
    assert (once.pk, Appointment.objects.count()) == (again.pk, 1)


# --- an extra seat -------------------------------------------------------------------------------------------


def test_overbooking_adds_a_seat_at_the_next_full_five_minutes_beside_what_is_there(doctor):
    VisitTypeFactory(code="consultation", duration_minutes=30)
    booked(slot=SlotFactory(doctor=doctor, starts_at=in_minutes(1), duration_minutes=40))
    before = timezone.now()
    made = come(doctor_id=doctor.pk, visit_type="consultation", overbook=True, overbook_reason="In pain")
    assert next_full(before) <= made.starts_at <= next_full(timezone.now())
    assert made.ends_at - made.starts_at == timedelta(minutes=30)
    slot = AvailableSlot.objects.get(pk=made.slot_id)
    assert (slot.seat, slot.note, slot.is_public, slot.schedule_id) == (2, "In pain", False, None)
    assert (made.status, made.source) == (Status.CHECKED_IN, "walk_in")
    assert AuditLog.objects.filter(action="slot.overbooked", object_id=str(slot.pk)).exists()


def test_overbooking_that_falls_through_leaves_no_seat_behind(doctor):
    there = free(doctor, 60)
    ClosureFactory(
        first_day=timezone.now().date() - timedelta(days=1), last_day=timezone.now().date() + timedelta(days=1)
    )
    with pytest.raises(InClosure):
        come(doctor_id=doctor.pk, visit_type=VisitTypeFactory().pk, overbook=True, overbook_reason="In pain")
    assert AvailableSlot.objects.get() == there


def test_a_doctor_who_is_not_there_today_is_not_overbooked(doctor):
    elsewhere = DepartmentFactory(name="Dermatology", time_zone=doctor.department.time_zone)
    free(doctor, 24 * 60), free(doctor, 30, status="withdrawn"), free(doctor, 20, department=elsewhere)
    given = {"visit_type": VisitTypeFactory().pk, "overbook": True, "overbook_reason": "In pain"}
    with pytest.raises(DoctorNotThere, match=f"Dr Sena has no seats in {doctor.department} today") as refused:
        come(doctor_id=doctor.pk, **given)
    assert (refused.value.status_code, refused.value.code) == (409, "doctor_not_there")
    assert refused.value.errors[0]["field"] == "doctor"
    assert AvailableSlot.objects.count() == 3
    assert come(doctor_id=doctor.pk, department_id=elsewhere.pk, **given).department == elsewhere


@pytest.mark.parametrize(
    ("missing", "field"),
    [("doctor_id", "doctor"), ("visit_type", "visit_type"), ("overbook_reason", "overbook_reason")],
)
def test_overbooking_needs_a_doctor_a_kind_and_a_reason(doctor, missing, field):
    whole = {"doctor_id": doctor.pk, "visit_type": VisitTypeFactory().pk, "overbook_reason": "In pain"}
    given = whole | {missing: "", "department_id": doctor.department_id}
    with pytest.raises((Invalid, InvalidPlan)) as refused:
        come(overbook=True, **given)
    assert refused.value.errors[0]["field"] == field


def test_next_full_five_minutes_lie_ahead():
    on_the_dot = in_minutes(0).replace(minute=55)
    for moment in (on_the_dot, on_the_dot + timedelta(seconds=299)):
        assert next_full(moment) == on_the_dot + timedelta(minutes=5)


# --- races ---------------------------------------------------------------------------------------------------

SEATS, RIVALS = 4, 10


def coming(patient, walking):
    def run():
        try:
            return str(walking(patient).slot_id)
        except DomainError as error:
            return error.code
        finally:
            connection.close()

    return run


@pytest.mark.django_db(transaction=True)
def test_more_walk_ins_than_seats_get_each_seat_once_and_the_rest_are_told(doctor):
    seats = {str(free(doctor, 10 + 10 * number).pk) for number in range(SEATS)}
    patients = PatientFactory.create_batch(RIVALS)
    got = race([coming(patient, lambda patient: come(patient, doctor_id=doctor.pk)) for patient in patients])
    assert Counter(got) == Counter(dict.fromkeys(seats, 1) | {"no_free_seat": RIVALS - SEATS})
    assert what_is_wrong() == {}


@pytest.mark.django_db(transaction=True)
def test_control_walk_ins_that_look_first_and_book_then_all_want_the_same_seat(doctor):
    """What passing over the seats of others is for: who looks, then books, is refused though there are seats left."""
    for number in range(SEATS):
        free(doctor, 10 + 10 * number)
    patients = PatientFactory.create_batch(SEATS)
    seen = free_today(None, doctor.pk, None).first()  # what each of them sees

    def naive(patient):
        return book(actor=TESTER, patient_id=patient.pk, slot_id=seen.pk)

    got = race([coming(patient, naive) for patient in patients])
    assert Counter(got) == {str(seen.pk): 1, "slot_unavailable": SEATS - 1}


@pytest.mark.django_db(transaction=True)
def test_one_patient_at_two_desks_walks_in_once(doctor):
    for number in range(SEATS):
        free(doctor, 10 + 10 * number)
    patient = PatientFactory()
    got = race([coming(patient, lambda patient: come(patient, doctor_id=doctor.pk)) for _ in range(2)])
    assert Counter(code if code == "already_today" else "seat" for code in got) == {"seat": 1, "already_today": 1}


@pytest.mark.django_db(transaction=True)
def test_walk_ins_take_the_last_visit_of_a_day_that_is_limited_once(doctor):
    kind = VisitTypeFactory(code="limited", limit_per_doctor_day=1)
    for number in range(SEATS):
        free(doctor, 10 + 10 * number, visit_type=kind)
    patients = PatientFactory.create_batch(3)
    got = race([coming(patient, lambda patient: come(patient, doctor_id=doctor.pk)) for patient in patients])
    assert Counter(code if code == "no_free_seat" else "seat" for code in got) == {"seat": 1, "no_free_seat": 2}
