"""No-shows: what counts as a visit, by what they are broken down, and the real file of Vitória whole."""

from dataclasses import replace
from datetime import date
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments.reports import no_shows
from appointments.reports.choice import Choice, Step
from appointments.reports.figures import Ratio
from appointments.tests.reporting import DAY, MONDAY, WEEK, figures, seat, visit
from booking_site.core.scope import Scope
from booking_site.testing.factories import DepartmentFactory, DoctorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena", department=DepartmentFactory(name="Cardiology"))


def found(key: str, choice: Choice = WEEK) -> dict:
    return figures(no_shows.tables(choice), key)


def test_rate_counts_those_who_came_and_those_who_did_not_only(doctor):
    for hour, status in enumerate(["no_show", "completed", "in_progress", "checked_in", "booked", "cancelled"], 8):
        held = seat(doctor, clock=f"{hour:02d}:00")
        visit(doctor, status=status, slot=held, source="demo")
    assert found("all") == {"Altogether": Ratio(1, 4)}


def test_period_is_of_local_days_first_and_last_included(doctor):
    for day in (MONDAY - DAY, MONDAY, MONDAY + 6 * DAY, MONDAY + 7 * DAY):
        visit(doctor, day, "00:00", "no_show")
        visit(doctor, day, "23:30")
    assert found("all") == {"Altogether": Ratio(2, 4)}
    assert found("weekday") == {"Monday": Ratio(1, 2), "Sunday": Ratio(1, 2)}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])  # UTC+14, UTC-11
def test_period_is_of_local_days_at_either_end_of_the_world(zone):
    doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone))
    for day in (MONDAY - DAY, MONDAY, MONDAY + 6 * DAY, MONDAY + 7 * DAY):
        visit(doctor, day, "00:00")
        visit(doctor, day, "23:30")
    assert found("all") == {"Altogether": Ratio(0, 4)}


def test_lead_time_is_counted_in_days_of_the_site(doctor):
    """An hour over midnight is a day; the buckets meet without a gap."""
    for days in (-2, 0, 1, 2, 7, 8, 14, 15, 28, 29, 300):
        visit(doctor, MONDAY, "09:00", "no_show", made=(MONDAY - days * DAY, "23:30"))
    assert found("lead_time") == {
        "after the visit": Ratio(1, 1),
        "same day": Ratio(1, 1),
        "1 day": Ratio(1, 1),
        "2 to 7 days": Ratio(2, 2),
        "8 to 14 days": Ratio(2, 2),
        "15 to 28 days": Ratio(2, 2),
        "over 28 days": Ratio(2, 2),
    }


def test_lead_time_is_by_the_clock_of_the_site_and_not_by_utc():
    """Made at 20:00 in New York, when it is tomorrow by UTC, for tomorrow: a day ahead. The clocks change between."""
    doctor = DoctorFactory(department=DepartmentFactory(time_zone="America/New_York"))
    change = date(2026, 3, 8)
    visit(doctor, change, "09:00", made=(change - DAY, "20:00"))
    visit(doctor, change + DAY, "09:00", made=(change, "20:00"))
    visit(doctor, change + DAY, "20:00", made=(change + DAY, "00:30"))
    choice = Choice(first=change, last=change + DAY)
    assert found("lead_time", choice) == {"same day": Ratio(0, 1), "1 day": Ratio(0, 2)}


def test_time_of_day_is_local_and_may_be_unknown(doctor):
    visit(doctor, clock="09:59", status="no_show")
    visit(doctor, clock="10:00")
    visit(doctor, clock=None)
    assert found("hour") == {
        "09:00–09:59": Ratio(1, 1),
        "10:00–10:59": Ratio(0, 1),
        "time not known": Ratio(0, 1),
    }


