"""Marking no-shows by the clock, as cron runs it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from appointments.missed import mark, missed
from appointments.models import Appointment, Status
from appointments.operations import check_in
from audit.models import AuditLog
from booking_site.core.actor import command
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory, booked_before
from booking_site.testing.racing import race
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db


def past(minutes, length=30, **kwargs):
    """A booked appointment that began so many minutes ago."""
    starts_at = timezone.now() - timedelta(minutes=minutes)
    return booked_before(SlotFactory(starts_at=starts_at, duration_minutes=length), **kwargs)


def run(*args):
    out = StringIO()
    call_command("mark_no_shows", *args, stdout=out, stderr=out)
    return out.getvalue()


def status(appointment):
    return Appointment.objects.get(pk=appointment.pk).status


def test_no_show_is_marked_after_the_minutes_of_the_setting_and_its_seat_is_free():
    long_ago, just_now = past(61), past(59)
    assert run() == "Marked as no-shows: 1 of 1.\n"
    assert (status(long_ago), status(just_now)) == (Status.NO_SHOW, Status.BOOKED)
    assert AvailableSlot.objects.get(pk=long_ago.slot_id).status == "available"
    row = AuditLog.objects.get(action="appointment.no_show")
    assert (row.status, row.user_kind, row.user_id) == ("success", "command", "mark_no_shows")


def test_no_show_is_marked_at_the_end_of_a_long_visit_at_the_earliest():
    going_on, over = past(70, length=90), past(70, length=60)
    run()
    assert (status(going_on), status(over)) == (Status.BOOKED, Status.NO_SHOW)


def test_minutes_may_be_given():
    appointment = past(40)
    assert run("--after", "45") == "Marked as no-shows: 0 of 0.\n"
    assert run("--after", "30") == "Marked as no-shows: 1 of 1.\n"
    assert status(appointment) == Status.NO_SHOW


def test_no_show_is_looked_for_in_the_last_days_only():
    appointment = past(3 * 1440)
    assert run("--days", "2") == "Marked as no-shows: 0 of 0.\n"
    assert run("--days", "4") == "Marked as no-shows: 1 of 1.\n"
    assert status(appointment) == Status.NO_SHOW


def test_those_who_came_are_left_alone():
    appointment = past(90)
    check_in(actor=TESTER, appointment_id=appointment.pk)
    assert run() == "Marked as no-shows: 0 of 0.\n"
    assert status(appointment) == Status.CHECKED_IN


def test_dry_run_changes_nothing():
    appointment = past(90)
    assert run("--dry-run") == "Dry run, nothing was changed: 1 would be marked as no-shows.\n"
    assert status(appointment) == Status.BOOKED


def test_second_run_finds_nothing():
    past(90)
    assert [run(), run()] == ["Marked as no-shows: 1 of 1.\n", "Marked as no-shows: 0 of 0.\n"]


def test_one_who_comes_between_finding_and_marking_stays_checked_in():
    appointment = past(90)
    (found,) = missed(after=60, days=7)
    check_in(actor=TESTER, appointment_id=appointment.pk)
    assert mark(actor=command("mark_no_shows"), appointment=found) is False
    assert status(appointment) == Status.CHECKED_IN


@pytest.mark.parametrize("wrong", [("--after", "-1"), ("--after", "999999999"), ("--days", "0"), ("--days", "99999")])
def test_senseless_numbers_are_refused(wrong):
    with pytest.raises(CommandError, match=wrong[0]):
        run(*wrong)


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_mark_each_once():
    patients = PatientFactory.create_batch(6)
    appointments = [past(70 + 40 * number, patient=patient) for number, patient in enumerate(patients)]

    def one():
        try:
            return run()
        finally:
            connection.close()

    said = race([one, one])
    assert sum(int(line.split()[3]) for line in said) == len(appointments)
    assert {status(appointment) for appointment in appointments} == {Status.NO_SHOW}
    marked = AuditLog.objects.filter(action="appointment.no_show", status="success")
    assert marked.count() == len(appointments)
