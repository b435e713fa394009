"""Alternatives, and rebooking all: against brute force, in order of urgency, all or nothing, beside other bookings."""

import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments import operations, rebooking, signals
from appointments.alternatives import alternatives
from appointments.models import Appointment
from appointments.rebooking import in_line, propose, rebook_all
from appointments.tests.test_assignment import best, totals
from appointments.tests.test_urgency import closed
from audit.models import AuditLog
from booking_site.core.actor import Actor
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
)
from booking_site.testing.racing import race, what_is_wrong
from doctors.models import Doctor
from patients.models import Patient
from scheduling import operations as holding
from scheduling import planning
from scheduling.models import AvailableSlot, Closure, VisitType

pytestmark = pytest.mark.django_db
STAFF = Actor(kind="user", id="1", name="rosa")


@pytest.fixture
def doctor():
    return DoctorFactory(specialization="Cardiology")


def colleague(doctor, **kwargs):
    return DoctorFactory(**{"department": doctor.department, "specialization": doctor.specialization} | kwargs)


def seat(doctor, days, hour=9, minute=0, **kwargs):
    return SlotFactory(doctor=doctor, starts_at=in_days(days, hour, minute), **kwargs)


def waiting(doctor, days=7, hour=9, minute=0, **kwargs):
    """An appointment that needs a new time."""
    return closed(booked(slot=seat(doctor, days, hour, minute), **kwargs))


def offered(appointment) -> dict[uuid.UUID, list[str]]:
    return {one.slot_id: one.kinds for one in alternatives([appointment]).get(appointment.pk, [])}


def moves(*appointments) -> dict[uuid.UUID, uuid.UUID]:
    chosen, _left = propose(list(in_line().filter(pk__in=[one.pk for one in appointments])))
    return {move.appointment.pk: move.slot.pk for move in chosen}


def reasons(report) -> dict[uuid.UUID, str]:
    return {one.appointment.pk: str(one.why) for one in report.left}


# --- alternatives ------------------------------------------------------------------------------------------------


def test_the_worklist_has_urgent_ones_first_then_the_soonest(doctor):
    third, second = waiting(doctor, 9), waiting(doctor, 8)
    first = waiting(doctor, 10, is_urgent=True)
    booked()
    assert list(in_line()) == [first, second, third]


def test_three_kinds_of_alternatives_are_offered_the_soonest_of_each(doctor):
    appointment = waiting(doctor, 7, 9)  # a morning at the site
    other = colleague(doctor)
    of_other = [seat(other, 8, 15), seat(other, 9, 15), seat(other, 10, 15)]
    own = [seat(doctor, 11, 15), seat(doctor, 12, 15), seat(doctor, 13, 15)]
    same_time = [seat(other, 14, 10), seat(other, 21, 8), seat(doctor, 28, 9)]
    assert offered(appointment) == {
        of_other[0].pk: ["specialization"],
        of_other[1].pk: ["specialization"],
        own[0].pk: ["doctor"],
        own[1].pk: ["doctor"],
        same_time[0].pk: ["time"],
        same_time[1].pk: ["time"],
    }


def test_what_is_best_in_several_ways_is_offered_once(doctor):
    appointment = waiting(doctor, 7, 9)
    again = seat(doctor, 14, 9)
    assert offered(appointment) == {again.pk: ["doctor", "specialization", "time"]}


@pytest.mark.parametrize(("hour", "same"), [("11:59", True), ("12:00", False), ("17:00", False), ("07:00", True)])
def test_the_parts_of_the_day_are_those_of_the_sites_clock(hour, same):
    doctor = DoctorFactory(department=DepartmentFactory(time_zone="Asia/Tokyo"))
    first = datetime(2031, 11, 3, 0, tzinfo=UTC)  # a Monday, nine o'clock in Tokyo, midnight in UTC
    appointment = closed(booked(slot=SlotFactory(doctor=doctor, starts_at=first)))
    local = datetime.fromisoformat(f"2031-11-10T{hour}+09:00").astimezone(UTC)
    other = SlotFactory(doctor=doctor, starts_at=local)
    assert ("time" in offered(appointment)[other.pk]) is same