def test_course_has_every_step_and_begins_and_ends_with_the_period(doctor):
    visit(doctor, MONDAY + 2 * DAY, status="no_show")
    visit(doctor, MONDAY + 15 * DAY)
    choice = Choice(first=MONDAY + 2 * DAY, last=MONDAY + 15 * DAY)
    assert found("period", choice) == {
        "Wed 4 Mar – Sun 8 Mar 2026": Ratio(1, 1),
        "Mon 9 Mar – Sun 15 Mar 2026": Ratio(0, 0),
        "Mon 16 Mar – Tue 17 Mar 2026": Ratio(0, 1),
    }
    by_month = replace(choice, step=Step.MONTH, first=date(2026, 2, 27))
    assert found("period", by_month) == {
        "Fri 27 Feb – Sat 28 Feb 2026": Ratio(0, 0),
        "Sun 1 Mar – Tue 17 Mar 2026": Ratio(1, 2),
    }
    by_day = replace(choice, step=Step.DAY, last=MONDAY + 3 * DAY)
    assert found("period", by_day) == {"Wed 4 Mar 2026": Ratio(1, 1), "Thu 5 Mar 2026": Ratio(0, 0)}


def test_narrowed_to_a_department_a_doctor_and_what_may_be_seen(doctor):
    colleague = DoctorFactory(name="Dr Roth", department=doctor.department)
    other = DoctorFactory(name="Dr Vale", department=DepartmentFactory(name="Oncology"))
    for one, status in ((doctor, "no_show"), (colleague, "completed"), (other, "completed")):
        visit(one, status=status)
    assert found("department") == {"Cardiology": Ratio(1, 2), "Oncology": Ratio(0, 1)}
    assert found("doctor") == {"Dr Roth": Ratio(0, 1), "Dr Sena": Ratio(1, 1), "Dr Vale": Ratio(0, 1)}
    cardiology, own = replace(WEEK, department=doctor.department_id), replace(WEEK, doctor=colleague.pk)
    assert found("doctor", cardiology) == {"Dr Roth": Ratio(0, 1), "Dr Sena": Ratio(1, 1)}
    assert found("doctor", own) == {"Dr Roth": Ratio(0, 1)}
    of_department = Scope(departments=frozenset([other.department_id]), doctor=doctor.pk)
    assert found("doctor", replace(WEEK, seen=of_department.q)) == {"Dr Sena": Ratio(1, 1), "Dr Vale": Ratio(0, 1)}
    assert found("all", replace(cardiology, seen=Scope(departments=frozenset([other.department_id])).q)) == {
        "Altogether": Ratio(0, 0)
    }


@pytest.mark.parametrize("choice", [WEEK, replace(WEEK, seen=Scope().q)])
def test_nothing_to_count(db, choice):
    assert found("all", choice) == {"Altogether": Ratio(0, 0)}
    assert found("period", choice) == {"Mon 2 Mar – Sun 8 Mar 2026": Ratio(0, 0)}
    assert [found(key, choice) for key in ("department", "doctor", "weekday", "lead_time", "hour")] == [{}] * 5


def test_queries_do_not_grow_with_what_is_found(doctor):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            no_shows.tables(WEEK)
        return len(asked)

    visit(doctor)
    few = queries()
    for _ in range(3):
        visit(DoctorFactory())
    assert queries() == few


def test_the_imported_bookings_of_vitoria_exactly(shared_data):
    file = shared_data / "noshow" / "appointments_2016-04-29_to_2016-05-25.csv.gz"
    for entity in ("patients", "appointments"):
        call_command("import_csv", entity, file, "--profile", "vitoria", stdout=StringIO(), stderr=StringIO())
    tables = no_shows.tables(Choice(first=date(2016, 4, 29), last=date(2016, 5, 25)))
    assert figures(tables, "all") == {"Altogether": Ratio(15_782, 75_283)}
    assert figures(tables, "department") == {"Outpatient clinics, Vitória": Ratio(15_782, 75_283)}
    assert figures(tables, "hour") == {"time not known": Ratio(15_782, 75_283)}
    for key in ("weekday", "lead_time", "period", "doctor"):
        rows = figures(tables, key).values()
        assert (sum(row.part for row in rows), sum(row.whole for row in rows)) == (15_782, 75_283), key
    leads = figures(tables, "lead_time")
    assert leads["after the visit"] == Ratio(5, 5)
    assert leads["same day"].whole == 26_405
    assert figures(tables, "weekday")["Saturday"].whole == 39
