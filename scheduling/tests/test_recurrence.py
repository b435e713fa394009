"""Which days a rule means: against instances that others expect, and against what people write into a text field."""

import json
import time as clock
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import takewhile

import pytest
from dateutil import rrule
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from scheduling.models import Schedule
from scheduling.recurrence import WEEKDAYS, Pattern, dates, in_words, pattern_of, upcoming, validate_recurrence

MONDAY = date(2026, 11, 23)
YEAR = timedelta(days=365)


# --- instances expected by libical -------------------------------------------------------------------------------


def cases(text):
    """(rule, start, expected instances) of each block that says them."""
    for block in text.split("\n\n"):
        lines = dict(line.split(":", 1) for line in block.splitlines() if line[:1].isalpha() and ":" in line)
        if {"RRULE", "DTSTART", "INSTANCES"} <= set(lines) and lines["INSTANCES"][:1].isdigit():
            yield lines["RRULE"], moment(lines["DTSTART"]), [moment(each) for each in lines["INSTANCES"].split(",")]


def moment(text):
    return datetime.strptime(text.rstrip("Z").ljust(15, "0") if "T" in text else f"{text}T000000", "%Y%m%dT%H%M%S")


def by_dateutil(rule, start, last):
    """As dateutil alone reads the rule; None where it cannot."""
    try:
        return list(takewhile(lambda each: each <= last, rrule.rrulestr(rule, dtstart=start)))
    except (ValueError, TypeError):
        return None


def test_rules_fire_on_the_days_that_libical_expects(shared_data):
    """All that dateutil gets right; and more, which it stumbles over for a Z, a semicolon, or a week without weekday.

    Those that fire within a day are refused. What is left are four rules that dateutil reads in its own way.
    """
    alone = ours = refused = 0
    for rule, start, expected in cases((shared_data / "icalendar" / "rrule_expected_instances.txt").read_text()):
        days = tuple(dict.fromkeys(each.date() for each in expected))
        right = by_dateutil(rule, start, expected[-1]) == expected
        try:
            found = dates(rule, start.date(), start.date(), days[-1], start.time())
        except ValidationError as error:
            refused += error.code == "recurrence_within_a_day"
            continue
        alone += right
        ours += found == days
        assert found == days or not right, rule
    print(f"{ours} of the rules agree, {alone} by dateutil alone, {refused} are refused")
    assert (alone, ours, refused) == (47, 70, 23)


# --- what a schedule may say -------------------------------------------------------------------------------------


def test_a_rule_fires_between_two_dates_both_included():
    days = [MONDAY + timedelta(days=days) for days in range(3)]
    assert dates("FREQ=DAILY", MONDAY, MONDAY, days[2]) == tuple(days)
    assert dates("FREQ=DAILY", MONDAY, days[1], days[1]) == (days[1],)
    assert dates("FREQ=DAILY", days[2], MONDAY, days[2]) == (days[2],)


def test_the_first_day_counts_only_if_it_fits_the_rule():
    tuesdays = dates("FREQ=WEEKLY;BYDAY=TU", MONDAY, MONDAY, MONDAY + timedelta(days=8))
    assert tuesdays == (MONDAY + timedelta(days=1), MONDAY + timedelta(days=8))


def test_a_rule_goes_on_from_its_start_wherever_one_looks():
    """Every other week means every other from the start, not from the day on which somebody asks."""
    later = MONDAY + timedelta(days=7 * 51)
    assert dates("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", MONDAY, later, later + timedelta(days=7)) == (
        later + timedelta(days=7),
    )


@pytest.mark.parametrize(
    "written", ["freq=weekly;byday=mo;until=20261201", " FREQ=WEEKLY;BYDAY=MO;UNTIL=20261201; ", "rrule:FREQ=WEEKLY"]
)
def test_a_rule_is_read_however_it_is_written(written):
    validate_recurrence(written)
    assert dates(written, MONDAY, MONDAY, MONDAY + timedelta(days=7)) == (MONDAY, MONDAY + timedelta(days=7))


@pytest.mark.parametrize(
    ("until", "zone", "last"),
    [
        ("20261125", "UTC", 25),  # a date: the whole of that day
        ("20261125T090000", "UTC", 25),
        ("20261125T085959", "UTC", 24),
        ("20261125T085959Z", "Europe/Berlin", 25),  # 9:59:59 there
        ("20261125T075959Z", "Europe/Berlin", 24),
        ("20261124T195959Z", "Pacific/Auckland", 24),  # 8:59:59 on the next day there
        ("20261124T200000Z", "Pacific/Auckland", 25),
    ],
)
def test_until_is_the_last_moment_on_the_clock_of_the_session(until, zone, last):
    rule = f"FREQ=DAILY;UNTIL={until}"
    assert dates(rule, MONDAY, MONDAY, MONDAY + YEAR, time(9), zone)[-1] == date(2026, 11, last)
    assert upcoming(rule, MONDAY, MONDAY, 9, at=time(9), zone=zone)[-1] == date(2026, 11, last)


