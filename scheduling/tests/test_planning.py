"""What follows from a change of schedules and closures, case by case: every one shown before it is done."""

from datetime import date, datetime, time, timedelta

import pytest
from django.utils import timezone

from appointments import operations as appointments
from booking_site.core.localtime import reached
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    SlotFactory,
    VisitTypeFactory,
)
from scheduling import planning, recurrence
from scheduling.exceptions import InvalidPlan, ScheduleOverlap
from scheduling.models import AvailableSlot, Closure, Schedule

pytestmark = pytest.mark.django_db

DAYS = 5
SEATS = 6  # a day


@pytest.fixture(autouse=True)
def _short_horizon(settings):
    settings.HORIZON_DAYS = DAYS


def day(number):
    return timezone.now().date() + timedelta(days=number)


def schedule(**more):
    """Daily from nine to twelve, from tomorrow on, with its seats."""
    made = ScheduleFactory.build(
        **{
            "doctor": DoctorFactory() if "doctor" not in more else None,
            "department": None,
            "visit_type": VisitTypeFactory(code="consultation"),
            "recurrence": "FREQ=DAILY",
            "starts_on": day(1),
        }
        | more
    )
    if made.department_id is None:
        made.department = made.doctor.department
    previewed = planning.preview_schedule(made)
    assert previewed.counts == planning.save_schedule(actor=TESTER, schedule=made).counts
    return made


def change(record, **values):
    """Of a schedule or a closure: preview it, do it, see that both say the same; the counts that are not 0."""
    before = type(record).objects.get(pk=record.pk)
    for name, value in values.items():
        setattr(record, name, value)
    if isinstance(record, Schedule):
        shown = planning.preview_schedule(record)
        done = planning.save_schedule(actor=TESTER, schedule=record, fields=values)
    else:
        shown = planning.preview_closures([record], before=[before])
        done = planning.change_closure(actor=TESTER, closure=record, fields=values)
    assert shown.counts == done.counts
    return {name: count for name, count in done.counts.items() if count}


def close(*closures):
    shown = planning.preview_closures(closures)
    done = planning.add_closures(actor=TESTER, closures=closures)
    assert shown.counts == done.counts
    return {name: count for name, count in done.counts.items() if count}


def closure(first, last=None, **scope):
    return Closure(reason="Flooded", first_day=day(first), last_day=day(first if last is None else last), **scope)


def free(**such):
    return AvailableSlot.objects.free().filter(**such)


def book(of, number, clock):
    slot = free(doctor=of.doctor, date=day(number), time=clock).first()
    return appointments.book(actor=TESTER, patient_id=PatientFactory().pk, slot_id=slot.pk)


def needs_new_time(appointment):
    appointment.refresh_from_db()
    assert appointment.status == "booked"
    return appointment.needs_new_time_since is not None


# --- schedules -------------------------------------------------------------------------------------------------


def test_a_new_schedule_makes_its_seats():
    made = schedule()
    assert free(schedule=made).count() == DAYS * SEATS
    assert set(free().values_list("duration_minutes", "seat", "visit_type", "is_public")) == {
        (30, 1, "consultation", True)
    }


def test_ending_a_schedule_marks_who_was_booked_later():
    made = schedule()
    kept, lost = book(made, 2, "9:00"), book(made, 3, "9:00")
    assert change(made, ends_on=day(2)) == {"withdrawn": 3 * SEATS - 1, "affected": 1}
    assert (needs_new_time(kept), needs_new_time(lost)) == (False, True)
    assert lost.needs_new_time_because == "Schedule Morning clinic"
    assert change(made, ends_on=None) == {"added": 3 * SEATS - 1, "restored": 1}
    assert not needs_new_time(lost)
    assert AvailableSlot.objects.count() == DAYS * SEATS  # the same seats came back


def test_other_hours_affect_whom_they_leave_out():
    made = schedule()
    early, late = book(made, 1, "9:00"), book(made, 1, "11:00")
    assert change(made, start_time=time(10), end_time=time(13)) == {
        "added": 2 * DAYS,
        "withdrawn": 2 * DAYS - 1,
        "affected": 1,
    }
    assert (needs_new_time(early), needs_new_time(late)) == (True, False)


def test_another_slot_length_affects_nobody_whose_time_lies_in_the_session():
    """Nobody else is put into that time either."""
    made = schedule()
    booked = book(made, 1, "9:30")
    assert change(made, slot_minutes=60) == {"added": 3 * DAYS - 1, "withdrawn": SEATS * DAYS - 1}
    assert not needs_new_time(booked)
    assert [slot.time for slot in free(date=day(1))] == [time(10), time(11)]


def test_a_pause_between_slots():
    schedule(buffer_minutes=15)
    assert [slot.time for slot in free(date=day(1))] == [time(9), time(9, 45), time(10, 30), time(11, 15)]