def test_only_what_suits_is_offered(doctor):
    patient = PatientFactory()
    appointment = waiting(doctor, 7, 9, patient=patient)
    other = colleague(doctor)
    elsewhere = booked(patient=patient, slot=seat(DoctorFactory(), 8, 9))
    wrong = [
        seat(other, 8, 8, duration_minutes=20),  # too short
        seat(other, 8, 10, visit_type="surgery"),
        seat(colleague(doctor, specialization="Nephrology"), 8, 11),
        seat(DoctorFactory(specialization=doctor.specialization), 8, 12),  # another department
        seat(other, 8, 9, 15),  # the patient is elsewhere
        seat(other, 8, 13, status="withdrawn"),
        seat(other, -1, 9),
        seat(colleague(doctor, is_active=False), 8, 9),
    ]
    held = seat(other, 8, 14)
    holding.hold(actor=TESTER, slot_id=held.pk)
    assert offered(appointment) == {}
    assert moves(appointment) == {}
    for_staff = seat(other, 9, 9, is_public=False, duration_minutes=60)
    assert list(offered(appointment)) == [for_staff.pk]
    assert moves(appointment) == {appointment.pk: for_staff.pk}
    operations.cancel(actor=TESTER, appointment_id=elsewhere.pk)
    assert wrong[4].pk in offered(appointment)
    assert moves(appointment) == {appointment.pk: wrong[4].pk}


def test_of_a_groups_seats_at_one_time_one_is_offered(doctor):
    appointment = waiting(doctor)
    seats = [seat(doctor, 8, 9, seat=number) for number in (1, 2, 3)]
    later = seat(doctor, 9, 15)
    assert list(offered(appointment)) == [seats[0].pk, later.pk]


def test_the_alternatives_of_a_page_take_one_query(doctor):
    appointments = [waiting(doctor, 7 + n) for n in range(5)]
    for n in range(5):
        seat(doctor, 20 + n)
    for asked in (appointments[:1], appointments):
        with CaptureQueriesContext(connection) as queries:
            assert len(alternatives(asked)) == len(asked)
        assert sum("available_slots" in query["sql"] for query in queries) == 1


# --- who goes where ----------------------------------------------------------------------------------------------


@st.composite
def clinics(draw):
    """Old times, lengths and urgency; free seats and their lengths; in units of an hour and of ten minutes."""
    hours = st.integers(0, 5)
    old = draw(st.lists(st.tuples(hours, st.integers(1, 3), st.booleans()), min_size=1, max_size=4))
    free = draw(st.lists(st.tuples(hours, st.integers(1, 3)), max_size=5))
    busy = draw(st.lists(st.one_of(st.none(), hours), min_size=len(old), max_size=len(old)))
    return old, free, busy


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clinics())
def test_no_other_assignment_of_the_seats_is_better(doctor, clinic):
    """Over the database, candidates and all: the totals are those of the best of all assignments."""
    old, free, busy = clinic
    monday = in_days(7, 9)
    base = timedelta(minutes=10)

    def made(doctor, hour, length):
        return SlotFactory(doctor=doctor, starts_at=monday + timedelta(hours=hour), duration_minutes=10 * length)

    appointments = []
    for (hour, length, is_urgent), other in zip(old, busy, strict=True):
        gone = colleague(doctor)
        patient = PatientFactory()
        appointments.append(booked(patient=patient, slot=made(gone, hour, length), is_urgent=is_urgent))
        if other is not None and other != hour:
            booked(patient=patient, slot=made(DoctorFactory(), other, 3))
        closed(appointments[-1])
    seats = [made(colleague(doctor), hour, length) for hour, length in free]
    elsewhere = [None if other == row[0] else other for row, other in zip(old, busy, strict=True)]
    delays = [
        [
            (s.starts_at - a.starts_at) // timedelta(minutes=1)
            if s.starts_at >= a.starts_at
            and s.duration_minutes * base >= (a.ends_at - a.starts_at) * 10
            and (other is None or s.starts_at != monday + timedelta(hours=other))
            else math.inf
            for s in seats
        ]
        for a, other in zip(appointments, elsewhere, strict=True)
    ]
    urgent = [is_urgent for _hour, _length, is_urgent in old]
    chosen = moves(*appointments)
    columns = [[s.pk for s in seats].index(chosen[a.pk]) if a.pk in chosen else None for a in appointments]
    assert totals(delays, urgent, columns) == best(delays, urgent)
    Appointment.objects.all().delete()
    AvailableSlot.objects.all().delete()


