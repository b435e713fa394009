"""Waiting times: percentiles by nearest rank, early and late arrivals, visits that ran over."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from appointments.reports import waiting
from appointments.reports.choice import Choice
from appointments.reports.figures import Ratio
from appointments.tests.reporting import DAY, MONDAY, WEEK, at, figures, seat, visit
from booking_site.testing.factories import DepartmentFactory, DoctorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena", department=DepartmentFactory(name="Cardiology"))


def seen(doctor, day=MONDAY, *, early: float = 0, waited: float = 0, took: float | None = 30, clock="09:00"):
    """A visit of half an hour; everything in minutes. ``took``: None while it lasts."""
    appointed = at(doctor, day, clock)
    arrived = appointed - timedelta(minutes=early)
    started = arrived + timedelta(minutes=waited)
    moments = {"checked_in_at": arrived, "started_at": started}
    if took is None:
        visit(doctor, day, status="in_progress", slot=seat(doctor, day, clock), source="demo", **moments)
    else:
        visit(doctor, day, clock, completed_at=started + timedelta(minutes=took), **moments)


def found(key: str, choice: Choice = WEEK) -> dict:
    return figures(waiting.tables(choice), key)


def test_percentiles_are_waits_that_somebody_had(doctor):
    for minutes in (1, 2, 3, 4, 5, 6, 7, 8, 9, 100):
        seen(doctor, waited=minutes)
    median, ninetieth, *_ = found("all")["Altogether"]
    assert (median, ninetieth) == (5, 9)
    seen(doctor, waited=100)
    median, ninetieth, *_ = found("all")["Altogether"]
    assert (median, ninetieth) == (6, 100)


def test_begun_minutes_are_not_counted_but_a_wait_is_long_from_the_first_second_more(doctor):
    for minutes in (0.9, 30, 30.1):
        seen(doctor, waited=minutes)
    median, ninetieth, long, *_ = found("all")["Altogether"]
    assert (median, ninetieth, long) == (30, 30, Ratio(1, 3))
    assert found("all", replace(WEEK, threshold=31))["Altogether"][2] == Ratio(0, 3)


def test_arrivals_within_five_minutes_are_on_time(doctor):
    for early in (5, 5.1, 60, 0, -5, -5.1):
        seen(doctor, early=early)
    assert found("all")["Altogether"][3:5] == (Ratio(2, 6), Ratio(1, 6))


def test_overrun_is_over_five_minutes_more_than_planned_of_the_visits_that_ended(doctor):
    for took in (10, 30, 35, 35.1):
        seen(doctor, took=took)
    seen(doctor, took=None)
    assert found("all")["Altogether"][5] == Ratio(1, 4)


def test_who_was_not_checked_in_or_has_not_begun_did_not_wait(doctor):
    visit(doctor)  # imported: completed, that is all
    visit(doctor, status="checked_in", slot=seat(doctor), source="demo")
    visit(doctor, status="no_show")
    nothing = (None, None, Ratio(0, 0), Ratio(0, 0), Ratio(0, 0), Ratio(0, 0))
    assert found("all") == {"Altogether": nothing}
    assert found("period") == {"Mon 2 Mar – Sun 8 Mar 2026": nothing}
    assert found("department") == found("doctor") == {}


def test_each_breakdown_has_percentiles_of_its_own(doctor):
    colleague = DoctorFactory(name="Dr Roth", department=doctor.department)
    other = DoctorFactory(name="Dr Vale", department=DepartmentFactory(name="Oncology"))
    for one, day, minutes in ((doctor, MONDAY, 10), (colleague, MONDAY, 20), (other, MONDAY + 7 * DAY, 40)):
        seen(one, day, waited=minutes)
    choice = replace(WEEK, last=MONDAY + 13 * DAY)

    def both(key: str) -> dict:
        return {label: values[:2] for label, values in found(key, choice).items()}

    assert both("all") == {"Altogether": (20, 40)}
    assert both("department") == {"Cardiology": (10, 20), "Oncology": (40, 40)}
    assert both("doctor") == {"Dr Roth": (20, 20), "Dr Sena": (10, 10), "Dr Vale": (40, 40)}
    assert both("period") == {"Mon 2 Mar – Sun 8 Mar 2026": (10, 20), "Mon 9 Mar – Sun 15 Mar 2026": (40, 40)}
    assert found("doctor", replace(choice, department=other.department_id)).keys() == {"Dr Vale"}


def test_a_wait_over_the_change_of_the_clocks_is_as_long_as_it_was(doctor):
    """Clocks in Berlin went from two to three; a quarter of an hour passed."""
    change = date(2026, 3, 29)
    arrived = at(doctor, change, "01:55")
    started = at(doctor, change, "03:10")
    visit(doctor, change, "03:00", checked_in_at=arrived, started_at=started)
    median, _ninetieth, long, early, *_ = found("all", Choice(first=change, last=change))["Altogether"]
    assert (median, long, early) == (15, Ratio(0, 1), Ratio(0, 1))