def test_more_seats_and_fewer():
    made = schedule()
    assert change(made, seats=3) == {"added": 2 * DAYS * SEATS}
    third = AvailableSlot.objects.get(seat=3, date=day(1), time="9:00")
    booked = appointments.book(actor=TESTER, patient_id=PatientFactory().pk, slot_id=third.pk)
    assert change(made, seats=1) == {"withdrawn": 2 * DAYS * SEATS - 1}
    assert not needs_new_time(booked)


@pytest.mark.parametrize("values", [{"visit_type": "follow_up"}, {"is_public": False}])
def test_what_is_offered_changes_and_who_is_booked_stays(values):
    made = schedule()
    booked = book(made, 1, "9:00")
    if "visit_type" in values:
        values = {"visit_type": VisitTypeFactory(code="follow_up")}
    assert change(made, **values) == {"added": DAYS * SEATS - 1, "withdrawn": DAYS * SEATS - 1}
    assert AvailableSlot.objects.filter(status="available", **values).count() == DAYS * SEATS - 1
    assert not needs_new_time(booked)


def test_a_schedule_that_goes_to_another_doctor_takes_its_free_seats_along():
    made = schedule()
    first, second = made.doctor, DoctorFactory(department=made.department)
    booked = book(made, 1, "9:00")
    counts = change(made, doctor=second)
    assert counts == {"added": DAYS * SEATS, "withdrawn": DAYS * SEATS - 1, "affected": 1}
    assert needs_new_time(booked)
    assert not free(doctor=first).exists()


def test_an_overlap_is_refused_and_named():
    made = schedule()
    with pytest.raises(ScheduleOverlap, match=r"“Morning clinic” \(every day, 09:00 to 12:00\), first on .* 11:00"):
        schedule(doctor=made.doctor, start_time=time(11), end_time=time(13))
    assert Schedule.objects.count() == 1
    schedule(doctor=made.doctor, start_time=time(12), end_time=time(13))
    schedule()  # another doctor


def test_alternating_fortnights_are_no_overlap():
    rule = "FREQ=WEEKLY;INTERVAL=2"
    one = schedule(recurrence=rule, starts_on=day(1))
    schedule(doctor=one.doctor, recurrence=rule, starts_on=day(8))
    with pytest.raises(ScheduleOverlap):
        schedule(doctor=one.doctor, recurrence=rule, starts_on=day(15))


@pytest.mark.parametrize("shift", [1, 4, 8, 11])
def test_a_copy_of_every_other_week_is_in_the_same_weeks(shift):
    original = ScheduleFactory(recurrence="FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", starts_on=day(1))
    [copy] = planning.copies([original], DoctorFactory(), day(shift))
    span = copy.starts_on, day(120), original.start_time
    expected = recurrence.dates(original.recurrence, original.starts_on, day(shift), *span[1:])
    assert recurrence.dates(copy.recurrence, copy.starts_on, *span) == expected
    assert len(expected) > 10


