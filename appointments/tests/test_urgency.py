"""Which appointments are urgent, and what the API says of those that need a new time."""

from datetime import datetime

import pytest

from appointments import operations
from appointments.exceptions import InvalidTransition
from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.core.errors import PreconditionFailed
from booking_site.core.operations import version_of
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory, booked, staff
from scheduling import planning
from scheduling.models import Closure

pytestmark = pytest.mark.django_db


def closed(appointment: Appointment, reason: str = "Doctor is ill") -> Appointment:
    """The doctor's day of the appointment is closed: it needs a new time."""
    day = {"first_day": appointment.date, "last_day": appointment.date}
    planning.add_closures(actor=TESTER, closures=[Closure(doctor=appointment.doctor, reason=reason, **day)])
    appointment.refresh_from_db()
    return appointment


def test_urgency_is_changed_both_ways_and_audited_with_old_and_new():
    appointment = booked()
    for is_urgent in (True, False):
        operations.set_urgent(actor=TESTER, appointment_id=appointment.pk, is_urgent=is_urgent)
        appointment.refresh_from_db()
        assert appointment.is_urgent is is_urgent
        row = AuditLog.objects.latest("timestamp")
        assert (row.action, row.status, row.appointment_id) == (
            "appointment.urgency_changed",
            "success",
            appointment.pk,
        )
        assert row.details == {
            "old": {"is_urgent": not is_urgent},
            "new": {"is_urgent": is_urgent, "patient_id": str(appointment.patient_id)},
        }


def test_saying_it_twice_changes_nothing():
    appointment = booked(is_urgent=True)
    before = version_of(appointment)
    after = operations.set_urgent(
        actor=TESTER, appointment_id=appointment.pk, is_urgent=True, expected_versions=frozenset(["stale"])
    )
    assert version_of(after) == before
    assert not AuditLog.objects.filter(action="appointment.urgency_changed").exists()


def test_a_stale_page_and_a_finished_visit_are_refused():
    appointment = booked()
    with pytest.raises(PreconditionFailed):
        operations.set_urgent(
            actor=TESTER, appointment_id=appointment.pk, is_urgent=True, expected_versions=frozenset(["0"])
        )
    operations.cancel(actor=TESTER, appointment_id=appointment.pk)
    with pytest.raises(InvalidTransition, match="cancelled cannot become more or less urgent"):
        operations.set_urgent(actor=TESTER, appointment_id=appointment.pk, is_urgent=True)
    assert not Appointment.objects.get().is_urgent


@pytest.mark.parametrize(("sent", "stored"), [({}, False), ({"is_urgent": True}, True), ({"is_urgent": False}, False)])
def test_a_booking_says_whether_it_is_urgent(api, sent, stored):
    body = {"patient_id": str(PatientFactory().pk), "slot_id": str(SlotFactory().pk), **sent}
    answer = api.post("/api/v1/book-appointment", body)
    assert (answer.status_code, answer.json()["is_urgent"]) == (201, stored)
    assert Appointment.objects.get().is_urgent is stored


def test_the_api_tells_who_needs_a_new_time_and_filters_by_it(api):
    waiting, other = closed(booked(slot=SlotFactory())), booked()
    rows = {row["id"]: row for row in api.get("/api/v1/appointments").json()["results"]}
    row = rows[str(waiting.pk)]
    assert datetime.fromisoformat(row["needs_new_time_since"]) == waiting.needs_new_time_since
    assert row["needs_new_time_since"].endswith(("+01:00", "+02:00"))  # the site's offset, as of all its instants
    assert row["needs_new_time_because"] == "Doctor is ill"
    assert (rows[str(other.pk)]["needs_new_time_since"], rows[str(other.pk)]["needs_new_time_because"]) == (None, "")
    for given, expected in (("true", waiting), ("false", other)):
        found = api.get("/api/v1/appointments", {"needs_new_time": given, "count": "true"}).json()
        assert (found["count"], [row["id"] for row in found["results"]]) == (1, [str(expected.pk)])


def test_the_console_books_urgent_ones(client):
    client.force_login(staff("Reception"))
    form = {"key": "00000000-0000-7000-8000-0000000000aa", "patient": PatientFactory().pk, "slot": SlotFactory().pk}
    assert client.post("/admin/appointments/appointment/add/", {**form, "is_urgent": "on"}).status_code == 302
    assert Appointment.objects.get().is_urgent