def test_urgent_ones_get_the_few_seats_there_are(doctor):
    first, urgent = waiting(doctor, 7, 9), waiting(doctor, 7, 10, is_urgent=True)
    free = seat(colleague(doctor), 8)
    _moved, left = propose(list(in_line()))
    assert moves(first, urgent) == {urgent.pk: free.pk}
    assert [(one.appointment, one.why) for one in left] == [(first, rebooking.TOO_FEW)]


def test_seats_before_the_old_time_and_beyond_the_horizon_are_none(doctor, settings):
    settings.REBOOK_WITHIN_DAYS = 2
    appointment = waiting(doctor, 7, 9)
    other = colleague(doctor)
    before, beyond = seat(other, 7, 8), seat(other, 9, 9, 1)
    _moved, left = propose([appointment])
    assert [(one.appointment, one.why) for one in left] == [(appointment, rebooking.NO_SEAT)]
    at_the_end = seat(other, 9, 9, seat=2)
    assert moves(appointment) == {appointment.pk: at_the_end.pk}
    at_once = seat(other, 7, 9)
    assert moves(appointment) == {appointment.pk: at_once.pk}
    assert {before.status, beyond.status} == {"available"}


def test_both_appointments_of_a_patient_are_moved_or_neither(doctor):
    patient, eyes = PatientFactory(), DoctorFactory(specialization="Eyes")
    one = waiting(doctor, 7, 9, patient=patient, is_urgent=True)
    other = waiting(eyes, 7, 11, patient=patient)
    rival = waiting(doctor, 7, 10)
    free = seat(colleague(doctor), 8)
    report = rebook_all(actor=TESTER, appointment_ids=[one.pk, other.pk, rival.pk])
    # What the patient gives up goes to the next.
    assert [(move.appointment, move.slot) for move in report.moved] == [(rival, free)]
    assert reasons(report) == {one.pk: rebooking.TOGETHER, other.pk: rebooking.NO_SEAT}
    two = [seat(colleague(doctor), 9), seat(colleague(eyes), 9, 12)]
    report = rebook_all(actor=TESTER, appointment_ids=[one.pk, other.pk])
    assert {move.appointment: move.slot for move in report.moved} == dict(zip([one, other], two, strict=True))
    assert what_is_wrong() == {}


def test_two_appointments_of_a_patient_get_seats_that_do_not_overlap(doctor):
    patient = PatientFactory()
    one = waiting(doctor, 7, 9, patient=patient, is_urgent=True)
    other = waiting(doctor, 7, 10, patient=patient)
    for _ in range(3):  # all at the same time
        seat(colleague(doctor), 8)
    soonest = AvailableSlot.objects.filter(starts_at=in_days(8)).values_list("pk", flat=True)
    later = seat(colleague(doctor), 8, 11)
    chosen = moves(one, other)
    assert chosen[one.pk] in soonest
    assert chosen[other.pk] == later.pk
    report = rebook_all(actor=TESTER, appointment_ids=[one.pk, other.pk])
    assert (len(report.moved), what_is_wrong()) == (2, {})


