"""The command that makes the slots of the days to come."""

import io
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from appointments.models import Appointment
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, ScheduleFactory, booked
from scheduling import planning
from scheduling.models import AvailableSlot, Schedule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _short_horizon(settings):
    settings.HORIZON_DAYS = 5


def run(*arguments, stderr=None):
    output = io.StringIO()
    call_command("generate_slots", *arguments, stdout=output, stderr=stderr or io.StringIO())
    return output.getvalue()


def daily(**more):
    return ScheduleFactory(recurrence="FREQ=DAILY", starts_on=timezone.now().date() + timedelta(days=1), **more)


def test_it_adds_the_seats_up_to_the_horizon_and_then_nothing():
    daily()
    until = timezone.now().date() + timedelta(days=5)
    said = f"Slots: 1 doctors up to {until}: %s added, 0 withdrawn, 0 appointments need a new time, 0 no longer do.\n"
    assert run() == said % 30
    assert AvailableSlot.objects.filter(status="available", date__lte=until).count() == 30
    assert run() == said % 0
    assert AvailableSlot.objects.count() == 30


def test_until_a_date():
    daily()
    until = timezone.now().date() + timedelta(days=20)
    assert f"up to {until}: 120 added" in run("--until", str(until))
    assert AvailableSlot.objects.latest("date").date == until
    assert "0 added, 0 withdrawn" in run()


@pytest.mark.parametrize("until", ["tomorrow", "2027-02-30", "", "30.6.2027"])
def test_what_is_no_date_is_refused(until):
    with pytest.raises(CommandError, match=r"such as 2027-06-30"):
        run("--until", until)


def test_a_date_that_is_over_or_too_far_is_refused():
    daily()
    for days, why in ((-2, "is over"), ((planning.furthest() - timezone.now().date()).days + 1, "at most")):
        with pytest.raises(CommandError, match=why):
            run("--until", str(timezone.now().date() + timedelta(days=days)))
    assert not AvailableSlot.objects.exists()


def test_of_one_doctor_or_one_department():
    here, there = DepartmentFactory(name="Cardiology"), DepartmentFactory(name="Surgery")
    one, other = daily(doctor=DoctorFactory(department=here)), daily(doctor=DoctorFactory(department=there))
    assert "1 doctors" in run("--doctor", one.doctor_id)
    assert set(AvailableSlot.objects.values_list("doctor_id", flat=True)) == {one.doctor_id}
    assert "1 doctors" in run("--department", "Surgery")
    assert set(AvailableSlot.objects.values_list("doctor_id", flat=True)) == {one.doctor_id, other.doctor_id}
    with pytest.raises(CommandError, match="no doctor with the code X-1"):
        run("--doctor", "X-1")
    with pytest.raises(CommandError, match="no department called Magic"):
        run("--department", "Magic")


def test_doctors_who_are_inactive_get_none():
    daily(doctor__is_active=False)
    assert "0 doctors" in run()
    assert not AvailableSlot.objects.exists()


def test_a_dry_run_says_what_would_be_done_and_does_nothing():
    daily()
    run()
    appointment = booked(slot=AvailableSlot.objects.first())
    Schedule.objects.update(is_active=False)  # as by hand in the database: nothing has followed it yet
    before = list(AvailableSlot.objects.order_by("pk").values())
    said = run("--dry-run")
    assert said.startswith("Dry run, nothing was changed: 1 doctors")
    assert "0 added, 29 withdrawn, 1 appointments need a new time" in said
    assert list(AvailableSlot.objects.order_by("pk").values()) == before
    assert run().removeprefix("Slots") == said.removeprefix("Dry run, nothing was changed")
    appointment.refresh_from_db()
    assert appointment.status == "booked"
    assert appointment.needs_new_time_since is not None
    Schedule.objects.update(is_active=True)
    assert "29 added, 0 withdrawn, 0 appointments need a new time, 1 no longer do" in run()
    assert Appointment.objects.get().needs_new_time_since is None


def test_a_doctor_that_fails_does_not_stop_the_others():
    broken, sound = daily(doctor__id="A-1"), daily(doctor__id="B-1")
    Schedule.objects.filter(pk=broken.pk).update(recurrence="FREQ=SOMETIMES")
    stderr = io.StringIO()
    with pytest.raises(CommandError, match="1 doctors were left as they were"):
        run(stderr=stderr)
    assert stderr.getvalue().startswith("A-1: The recurrence of the schedule “Morning clinic” (A-1) cannot be read.")
    assert set(AvailableSlot.objects.values_list("doctor_id", flat=True)) == {sound.doctor_id}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_the_progress_bar_is_for_terminals(monkeypatch, stream, shown):
    daily()
    monkeypatch.setattr("sys.stderr", stream())
    assert "Doctors" not in run()
    assert ("Doctors" in sys.stderr.getvalue()) == shown