@pytest.mark.parametrize("until", ["24000101", "99991231", "99991231T235959Z"])
def test_until_may_lie_as_far_ahead_as_there_are_dates(until):
    assert len(dates(f"FREQ=DAILY;UNTIL={until}", MONDAY, MONDAY, MONDAY + timedelta(days=6))) == 7


def test_rules_at_the_end_of_the_calendar_end_there():
    assert upcoming("FREQ=DAILY", date(9999, 12, 30), date(9999, 12, 30), 5) == [date(9999, 12, 30), date.max]
    assert upcoming("FREQ=DAILY;UNTIL=03000101", date(9900, 1, 1), date(9900, 1, 1), 5) == []


def test_upcoming_dates_are_so_many_from_a_day_on_and_none_behind_the_end():
    rule = "FREQ=MONTHLY;BYDAY=2TU"
    days = [date(2026, 12, 8), date(2027, 1, 12), date(2027, 2, 9)]
    assert upcoming(rule, MONDAY, MONDAY, 3) == days
    assert upcoming(rule, MONDAY, days[0], 1) == days[:1]
    assert upcoming(rule, MONDAY, days[0] + timedelta(days=1), 1) == days[1:2]
    assert upcoming(rule, MONDAY, MONDAY, 9, end=days[1]) == days[:2]


def test_leap_days_and_fifth_weekdays_come_when_there_are_some():
    assert upcoming("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", MONDAY, MONDAY, 2) == [date(2028, 2, 29), date(2032, 2, 29)]
    assert upcoming("FREQ=MONTHLY;BYDAY=5MO", MONDAY, MONDAY, 2) == [date(2026, 11, 30), date(2027, 3, 29)]


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        *("", ";", "=", "FREQ", "FREQ=", "FREQ=SOMETIMES", "BYDAY=MO", "FREQ=WEEKLY;BYDAY=", "FREQ=WEEKLY;BYDAY=XX"),
        *("FREQ=DAILY;;COUNT=1", "FREQ=DAILY,WEEKLY", "FREQ=WEEKLY BYDAY=MO", "FREQ=DAILY\nRRULE:FREQ=DAILY"),
        *("FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;INTERVAL=1000", "FREQ=DAILY;INTERVAL=1.5"),
        *("FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=100000", "FREQ=DAILY;COUNT=1;UNTIL=20270101"),
        *("FREQ=DAILY;FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO;BYDAY=TU", "FREQ=DAILY;X-MINE=1", "FREQ=DAILY;DTSTART=1"),
        *("FREQ=DAILY;UNTIL=20260231", "FREQ=DAILY;UNTIL=00000101", "FREQ=DAILY;UNTIL=2026", "FREQ=DAILY;UNTIL=now"),
        *("FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTHDAY=-32"),
        *("FREQ=YEARLY;BYMONTH=0", "FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;BYMONTH=-1", "FREQ=YEARLY;BYYEARDAY=367"),
        *("FREQ=YEARLY;BYWEEKNO=54", "FREQ=MONTHLY;BYDAY=6MO", "FREQ=YEARLY;BYDAY=54MO", "FREQ=YEARLY;BYDAY=0MO"),
        *("FREQ=WEEKLY;BYDAY=2MO", "FREQ=DAILY;BYDAY=1MO", "FREQ=YEARLY;BYMONTH=5;BYDAY=6MO"),
        *("FREQ=DAILY;BYSETPOS=2", "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=8", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=32"),
        *("FREQ=DAILY;INTERVAL=\u0663", "ＦＲＥＱ=DAILY", "FREQ=WEEKLY;WKST=1", "EXRULE:FREQ=DAILY"),
        *(f"FREQ=YEARLY;BYYEARDAY={','.join(['1'] * 400)}", "FREQ=DAILY" + " " * 491, "9" * 100_000),
    ],
)
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(ValidationError) as refused:
        validate_recurrence(rule)
    assert refused.value.code == "invalid_recurrence"
    assert len(refused.value.messages[0]) < 250


@pytest.mark.parametrize(
    "rule",
    [
        *("FREQ=HOURLY", "freq=minutely", "FREQ=SECONDLY;COUNT=1", "FREQ=DAILY;BYHOUR=9", "FREQ=WEEKLY;BYMINUTE=0,30"),
        *("BYSECOND=1", "FREQ=YEARLY;BYHOUR=99"),
    ],
)
def test_what_fires_within_a_day_is_refused(rule):
    with pytest.raises(ValidationError) as refused:
        validate_recurrence(rule)
    assert refused.value.code == "recurrence_within_a_day"


@pytest.mark.parametrize(
    "rule",
    [
        *("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MONTHLY;BYMONTH=4,6;BYMONTHDAY=31"),
        *("FREQ=YEARLY;BYWEEKNO=10;BYMONTH=12", "FREQ=WEEKLY;BYWEEKNO=53;BYMONTH=6"),
        *("FREQ=YEARLY;BYDAY=MO;BYSETPOS=366", "FREQ=DAILY;INTERVAL=7;BYDAY=TU", "FREQ=DAILY;UNTIL=20250101"),
    ],
)
def test_a_rule_that_never_fires_is_found_out_soon(rule):
    """The search does not go through eight thousand years. Processor time: others may be at work on the machine."""
    validate_recurrence(rule)
    began = clock.process_time()
    assert upcoming(rule, MONDAY, MONDAY, 1) == []
    assert clock.process_time() - began < 1
    with pytest.raises(ValidationError) as refused:
        Schedule(recurrence=rule, starts_on=MONDAY, start_time=time(9)).clean()
    assert [fault.code for fault in refused.value.error_dict["recurrence"]] == ["never"]


