"""Moving an appointment from the board, and the fragment of its panel."""

import uuid

import pytest

from appointments import operations
from appointments.models import Appointment
from booking_site.core.operations import version_of
from booking_site.testing.factories import TESTER, DepartmentFactory, DoctorFactory, SlotFactory, booked, staff
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db
MOVE = "/admin/today/move/"


@pytest.fixture
def doctor():
    return DoctorFactory(department=DepartmentFactory(name="Cardiology"))


def move(client, appointment, slot, version: str | None = None):
    version = version_of(Appointment.objects.get(pk=appointment.pk)) if version is None else version
    return client.post(MOVE, {"appointment": appointment.pk, "slot": slot.pk, "version": version})


def test_an_appointment_moves_to_a_free_seat_and_back(client, doctor):
    client.force_login(staff("Reception"))
    appointment, seat = booked(slot=SlotFactory(doctor=doctor)), SlotFactory(doctor=doctor)
    answer = move(client, appointment, seat)
    assert answer.status_code == 200
    moved = Appointment.objects.get()
    assert (moved.slot_id, answer.json()["version"]) == (seat.pk, version_of(moved))
    assert move(client, moved, appointment.slot, answer.json()["version"]).status_code == 200
    assert Appointment.objects.get().slot_id == appointment.slot_id
    assert AvailableSlot.objects.get(pk=seat.pk).status == "available"


def test_a_refusal_says_why_and_changes_nothing(client, doctor):
    client.force_login(staff("Reception"))
    appointment = booked(slot=SlotFactory(doctor=doctor))
    taken = booked(slot=SlotFactory(doctor=doctor)).slot
    free = SlotFactory(doctor=doctor)
    answers = {
        "slot_unavailable": move(client, appointment, taken),
        "stale": move(client, appointment, free, "1"),
        "invalid": move(client, appointment, free, "nonsense"),
    }
    assert {code: (answer.status_code, answer.json()["code"]) for code, answer in answers.items()} == {
        "slot_unavailable": (409, "slot_unavailable"),
        "stale": (412, "stale"),
        "invalid": (400, "invalid"),
    }
    odd = client.post(MOVE, "appointment=x&slot=%ED%A0%80&version=%00", "application/x-www-form-urlencoded")
    assert odd.status_code == 400
    nowhere = AvailableSlot(pk=uuid.uuid4())
    assert move(client, appointment, nowhere).status_code == 404
    assert Appointment.objects.get(pk=appointment.pk).slot_id == appointment.slot_id
    operations.check_in(actor=TESTER, appointment_id=appointment.pk)
    assert move(client, appointment, free).json()["code"] == "invalid_transition"
    assert client.get(MOVE).status_code == 405


def test_both_seats_must_lie_in_the_persons_scope(client, doctor):
    other = DoctorFactory(department=DepartmentFactory(name="Neurology"))
    client.force_login(staff("Reception", doctor.department))
    mine, theirs = booked(slot=SlotFactory(doctor=doctor)), booked(slot=SlotFactory(doctor=other))
    assert move(client, mine, SlotFactory(doctor=other)).status_code == 403
    assert move(client, theirs, SlotFactory(doctor=doctor)).status_code == 404
    assert move(client, mine, SlotFactory(doctor=doctor)).status_code == 200


def test_who_may_not_move_is_refused(client, doctor):
    client.force_login(staff("Clinician", doctor=doctor))
    appointment = booked(slot=SlotFactory(doctor=doctor))
    assert move(client, appointment, SlotFactory(doctor=doctor)).status_code == 403


def test_the_panel_offers_what_may_be_done(client, doctor):
    client.force_login(staff("Reception"))
    appointment = booked(slot=SlotFactory(doctor=doctor), reason="Palpitations <b>")
    html = client.get(f"/admin/today/panel/{appointment.pk}/").content.decode()
    assert "Palpitations &lt;b&gt;" in html
    assert f"/admin/appointments/appointment/{appointment.pk}/move/" in html
    assert client.get(f"/admin/today/panel/{uuid.uuid4()}/").json()["code"] == "appointment_not_found"
