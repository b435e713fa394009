"""Limits under a rush: so many holds of a client, so many visits of a doctor's day, so many of a patient.

Each is counted after the seat is taken, under a lock. The controls do the same without the lock: each counts its own
seat, and none of the others that are on their way.
"""

from collections import Counter
from datetime import timedelta

import psycopg
import pytest

from appointments.models import Appointment
from appointments.tests.test_races import (  # noqa: F401 - fixtures too
    booking,
    clients,
    naive,
    naive_race,
    outcomes,
    posting,
)
from booking_site.testing.factories import DoctorFactory, PatientFactory, SlotFactory, VisitTypeFactory, in_days
from booking_site.testing.fixtures import serving
from booking_site.testing.racing import race, what_is_wrong
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS, LIMIT = 24, 5


@pytest.fixture(scope="module")
def site(django_db_setup):
    with serving(HOLDS_PER_CLIENT=str(LIMIT)) as address:
        yield address


@pytest.fixture
def rivals(request):
    return request.getfixturevalue("clients")(CLIENTS)


def unlocked(connection, wait, take, count):
    """Take a seat, then count: what the operations do, but for the lock. All have counted before anyone commits."""
    with connection.transaction() as transaction:
        connection.execute(*take)
        [number] = connection.execute(*count).fetchone()
        wait()
        if number > LIMIT:
            raise psycopg.Rollback(transaction)


def of_one_day(kind):
    """As many seats of one doctor on one day."""
    doctor, opens = DoctorFactory(), in_days(10, 6)
    return [
        SlotFactory(
            doctor=doctor, starts_at=opens + timedelta(minutes=20 * n), duration_minutes=20, visit_type=kind
        )
        for n in range(CLIENTS)
    ]  # fmt: skip


# --- holds of a client -------------------------------------------------------------------------------------------


def test_one_client_holds_as_many_seats_as_it_may_and_no_more(rivals):
    seats = SlotFactory.create_batch(CLIENTS)
    answers = race(
        [
            lambda client=client, seat=seat: client.post(f"/api/v1/available-slots/{seat.pk}/hold", {"minutes": 15})
            for client, seat in zip(rivals, seats, strict=True)
        ]
    )
    assert outcomes(answers) == {201: LIMIT, 409: CLIENTS - LIMIT}
    assert {answer.code for answer in answers if answer.status == 409} == {"too_many_holds"}
    assert AvailableSlot.objects.filter(status="held").count() == LIMIT


def test_control_without_the_lock_one_client_holds_more(request):
    seats = SlotFactory.create_batch(CLIENTS)
    connect = request.getfixturevalue("naive")

    def hold(connection, wait, seat):
        unlocked(
            connection,
            wait,
            ("UPDATE available_slots SET status = 'held' WHERE id = %s", [seat.pk]),
            ("SELECT count(*) FROM available_slots WHERE status = 'held'",),
        )

    naive_race(connect, *[(hold, seat) for seat in seats])
    assert taken("held") == CLIENTS


# --- visits of a doctor on a day ---------------------------------------------------------------------------------


def test_a_doctors_day_takes_as_many_visits_of_a_type_as_it_may_held_or_booked(rivals):
    seats = of_one_day(VisitTypeFactory(limit_per_doctor_day=LIMIT))
    half = CLIENTS // 2
    holds = [
        lambda client=client, seat=seat: client.post(f"/api/v1/available-slots/{seat.pk}/hold", {})
        for client, seat in zip(rivals[:half], seats[:half], strict=True)
    ]
    bodies = [booking(PatientFactory(), seat) for seat in seats[half:]]
    answers = race(holds + posting("book-appointment", bodies, rivals[half:]))
    refused = [answer for answer in answers if answer.status == 409]
    assert len(refused) == CLIENTS - LIMIT
    assert {answer.code for answer in refused} == {"slot_unavailable"}
    named = Counter(error["code"] for answer in refused for error in answer.body["errors"])
    assert set(named) == {"day_full"}
    assert AvailableSlot.objects.filter(status__in=["held", "booked"]).count() == LIMIT
    assert AvailableSlot.objects.free().count() == 0
    assert what_is_wrong() == {}


def test_control_without_the_lock_a_doctors_day_takes_more(request):
    seats = of_one_day("consultation")
    connect = request.getfixturevalue("naive")

    def book(connection, wait, seat):
        unlocked(
            connection,
            wait,
            ("UPDATE available_slots SET status = 'booked' WHERE id = %s", [seat.pk]),
            ("SELECT count(*) FROM available_slots WHERE status = 'booked'",),
        )

    naive_race(connect, *[(book, seat) for seat in seats])
    assert taken("booked") == CLIENTS


# --- visits of a patient -----------------------------------------------------------------------------------------


def test_a_patient_gets_as_many_visits_of_a_type_as_may_be_ahead(rivals):
    kind, patient = VisitTypeFactory(limit_per_patient=LIMIT), PatientFactory()
    seats = SlotFactory.create_batch(CLIENTS, visit_type=kind)
    answers = race(posting("book-appointment", [booking(patient, seat) for seat in seats], rivals))
    assert outcomes(answers) == {201: LIMIT, 409: CLIENTS - LIMIT}
    assert {answer.code for answer in answers if answer.status == 409} == {"patient_limit_reached"}
    assert Appointment.objects.filter(patient=patient, status="booked").count() == LIMIT
    assert AvailableSlot.objects.free().count() == CLIENTS - LIMIT
    assert what_is_wrong() == {}


def test_control_without_the_lock_a_patient_gets_more(request):
    patient, seats = PatientFactory(), SlotFactory.create_batch(CLIENTS)
    connect = request.getfixturevalue("naive")

    def book(connection, wait, seat):
        unlocked(
            connection,
            wait,
            ("INSERT INTO appointments (patient_id, slot_id, status) VALUES (%s, %s, 'booked')", [patient.pk, seat.pk]),
            ("SELECT count(*) FROM appointments WHERE patient_id = %s AND status = 'booked'", [patient.pk]),
        )

    naive_race(connect, *[(book, seat) for seat in seats])
    assert Appointment.objects.filter(status="booked").count() == CLIENTS


def taken(status):
    return AvailableSlot.objects.filter(status=status).count()
