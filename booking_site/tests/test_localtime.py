"""Where wall clocks skip and repeat themselves. Transitions: the IANA time zone database."""

from datetime import UTC, date, datetime, timedelta

import pytest

from booking_site.core.localtime import NoSuchTime, day_bounds, instant


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