@pytest.mark.django_db(transaction=True)
def test_a_pair_whose_second_move_is_refused_is_not_moved_at_all(doctor):
    patient, eyes = PatientFactory(), DoctorFactory(specialization="Eyes")
    one, other = waiting(doctor, 7, 9, patient=patient), waiting(eyes, 7, 11, patient=patient)
    seat(colleague(doctor), 8), seat(colleague(eyes), 9)

    def refuse(appointment, **kwargs):
        if appointment.pk == other.pk:
            raise rebooking.DomainError("No.", code="test")

    signals.appointment_rescheduled.connect(refuse)
    try:
        report = rebook_all(actor=TESTER, appointment_ids=[one.pk, other.pk])
    finally:
        signals.appointment_rescheduled.disconnect(refuse)
    assert (report.moved, report.rounds, reasons(report)) == ([], 3, {one.pk: "No.", other.pk: "No."})
    assert set(in_line()) == {one, other}
    assert AuditLog.objects.filter(action="appointment.rescheduled", status="failure").count() == 3
    assert not AuditLog.objects.filter(action="appointment.rescheduled", status="success").exists()


def test_a_closed_record_is_not_moved_and_that_is_said(doctor):
    appointment = waiting(doctor)
    seat(doctor, 9)
    Patient.objects.update(is_active=False)
    report = rebook_all(actor=TESTER, appointment_ids=[appointment.pk])
    assert reasons(report) == {appointment.pk: rebooking.CLOSED}


# --- doing it ----------------------------------------------------------------------------------------------------


def test_a_run_is_audited_move_by_move_and_once_as_a_whole(doctor):
    one, other = waiting(doctor, 7, 9, is_urgent=True), waiting(doctor, 7, 10)
    free = seat(colleague(doctor), 8)
    report = rebook_all(actor=STAFF, appointment_ids=[one.pk, other.pk])
    minutes = (free.starts_at - one.starts_at) // timedelta(minutes=1)
    counts = {
        "listed": 2, "moved": 1, "urgent_moved": 1, "not_moved": 1, "delay_minutes": minutes, "rounds": 1,
    }  # fmt: skip
    assert report.counts == counts
    row = AuditLog.objects.get(action="appointment.rescheduled")
    assert (row.appointment_id, row.user_name, row.details["new"]["slot_id"]) == (one.pk, "rosa", str(free.pk))
    run = AuditLog.objects.get(action="appointments.rebooked")
    assert (run.status, run.user_name, run.details) == ("success", "rosa", {"new": counts})
    moved = Appointment.objects.get(pk=one.pk)
    assert (moved.slot, moved.needs_new_time_since, moved.needs_new_time_because) == (free, None, "")
    assert AvailableSlot.objects.get(pk=one.slot_id).status == "withdrawn"


def test_only_those_that_are_named_and_still_need_a_new_time_are_moved(doctor):
    named, unnamed, settled = waiting(doctor, 7, 9), waiting(doctor, 7, 10), booked(slot=seat(colleague(doctor), 7, 8))
    for n in range(4):
        seat(colleague(doctor), 8, 8 + n)
    rebook_all(actor=TESTER, appointment_ids=[named.pk, settled.pk])
    assert list(in_line()) == [unnamed]
    assert Appointment.objects.get(pk=settled.pk).slot == settled.slot


def test_a_seat_taken_meanwhile_is_replaced_in_the_next_round(doctor):
    """When the first has been moved, somebody books the seat that the second was to get."""
    one, other = waiting(doctor, 7, 9), waiting(doctor, 7, 10)
    seats = [seat(colleague(doctor), 8, hour) for hour in (8, 9, 10)]
    chosen = moves(one, other)

    def take(appointment, **kwargs):
        signals.appointment_rescheduled.disconnect(take)
        rest = {one.pk, other.pk} - {appointment.pk}
        booked(slot=AvailableSlot.objects.get(pk=chosen[rest.pop()]))

    signals.appointment_rescheduled.connect(take)
    try:
        report = rebook_all(actor=TESTER, appointment_ids=[one.pk, other.pk])
    finally:
        signals.appointment_rescheduled.disconnect(take)
    assert (report.rounds, report.left, len(report.moved)) == (2, [], 2)
    assert seats[2] in [move.slot for move in report.moved]
    assert what_is_wrong() == {}


