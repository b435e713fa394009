"""Nine o'clock is nine o'clock, on every day and in every zone: sessions and their seats where clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from booking_site.core.localtime import reached
from booking_site.testing.factories import TESTER, DepartmentFactory, DoctorFactory, ScheduleFactory
from doctors.models import Department, Doctor
from scheduling import planning
from scheduling.exceptions import InvalidPlan
from scheduling.models import AvailableSlot, Closure, Schedule
from scheduling.sessions import clash, sessions_of, sittings, span_of

# At Lord Howe by half an hour; in Cairo and Beirut at midnight, in the Azores from and to midnight.
CHANGING = [
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland"),
    *("Africa/Cairo", "Asia/Beirut", "Atlantic/Azores"),
]
STEADY = ["Asia/Kolkata", "America/Phoenix"]
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


@cache
def change(zone, *, forward):
    """The next one: its instant, and what clocks would have shown and do show then (naive)."""
    tz = ZoneInfo(zone)
    hours = [timezone.now().replace(minute=0, second=0, microsecond=0) + HOUR * n for n in range(24 * 400)]
    for before, after in pairwise(hours):
        old, new = (moment.astimezone(tz).utcoffset() for moment in (before, after))
        if old != new and (new > old) == forward:
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) / 2
                before, after = (middle, after) if middle.astimezone(tz).utcoffset() == old else (before, middle)
            after = after.replace(microsecond=0)
            return after, (after + old).replace(tzinfo=None), (after + new).replace(tzinfo=None)
    raise AssertionError(f"clocks in {zone} do not change")


def schedule(zone, start, end, *, on, rule="FREQ=DAILY", **more):
    """In no database: sessions are computed of what they are given."""
    fields = {"recurrence": rule, "starts_on": on, "start_time": start, "end_time": end} | more
    return Schedule(
        doctor=Doctor(id="D"), department=Department(name="Anywhere", time_zone=zone), name="Clinic", **fields
    )


def sitting(zone, start, end):
    """The only one on the day of ``start``; both naive."""
    [held] = sittings(schedule(zone, start.time(), end.time(), on=start.date()), start.date(), start.date())
    return held


def local(moment, zone):
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


# --- sessions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [*CHANGING, *STEADY])
def test_nine_oclock_is_nine_oclock_on_every_day_of_the_year(zone):
    today = timezone.now().date()
    held = sittings(schedule(zone, time(9), time(12), on=today), today, today + timedelta(days=399))
    assert [local(opens, zone).date() for opens, _ in held] == [today + timedelta(days=n) for n in range(400)]
    assert {(local(opens, zone).time(), local(closes, zone).time()) for opens, closes in held} == {(time(9), time(12))}
    assert {closes - opens for opens, closes in held} == {3 * HOUR}
    assert len({opens.time() for opens, _ in held}) == (1 if zone in STEADY else 2)  # in UTC


@pytest.mark.parametrize("zone", CHANGING)
def test_what_begins_or_ends_in_the_hour_that_is_skipped_does_so_when_the_clock_goes_on(zone):
    moment, old, new = change(zone, forward=True)
    opens, closes = sitting(zone, old + QUARTER, new + HOUR)
    assert (opens, closes) == (moment, moment + HOUR)
    if old.time() > time(0):
        opens, closes = sitting(zone, old - HOUR, old + QUARTER)
        assert (opens, closes) == (moment - HOUR, moment)
    day = old.date()
    assert sittings(schedule(zone, old.time(), (old + QUARTER).time(), on=day), day, day) == []  # nothing is left of it


@pytest.mark.parametrize("zone", CHANGING)
def test_a_session_over_a_change_of_clocks_lasts_as_long_as_time_passes(zone):
    _, old, new = change(zone, forward=True)
    opens, closes = sitting(zone, datetime.combine(old, time()), new + HOUR)
    assert closes - opens == (new + HOUR) - datetime.combine(old, time()) - (new - old)
    _, old, new = change(zone, forward=False)
    if old.date() == new.date():  # else no session reaches beyond: it ends on its day
        opens, closes = sitting(zone, datetime.combine(old, time()), old + HOUR)
        assert closes - opens == (old + HOUR) - datetime.combine(old, time()) + (old - new)


@pytest.mark.parametrize("zone", CHANGING)
def test_what_begins_or_ends_in_the_hour_that_comes_twice_does_so_the_first_time(zone):
    moment, old, new = change(zone, forward=False)
    first = moment - (old - new)  # when the hour begins for the first time
    opens, closes = sitting(zone, new, new + QUARTER)
    assert (opens, closes) == (first, first + QUARTER)
    if old.date() == new.date():
        opens, closes = sitting(zone, new + QUARTER, old + HOUR)
        assert (opens, closes) == (first + QUARTER, moment + (old - new) + HOUR)


def test_a_day_that_was_skipped_has_no_session():
    """Samoa went over the date line at the end of the 29th of December 2011."""
    first, last = date(2011, 12, 28), date(2012, 1, 1)
    held = sittings(schedule("Pacific/Apia", time(9), time(12), on=first), first, last)
    assert [local(opens, "Pacific/Apia").day for opens, _ in held] == [28, 29, 31, 1]
    assert {closes - opens for opens, closes in held} == {3 * HOUR}
    start, end = span_of(Closure(first_day=date(2011, 12, 30), last_day=date(2011, 12, 30)), "Pacific/Apia")
    assert start == end == datetime(2011, 12, 30, 10, tzinfo=UTC)


@given(st.sampled_from(CHANGING), st.booleans(), st.integers(-1500, 1500), st.integers(0, 1500), st.integers(0, 59))
def test_a_time_is_reached_when_the_clock_first_shows_it_or_a_later_one(zone, forward, minutes, more, seconds):
    moment, old, new = change(zone, forward=forward)
    wall = old + timedelta(minutes=minutes, seconds=seconds)
    then = reached(wall, zone)
    assert local(then, zone) >= wall > local(then - timedelta(seconds=1), zone)
    assert local(then, zone) == wall or (forward and old <= wall < new and then == moment)
    assert then <= reached(wall + timedelta(minutes=more), zone)


# --- closures in sessions, and sessions beside each other -----------------------------------------------------------


@pytest.mark.parametrize(("zone", "hours"), [("Pacific/Auckland", 24), ("America/New_York", 24), ("Asia/Kolkata", 24)])
def test_a_closed_day_is_a_day_of_the_sites_own_clock(zone, hours):
    day = date(2027, 1, 4)
    start, end = span_of(Closure(first_day=day, last_day=day), zone)
    assert (local(start, zone), local(end, zone)) == (datetime(2027, 1, 4), datetime(2027, 1, 5))
    assert end - start == hours * HOUR


@pytest.mark.parametrize("zone", CHANGING)
def test_a_closed_day_is_shorter_or_longer_where_clocks_change(zone):
    for forward in (True, False):
        _, old, new = change(zone, forward=forward)
        day = min(old, new).date()
        start, end = span_of(Closure(first_day=day, last_day=day), zone)
        assert end - start == 24 * HOUR - (new - old)


def test_closures_that_lie_in_a_session_are_in_it_and_no_others():
    day = date(2027, 1, 4)
    mine = schedule("Europe/Berlin", time(9), time(12), on=day)
    noon = datetime(2027, 1, 4, 11, tzinfo=UTC)
    there = Closure(starts_at=noon - HOUR, ends_at=noon)
    away = [
        Closure(starts_at=noon, ends_at=noon + HOUR),  # touches it
        Closure(starts_at=noon - HOUR, ends_at=noon, is_active=False),
        Closure(starts_at=noon - HOUR, ends_at=noon, doctor_id="E"),
        Closure(starts_at=noon - HOUR, ends_at=noon, department=Department()),
        Closure(first_day=date(2027, 1, 5), last_day=date(2027, 1, 5)),
    ]
    [session] = sessions_of([mine], [there, *away], day, day)
    assert (session.opens, session.closes) == (noon - 3 * HOUR, noon)
    assert session.closed == ((noon - HOUR, noon),)
    [session] = sessions_of([mine], [Closure(starts_at=noon - HOUR, ends_at=noon, doctor_id="D")], day, day)
    assert session.closed == ((noon - HOUR, noon),)


def test_of_two_sessions_at_once_the_earlier_is_held():
    day = date(2027, 1, 4)
    early = schedule("Europe/Berlin", time(9), time(12), on=day)
    late = schedule("Europe/Berlin", time(11), time(13), on=day)
    after = schedule("Europe/Berlin", time(12), time(13), on=day)
    assert [each.schedule for each in sessions_of([late, early, after], [], day, day)] == [early, after]
    same = schedule("Europe/Berlin", time(9), time(10), on=day)
    early.pk, same.pk = sorted([early.pk, same.pk])  # within a millisecond keys are in no order
    assert [each.schedule for each in sessions_of([same, early], [], day, day)] == [early]  # made before the other


def test_schedules_clash_where_they_sit_at_one_instant():
    first, last = date(2027, 1, 4), date(2027, 12, 31)
    monday = schedule("Europe/Berlin", time(9), time(12), on=first, rule="FREQ=WEEKLY;BYDAY=MO")
    other = schedule("Europe/Berlin", time(11, 59), time(13), on=first, rule="FREQ=MONTHLY;BYDAY=2MO")
    touching = schedule("Europe/Berlin", time(12), time(13), on=first)
    assert clash(monday, other, first, last) == reached(datetime(2027, 1, 11, 11, 59), "Europe/Berlin")
    assert clash(other, monday, first, last) == reached(datetime(2027, 1, 11, 11, 59), "Europe/Berlin")
    assert clash(monday, touching, first, last) is None
    odd, even = (
        schedule("Europe/Berlin", time(9), time(12), on=day, rule="FREQ=WEEKLY;INTERVAL=2")
        for day in (first, first + timedelta(days=7))
    )
    assert clash(odd, even, first, last) is None
    assert clash(odd, monday, first, last) is not None


def test_schedules_of_two_sites_clash_across_the_date_line():
    """The same hour is Monday 23:00 in Pago Pago and Wednesday 0:00 in Kiritimati."""
    west = schedule("Pacific/Pago_Pago", time(23), time(23, 59), on=date(2027, 1, 4), rule="FREQ=DAILY;COUNT=1")
    east = schedule("Pacific/Kiritimati", time(0), time(1), on=date(2027, 1, 6), rule="FREQ=DAILY;COUNT=1")
    moment = datetime(2027, 1, 5, 10, tzinfo=UTC)
    assert clash(west, east, date(2027, 1, 4), date(2027, 1, 4)) == moment
    assert clash(east, west, date(2027, 1, 6), date(2027, 1, 6)) == moment


def test_a_schedule_whose_rule_cannot_be_read_is_named():
    broken = schedule("Europe/Berlin", time(9), time(12), on=date(2027, 1, 4), rule="FREQ=SOMETIMES")
    with pytest.raises(InvalidPlan, match="“Clinic”"):
        sittings(broken, date(2027, 1, 4), date(2027, 1, 4))


# --- seats where clocks change --------------------------------------------------------------------------------------


def seats_on(day, zone, start, end, minutes):
    doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone))
    ScheduleFactory(
        doctor=doctor,
        recurrence="FREQ=DAILY",
        starts_on=day - timedelta(days=1),
        ends_on=day + timedelta(days=1),
        start_time=start,
        end_time=end,
        slot_minutes=minutes,
    )
    planning.generate(actor=TESTER, doctor_id=doctor.pk, until=day + timedelta(days=1))
    return list(AvailableSlot.objects.filter(doctor=doctor, date=day))


@pytest.mark.django_db
@pytest.mark.parametrize("zone", [*CHANGING, *STEADY])
@pytest.mark.parametrize("forward", [True, False])
def test_seats_where_clocks_change(zone, forward):
    steady = datetime.combine(timezone.now().date() + timedelta(days=90), time())
    _, old, new = (None, steady, steady) if zone in STEADY else change(zone, forward=forward)
    day = min(old, new).date()
    seats = seats_on(day, zone, time(0), time(23, 59), 10)
    for seat in seats:
        assert datetime.combine(seat.date, seat.time) == local(seat.starts_at, zone)
        assert not old <= datetime.combine(seat.date, seat.time) < new
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(seats))
    twice = {seat.time for seat in seats if [each.time for each in seats].count(seat.time) > 1}
    if old.date() == new.date() and not forward:
        assert len(twice) == (old - new) // timedelta(minutes=10)
    else:  # nothing is skipped twice; and where midnight comes twice, the session ends at the first 23:59
        assert twice == set()
    expected = 143 - (new - old) // timedelta(minutes=10) if old.date() == new.date() else 143
    assert len(seats) == expected


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "start"),
    [("America/New_York", time(19)), ("Pacific/Auckland", time(0)), ("Pacific/Kiritimati", time(9))],
)
def test_seats_are_made_for_whole_local_days(zone, start):
    """Also where the last day ends after, or begins before, that of Greenwich."""
    doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone))
    end = start.replace(hour=start.hour + 4)
    ScheduleFactory(doctor=doctor, recurrence="FREQ=DAILY", start_time=start, end_time=end)
    until = timezone.now().date() + timedelta(days=5)
    planning.generate(actor=TESTER, doctor_id=doctor.pk, until=until)
    seats = AvailableSlot.objects.filter(doctor=doctor)
    assert seats.filter(date=until).count() == seats.filter(date=until - timedelta(days=1)).count() == 8
    assert not seats.filter(date__gt=until).exists()
