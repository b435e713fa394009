"""The calendar of a real clinic: nineteen days of visits in Vitória, Brazil, and why there were none on the others."""

import csv
import gzip
from datetime import date, time

import pytest

from doctors.models import Department, Doctor
from scheduling.models import Closure, Schedule
from scheduling.sessions import sessions_of

FIRST, LAST = date(2016, 4, 29), date(2016, 5, 25)


def test_pattern_holidays_closure_and_extra_session_give_the_days_of_the_clinic(shared_data):
    """Neither Monday to Friday is enough, nor the public holidays: there was no clinic on a Monday that no list of
    holidays knows, and one on a Saturday."""
    holidays = pytest.importorskip("holidays")
    with gzip.open(next((shared_data / "noshow").glob("*.csv.gz")), "rt", encoding="utf-8") as file:
        visits = {date.fromisoformat(row["AppointmentDay"][:10]) for row in csv.DictReader(file)}
    public = holidays.country_holidays("BR", subdiv="ES", years=2016)
    monday, saturday = date(2016, 5, 23), date(2016, 5, 14)
    assert monday not in public
    everyday = schedule("FREQ=DAILY", FIRST)
    weekly, extra = schedule("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", FIRST), schedule("FREQ=DAILY;COUNT=1", saturday)
    of_holidays = [Closure(first_day=day, last_day=day, reason=name) for day, name in public.items()]
    unknown = Closure(first_day=monday, last_day=monday, reason="Nobody remembers")

    assert open_days([weekly, extra], [*of_holidays, unknown]) == visits
    assert len(visits) == 19
    # Each part is needed.
    assert open_days([weekly, extra], of_holidays) == visits | {monday}
    assert open_days([weekly], [*of_holidays, unknown]) == visits - {saturday}
    sundays = open_days([everyday], []) - open_days([everyday], of_holidays)
    assert sundays == {date(2016, 5, 1)}  # Worker's Day


def schedule(rule, starts_on):
    return Schedule(
        doctor=Doctor(id="D"),
        department=Department(time_zone="America/Sao_Paulo"),
        name="Clinic",
        recurrence=rule,
        starts_on=starts_on,
        start_time=time(8),
        end_time=time(17),
    )


def open_days(schedules, closures):
    """The dates on which some of a session is not closed."""
    days = set()
    for session in sessions_of(schedules, closures, FIRST, LAST):
        if not any(start <= session.opens and end >= session.closes for start, end in session.closed):
            days.add(session.opens.astimezone(session.schedule.department.tz).date())
    return days