def test_a_schedule_of_long_ago_is_compared_with_others():
    old = schedule(starts_on=day(-3000))
    with pytest.raises(ScheduleOverlap):
        schedule(doctor=old.doctor, starts_on=day(-2900))


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"recurrence": "FREQ=HOURLY"}, "recurrence", "recurrence_within_a_day"),
        ({"recurrence": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "recurrence", "never"),
        ({"slot_minutes": 0}, "slot_minutes", "min_value"),
        ({"seats": 101}, "seats", "max_value"),
        ({"end_time": time(9)}, "", "times_out_of_order"),
        ({"slot_minutes": 181}, "", "slot_too_long"),
        ({"starts_on": date(9999, 1, 1)}, "starts_on", "too_far"),
        ({"name": ""}, "name", "blank"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_before_anything_is_shown(values, field, code):
    with pytest.raises(InvalidPlan) as refused:
        schedule(**values)
    assert (field, code) in {(error["field"], error["code"]) for error in refused.value.errors}


def test_seats_are_kept_as_far_as_they_have_been_made():
    made = schedule()
    planning.generate(actor=TESTER, doctor_id=made.doctor_id, until=day(20))
    SlotFactory(doctor=made.doctor, starts_at=timezone.now() + timedelta(days=60))  # by hand: no reason to make more
    assert change(made, seats=2) == {"added": 20 * SEATS}
    assert AvailableSlot.objects.filter(schedule=made).latest("date").date == day(20)


def test_no_seats_are_made_of_a_doctor_who_is_inactive_and_nobody_is_marked():
    made = schedule()
    booked = book(made, 1, "9:00")
    made.doctor.is_active = False
    made.doctor.save()
    assert change(made, seats=2) == {}
    assert close(closure(2)) == {"withdrawn": SEATS}
    assert not needs_new_time(booked)
    assert planning.doctors_with_schedules() == []


# --- closures ----------------------------------------------------------------------------------------------------


def test_a_closure_over_a_booked_day_and_its_lifting():
    made = schedule()
    there, other = book(made, 2, "9:00"), book(made, 3, "9:00")
    shut = closure(2, doctor=made.doctor)
    assert close(shut) == {"withdrawn": SEATS - 1, "affected": 1}
    assert not free(date=day(2)).exists()
    assert (needs_new_time(there), needs_new_time(other)) == (True, False)
    assert there.needs_new_time_because == "Flooded"
    assert change(shut, is_active=False) == {"added": SEATS - 1, "restored": 1}
    assert free(date=day(2)).count() == SEATS - 1
    assert not needs_new_time(there)
    assert there.needs_new_time_because == ""


def test_who_cancels_in_a_closure_leaves_a_seat_that_comes_back_only_with_the_others():
    made = schedule()
    there = book(made, 2, "9:00")
    shut = closure(2, doctor=made.doctor)
    close(shut)
    appointments.cancel(actor=TESTER, appointment_id=there.pk)
    assert not free(date=day(2)).exists()
    assert change(shut, is_active=False) == {"added": SEATS}


def test_the_whole_hospital_is_closed_on_the_days_of_each_site():
    zones = ("Pacific/Auckland", "America/Los_Angeles")
    made = [schedule(doctor=DoctorFactory(department=DepartmentFactory(time_zone=zone))) for zone in zones]
    assert close(closure(3)) == {"withdrawn": 2 * SEATS}
    for each in made:
        # In Auckland the sitting of the first day may be over already.
        assert {slot.date for slot in free(doctor=each.doctor)} | {day(1)} == {day(1), day(2), day(4), day(5)}


def test_closures_of_a_doctor_and_of_a_department_leave_others_alone():
    one, other = schedule(), schedule()
    third = schedule(doctor=DoctorFactory(department=one.department))
    assert close(closure(2, doctor=one.doctor)) == {"withdrawn": SEATS}
    assert close(closure(3, department=one.department)) == {"withdrawn": 2 * SEATS}
    assert free(doctor=other.doctor).count() == DAYS * SEATS
    assert free(doctor=third.doctor).count() == (DAYS - 1) * SEATS


def test_a_closure_of_some_hours_takes_what_it_touches():
    made = schedule()
    zone = made.department.time_zone
    begin, end = (reached(datetime.combine(day(2), clock), zone) for clock in (time(9, 15), time(10, 30)))
    assert close(Closure(reason="Meeting", starts_at=begin, ends_at=end, doctor=made.doctor)) == {"withdrawn": 3}
    assert [slot.time for slot in free(date=day(2))] == [time(10, 30), time(11), time(11, 30)]


def test_adjacent_and_overlapping_closures_count_nothing_twice():
    made = schedule()
    book(made, 2, "9:00"), book(made, 3, "9:00")
    closures = [closure(2, 3), closure(3, 4, doctor=made.doctor), closure(4, department=made.department)]
    assert close(*closures) == {"withdrawn": 3 * SEATS - 2, "affected": 2}
    assert change(closures[0], is_active=False) == {"added": SEATS - 1, "restored": 1}  # the second day alone


def test_a_closure_makes_no_seats_beyond_the_horizon():
    made = schedule()
    shut = closure(DAYS + 10, DAYS + 20)
    assert close(shut) == {}
    assert change(shut, is_active=False) == {}
    assert AvailableSlot.objects.filter(doctor=made.doctor).count() == DAYS * SEATS
    assert close(closure(DAYS, DAYS + 3000)) == {"withdrawn": SEATS}


def test_a_closure_that_began_in_the_past_goes_on():
    schedule()
    assert close(closure(-30, 2)) == {"withdrawn": 2 * SEATS}


@pytest.mark.parametrize(
    ("span", "code"),
    [
        ({"first_day": day(-9), "last_day": day(-3)}, "past"),
        ({"starts_at": timezone.now() - timedelta(2), "ends_at": timezone.now() - timedelta(1)}, "past"),
        ({"first_day": day(1), "last_day": date.max}, "too_far"),
        ({"first_day": day(1)}, "span_incomplete"),
        ({}, "span_incomplete"),
    ],
)
def test_a_closure_that_makes_no_sense_is_refused(span, code):
    schedule()
    for attempt in (planning.preview_closures, lambda made: planning.add_closures(actor=TESTER, closures=made)):
        with pytest.raises(InvalidPlan) as refused:
            attempt([Closure(reason="Flooded", **span)])
        assert [error["code"] for error in refused.value.errors] == [code]
    assert not Closure.objects.exists()


def test_a_closure_that_moves_frees_one_day_and_closes_the_other():
    made = schedule()
    shut = closure(2)
    close(shut)
    assert change(shut, first_day=day(4), last_day=day(4)) == {"added": SEATS, "withdrawn": SEATS}
    assert {slot.date for slot in free(doctor=made.doctor)} == {day(1), day(2), day(3), day(5)}


def test_seats_added_by_hand_go_with_a_closure_and_come_back():
    made = schedule()
    by_hand = SlotFactory(doctor=made.doctor, starts_at=timezone.now() + timedelta(days=60))
    days = (by_hand.date - day(0)).days
    shut = closure(days)
    assert close(shut) == {"withdrawn": 1}
    assert change(shut, is_active=False) == {"added": 1}
    assert free(pk=by_hand.pk).exists()
