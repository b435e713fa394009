from datetime import UTC, datetime, timedelta

import pytest

from appointments import operations
from appointments.arrival import Kind, arrival, arrival_of
from appointments.models import Appointment
from booking_site.testing.factories import TESTER, booked

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "kind", "minutes", "label"),
    [
        (-3 * 86400, Kind.EARLY, -4320, "3 days early"),
        (-2 * 3600, Kind.EARLY, -120, "2 hours early"),
        (-119 * 60, Kind.EARLY, -119, "119 minutes early"),
        (-25 * 60, Kind.EARLY, -25, "25 minutes early"),
        (-300, Kind.EARLY, -5, "5 minutes early"),
        (-299, Kind.ON_TIME, -4, "on time"),
        (-59, Kind.ON_TIME, 0, "on time"),
        (0, Kind.ON_TIME, 0, "on time"),
        (299, Kind.ON_TIME, 4, "on time"),
        (300, Kind.LATE, 5, "5 minutes late"),
        (659, Kind.LATE, 10, "10 minutes late"),
    ],
)
def test_arrival_is_told_in_whole_minutes(seconds, kind, minutes, label):
    assert arrival(NINE, NINE + timedelta(seconds=seconds)) == (kind, minutes, label)


@pytest.mark.django_db
def test_arrival_is_told_as_of_now_until_the_check_in_and_as_of_then_after_it():
    appointment = booked()
    now = appointment.starts_at - timedelta(minutes=25)
    assert arrival_of(appointment, now).label == "25 minutes early"
    checked_in = operations.check_in(actor=TESTER, appointment_id=appointment.pk)
    Appointment.objects.filter(pk=appointment.pk).update(checked_in_at=appointment.starts_at + timedelta(minutes=10))
    checked_in.refresh_from_db()
    assert arrival_of(checked_in, now).label == "10 minutes late"


@pytest.mark.django_db
def test_nobody_arrives_for_what_was_cancelled_or_missed():
    for give_up in (operations.cancel, operations.mark_no_show):
        assert arrival_of(give_up(actor=TESTER, appointment_id=booked().pk)) is None