def test_a_rule_that_fires_only_behind_the_end_of_the_schedule_never_fires():
    schedule = Schedule(recurrence="FREQ=WEEKLY;BYDAY=SU", starts_on=MONDAY, ends_on=MONDAY, start_time=time(9))
    with pytest.raises(ValidationError):
        schedule.clean()
    schedule.ends_on = MONDAY + timedelta(days=6)
    schedule.clean()


PIECES = ["FREQ=", "DAILY", "WEEKLY", ";", "=", ",", "BYDAY=", "MO", "-1", "2", "INTERVAL=", "UNTIL=", "2027", "COUNT="]


@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_text_is_a_rule_or_refused(text):
    read(text)


def test_hostile_text_is_a_rule_or_refused(shared_data):
    for text in json.loads((shared_data / "names" / "blns.json").read_text(encoding="utf-8")):
        for rule in (text, f"FREQ={text}", f"FREQ=WEEKLY;BYDAY={text}", f"FREQ=DAILY;UNTIL={text}"):
            read(rule)


def read(text):
    """As a form, a preview and a plan would."""
    in_words(text, MONDAY), pattern_of(text)
    with suppress(ValidationError):
        dates(text, MONDAY, MONDAY, MONDAY + timedelta(days=30), time(9))
    with suppress(ValidationError):
        validate_recurrence(text)
        dates(text, MONDAY, MONDAY, MONDAY)


# --- the patterns of the form ------------------------------------------------------------------------------------

days_of_week = st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(lambda days: tuple(sorted(days, key=WEEKDAYS.index)))
patterns = st.one_of(
    st.just(Pattern(kind="once")),
    st.builds(Pattern, kind=st.just("weekly"), every=st.integers(1, 99), weekdays=days_of_week),
    st.builds(Pattern, kind=st.just("monthly"), position=st.sampled_from([1, 2, 3, 4, -1]), weekdays=days_of_week),
)


@given(patterns)
def test_a_pattern_is_the_pattern_of_its_rule(pattern):
    validate_recurrence(pattern.recurrence)
    assert pattern_of(pattern.recurrence) == pattern


@given(patterns, st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_a_pattern_means_its_days(pattern, start):
    days = dates(pattern.recurrence, start, start, start + timedelta(days=120))
    if pattern.kind == "once":
        assert days == (start,)
    elif pattern.kind == "weekly":
        weeks = [start + timedelta(days=day) for day in range(121)]
        first = start - timedelta(days=start.weekday())
        fits = [day for day in weeks if (day - first).days // 7 % pattern.every == 0]
        assert list(days) == [day for day in fits if WEEKDAYS[day.weekday()] in pattern.weekdays]
    else:
        for day in days:
            in_month = (day.day - 1) // 7 + 1 if pattern.position > 0 else -1
            assert in_month == pattern.position
            assert WEEKDAYS[day.weekday()] in pattern.weekdays
            assert pattern.position > 0 or (day + timedelta(days=7)).month != day.month
        assert len(days) >= 3 * len(pattern.weekdays)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY;COUNT=1", "on 2026-11-23 only"),
        ("FREQ=DAILY", "every day"),
        ("FREQ=WEEKLY;BYDAY=MO", "every Monday"),
        ("FREQ=WEEKLY;BYDAY=FR,TH,WE,TU,MO", "every Monday to Friday"),
        ("FREQ=WEEKLY;BYDAY=WE,MO,FR", "every Monday, Wednesday and Friday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TU", "every other Tuesday"),
        ("FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,TH", "every 3 weeks on Tuesday and Thursday"),
        ("FREQ=MONTHLY;BYDAY=1MO", "first Monday of the month"),
        ("FREQ=MONTHLY;BYDAY=+2MO", "second Monday of the month"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "last Friday of the month"),
        ("FREQ=MONTHLY;BYDAY=5MO", "FREQ=MONTHLY;BYDAY=5MO"),
        ("FREQ=MONTHLY;BYDAY=1MO,2TU", "FREQ=MONTHLY;BYDAY=1MO,2TU"),
        ("FREQ=WEEKLY;BYDAY=MO;COUNT=3", "FREQ=WEEKLY;BYDAY=MO;COUNT=3"),
        ("nonsense", "nonsense"),
    ],
)
def test_rules_in_words(rule, words):
    assert in_words(rule, MONDAY) == words


def test_a_rule_of_ones_own_is_kept_in_one_way_of_writing():
    assert Pattern(kind="rule", rule="freq=weekly;byday=mo;").recurrence == "FREQ=WEEKLY;BYDAY=MO"
    with pytest.raises(ValidationError):
        _ = Pattern(kind="rule", rule="FREQ=HOURLY").recurrence
