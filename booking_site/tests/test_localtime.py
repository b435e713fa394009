"""Where wall clocks skip and repeat themselves. Transitions: the IANA time zone database."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from booking_site.core.localtime import NoSuchTime, day_bounds, instant
from booking_site.core.wallclock import clock_label, time_label


def test_a_plain_time_is_its_instant():
    assert instant(datetime(2016, 4, 29, 18, 38, 8), "America/Sao_Paulo") == datetime(
        2016, 4, 29, 21, 38, 8, tzinfo=UTC
    )


def test_of_a_time_that_occurs_twice_the_first_is_meant():
    assert instant(datetime(2026, 10, 25, 2, 30), "Europe/Berlin") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_time_that_clocks_skipped_is_none():
    with pytest.raises(NoSuchTime, match="clocks in Europe/Berlin never showed 2026-03-29 02:30:00"):
        instant(datetime(2026, 3, 29, 2, 30), "Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "zone", "begins", "hours"),
    [
        (date(2016, 4, 29), "America/Sao_Paulo", datetime(2016, 4, 29, 3), 24),
        (date(2026, 3, 29), "Europe/Berlin", datetime(2026, 3, 28, 23), 23),
        (date(2026, 10, 25), "Europe/Berlin", datetime(2026, 10, 24, 22), 25),
        (date(2015, 10, 18), "America/Sao_Paulo", datetime(2015, 10, 18, 3), 23),  # midnight itself was skipped
        (date(2016, 2, 20), "America/Sao_Paulo", datetime(2016, 2, 20, 2), 25),  # its last hour came twice
        (date(2025, 11, 2), "America/Havana", datetime(2025, 11, 2, 4), 25),  # its first hour came twice
    ],
)
def test_a_day_begins_with_its_first_instant_and_ends_with_the_next_day(day, zone, begins, hours):
    first = begins.replace(tzinfo=UTC)
    assert day_bounds(day, zone) == (first, first + timedelta(hours=hours))


def test_a_day_that_the_calendar_skipped_is_none():
    with pytest.raises(NoSuchTime, match="calendars in Pacific/Apia skipped 2011-12-30"):
        day_bounds(date(2011, 12, 30), "Pacific/Apia")
    with pytest.raises(NoSuchTime, match="outside the calendar"):
        day_bounds(date.max, "UTC")


def test_the_two_times_of_an_hour_that_comes_twice_are_told_apart():
    first = instant(datetime(2026, 10, 25, 2, 0), "Europe/Berlin")
    told = [
        clock_label(date(2026, 10, 25), time(2), "Europe/Berlin", moment)
        for moment in (first, first + timedelta(hours=1), None)
    ]
    assert told == [
        "Sun 25 Oct 2026 02:00 (+02:00) Europe/Berlin",
        "Sun 25 Oct 2026 02:00 (+01:00) Europe/Berlin",
        "Sun 25 Oct 2026 02:00 Europe/Berlin",
    ]
    howe = instant(datetime(2026, 4, 5, 1, 30), "Australia/Lord_Howe")
    assert [time_label(time(1, 30), "Australia/Lord_Howe", howe + timedelta(minutes=30 * n)) for n in range(2)] == [
        "01:30 (+11:00)",
        "01:30 (+10:30)",
    ]
    assert time_label(time(3), "Europe/Berlin", first + timedelta(hours=2)) == "03:00"