def test_who_has_been_moved_by_somebody_else_meanwhile_stays_there(doctor):
    one, other = waiting(doctor, 7, 9), waiting(doctor, 7, 10)
    for hour in (8, 9, 10):
        seat(colleague(doctor), 8, hour)
    wanted = seat(colleague(doctor), 20)

    def move(appointment, **kwargs):
        signals.appointment_rescheduled.disconnect(move)
        rest = ({one.pk, other.pk} - {appointment.pk}).pop()
        operations.reschedule(actor=STAFF, appointment_id=rest, slot_id=wanted.pk)

    signals.appointment_rescheduled.connect(move)
    try:
        report = rebook_all(actor=TESTER, appointment_ids=[one.pk, other.pk])
    finally:
        signals.appointment_rescheduled.disconnect(move)
    (left,) = report.left
    assert left.why == rebooking.GONE
    assert Appointment.objects.get(pk=left.appointment.pk).slot == wanted


def test_a_limit_of_visits_a_day_is_kept_and_the_rest_finds_another_day(doctor):
    VisitType.objects.filter(pk="consultation").update(limit_per_doctor_day=1)
    appointments = [waiting(DoctorFactory(department=doctor.department), 7, 9 + n) for n in range(2)]
    other = colleague(doctor)
    days = [seat(other, 8, 9), seat(other, 8, 10), seat(other, 9, 9)]
    report = rebook_all(actor=TESTER, appointment_ids=[one.pk for one in appointments])
    assert {move.slot for move in report.moved} == {days[2], report.moved[0].slot}
    assert (report.rounds, report.left, report.moved[0].slot in days[:2]) == (2, [], True)


@pytest.mark.django_db(transaction=True)
def test_two_runs_and_bookings_at_once_double_book_nobody(doctor):
    appointments = [waiting(colleague(doctor), 7, 8 + n) for n in range(8)]
    seats = [seat(colleague(doctor), 8, 8 + n) for n in range(10)]
    patients = PatientFactory.create_batch(3)
    keys = [one.pk for one in appointments]

    def run():
        try:
            return len(rebook_all(actor=STAFF, appointment_ids=keys).moved)
        finally:
            connection.close()

    def book(patient, slot):
        try:
            operations.book(actor=STAFF, patient_id=patient.pk, slot_id=slot.pk)
            return 1
        except rebooking.DomainError:
            return 0
        finally:
            connection.close()

    bookings = [lambda p=p, s=s: book(p, s) for p, s in zip(patients, seats[:3], strict=True)]
    first, second, *taken = race([run, run, *bookings])
    assert what_is_wrong() == {}
    assert first + second == 8 - in_line().count()
    assert (
        first + second + sum(taken)
        == AvailableSlot.objects.filter(pk__in=[s.pk for s in seats], status="booked").count()
    )
    assert in_line().count() == max(0, 8 + sum(taken) - 10)


def test_a_whole_department_closed_by_the_plan_finds_its_way(doctor):
    """From the closure to the last move, by the operations alone."""
    appointments = [booked(slot=seat(doctor, 7, 8 + n)) for n in range(3)]
    day = {"first_day": appointments[0].date, "last_day": appointments[0].date}
    planning.add_closures(actor=STAFF, closures=[Closure(department=doctor.department, reason="Flood", **day)])
    assert {one.needs_new_time_because for one in in_line()} == {"Flood"}
    for n in range(3):
        seat(doctor, 9, 8 + n)
    report = rebook_all(actor=STAFF, appointment_ids=[one.pk for one in in_line()])
    assert (len(report.moved), in_line().count()) == (3, 0)
    assert Doctor.objects.get(pk=doctor.pk).is_active
    assert timezone.now() < report.moved[0].slot.starts_at
