"""Clients that want the same thing at the same moment, over real HTTP against two worker processes.

Each race has a control: the same race run by the code that everybody writes first (look, then write) over copies of
the tables without constraints. The controls show what the guards prevent, and that the tests would see it: there, all
look before anyone writes, so that the outcome is no matter of luck.
"""

import random
import threading
import uuid
from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from appointments.models import Appointment, IdempotencyKey
from audit.models import AuditLog
from booking_site.testing.factories import PatientFactory, SlotFactory, booked, in_days
from booking_site.testing.fixtures import serving, test_database_url
from booking_site.testing.racing import HttpClient, race, what_is_wrong
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def site(django_db_setup):
    """One server for all races of this file."""
    with serving() as address:
        yield address


@pytest.fixture
def clients(site, make_token):
    token = make_token()
    return lambda number: [HttpClient(site, token) for _ in range(number)]


def posting(path, bodies, clients, **headers):
    """One runner for each client and body."""
    return [
        lambda client=client, body=body: client.post(f"/api/v1/{path}", body, **headers)
        for client, body in zip(clients, bodies, strict=True)
    ]


def booking(patient, slot):
    return {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}


def outcomes(answers):
    """How many answers of each status; every refusal must be a problem document."""
    assert all(answer.code for answer in answers if answer.status >= 400)
    return Counter(answer.status for answer in answers)


# --- the controls: look, then write ----------------------------------------------------------------------------


@pytest.fixture
def naive():
    """Copies of the tables without a constraint, first on the search path of ``connect()``; data is copied in."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA naive")
        for table in ("available_slots", "appointments"):
            cursor.execute(f"CREATE TABLE naive.{table} AS SELECT * FROM public.{table}")
        cursor.execute("SET search_path = naive, public")

    def connect():
        return psycopg.connect(test_database_url(), options="-c search_path=naive,public", autocommit=True)

    yield connect
    with connection.cursor() as cursor:
        cursor.execute("RESET search_path")
        cursor.execute("DROP SCHEMA naive CASCADE")


def naive_race(connect, *calls):
    """Run each ``(work, *arguments)`` on a connection of its own, all at once; what each returned, in their order.

    ``work`` gets the connection and ``wait``, to be called between looking and writing: it returns when all wait.
    """
    meeting = threading.Barrier(len(calls))

    def runner(work, *arguments):
        connection = connect()

        def run():
            with connection:
                return work(connection, lambda: meeting.wait(60), *arguments)

        return run

    return race([runner(*call) for call in calls])


def naive_book(connection, wait, patient, slot):
    """Is the seat free, and the patient? Then book."""
    free = connection.execute("SELECT 1 FROM available_slots WHERE id = %s AND status = 'available'", [slot.pk])
    busy = connection.execute(
        "SELECT 1 FROM appointments WHERE patient_id = %s AND status = 'booked' AND starts_at < %s AND ends_at > %s",
        [patient.pk, slot.ends_at, slot.starts_at],
    )
    if free.fetchone() is None or busy.fetchone() is not None:
        return False
    wait()
    connection.execute("UPDATE available_slots SET status = 'booked' WHERE id = %s", [slot.pk])
    connection.execute(
        "INSERT INTO appointments (id, patient_id, slot_id, status, starts_at, ends_at)"
        " VALUES (%s, %s, %s, 'booked', %s, %s)",
        [uuid.uuid4(), patient.pk, slot.pk, slot.starts_at, slot.ends_at],
    )
    return True


def naive_hold(connection, wait, slot):
    if connection.execute("SELECT status FROM available_slots WHERE id = %s", [slot.pk]).fetchone() != ("available",):
        return False
    wait()
    connection.execute("UPDATE available_slots SET status = 'held' WHERE id = %s", [slot.pk])
    return True


def naive_move(connection, wait, appointment, slot):
    status, old = connection.execute(
        "SELECT status, slot_id FROM appointments WHERE id = %s", [appointment.pk]
    ).fetchone()
    free = connection.execute("SELECT 1 FROM available_slots WHERE id = %s AND status = 'available'", [slot.pk])
    busy = connection.execute(
        "SELECT 1 FROM appointments WHERE patient_id = %s AND id <> %s AND status = 'booked'"
        " AND starts_at < %s AND ends_at > %s",
        [appointment.patient_id, appointment.pk, slot.ends_at, slot.starts_at],
    )
    if status != "booked" or free.fetchone() is None or busy.fetchone() is not None:
        return False
    wait()
    connection.execute("UPDATE available_slots SET status = 'booked' WHERE id = %s", [slot.pk])
    connection.execute("UPDATE available_slots SET status = 'available' WHERE id = %s", [old])
    connection.execute(
        "UPDATE appointments SET slot_id = %s, starts_at = %s, ends_at = %s WHERE id = %s",
        [slot.pk, slot.starts_at, slot.ends_at, appointment.pk],
    )
    return True


def naive_cancel(connection, wait, appointment):
    status, slot_id = connection.execute(
        "SELECT status, slot_id FROM appointments WHERE id = %s", [appointment.pk]
    ).fetchone()
    if status != "booked":
        return False
    wait()
    connection.execute("UPDATE appointments SET status = 'cancelled' WHERE id = %s", [appointment.pk])
    connection.execute("UPDATE available_slots SET status = 'available' WHERE id = %s", [slot_id])
    return True


# --- 64 clients for 16 seats -----------------------------------------------------------------------------------


def test_64_clients_for_16_seats_make_16_appointments(clients):
    seats, patients = SlotFactory.create_batch(16), PatientFactory.create_batch(64)
    bodies = [booking(patient, seats[number % 16]) for number, patient in enumerate(patients)]
    answers = race(posting("book-appointment", bodies, clients(64)))
    assert outcomes(answers) == {201: 16, 409: 48}
    assert {answer.code for answer in answers if answer.status == 409} == {"slot_unavailable"}
    assert Counter(Appointment.objects.values_list("slot_id", flat=True)) == {seat.pk: 1 for seat in seats}
    assert what_is_wrong() == {}
    # Each attempt left its row, the refused ones too.
    assert Counter(AuditLog.objects.values_list("action", "status")) == {
        ("appointment.booked", "success"): 16,
        ("appointment.booked", "failure"): 48,
    }


def test_control_64_naive_clients_for_16_seats_overbook(request):
    seats, patients = SlotFactory.create_batch(16), PatientFactory.create_batch(64)
    connect = request.getfixturevalue("naive")  # copies the rows made so far
    won = naive_race(connect, *[(naive_book, patient, seats[n % 16]) for n, patient in enumerate(patients)])
    assert won == [True] * 64
    assert "shared" in what_is_wrong()


# --- one patient, many places ------------------------------------------------------------------------------------


def overlapping_seats(number):
    """Seats of as many doctors, each beginning a minute after the last: all overlap."""
    return [SlotFactory(starts_at=in_days(8) + timedelta(minutes=minute % 25)) for minute in range(number)]


def test_one_patient_booked_by_32_clients_into_overlapping_seats_is_booked_once(clients):
    patient, seats = PatientFactory(), overlapping_seats(32)
    answers = race(posting("book-appointment", [booking(patient, seat) for seat in seats], clients(32)))
    assert outcomes(answers) == {201: 1, 409: 31}
    assert {answer.code for answer in answers if answer.status == 409} == {"patient_double_booked"}
    assert what_is_wrong() == {}
    assert AvailableSlot.objects.free().count() == 31


def test_control_one_patient_booked_by_32_naive_clients_is_in_many_places(request):
    patient, seats = PatientFactory(), overlapping_seats(32)
    connect = request.getfixturevalue("naive")
    assert naive_race(connect, *[(naive_book, patient, seat) for seat in seats]) == [True] * 32
    assert "twice" in what_is_wrong()


# --- holds -------------------------------------------------------------------------------------------------------


def test_64_clients_hold_one_seat_and_one_gets_it(clients):
    seat = SlotFactory()
    answers = race(posting(f"available-slots/{seat.pk}/hold", [{}] * 64, clients(64)))
    assert outcomes(answers) == {201: 1, 409: 63}
    token = next(answer.body["hold_token"] for answer in answers if answer.status == 201)
    [client] = clients(1)
    taken = client.post("/api/v1/book-appointment", booking(PatientFactory(), seat))
    assert (taken.status, taken.code) == (409, "slot_unavailable")
    mine = client.post("/api/v1/book-appointment", booking(PatientFactory(), seat) | {"hold_token": token})
    assert mine.status == 201


def test_control_64_naive_clients_hold_one_seat_and_many_get_it(request):
    seat = SlotFactory()
    connect = request.getfixturevalue("naive")
    assert naive_race(connect, *[(naive_hold, seat)] * 64) == [True] * 64


def test_a_seat_is_held_or_booked_never_both(clients):
    seats = SlotFactory.create_batch(16)
    holding = [f"available-slots/{seat.pk}/hold" for seat in seats]
    bookings = [booking(PatientFactory(), seat) for seat in seats]
    holds = [posting(path, [{}], [client])[0] for path, client in zip(holding, clients(16), strict=True)]
    answers = race(holds + posting("book-appointment", bookings, clients(16)))
    for seat, held, taken in zip(seats, answers[:16], answers[16:], strict=True):
        assert sorted([held.status, taken.status]) == [201, 409]
        seat.refresh_from_db()
        assert seat.status == ("held" if held.status == 201 else "booked")
    assert what_is_wrong() == {}


def test_control_a_seat_is_naively_held_and_booked(request):
    seats = SlotFactory.create_batch(16)
    patients = PatientFactory.create_batch(16)
    connect = request.getfixturevalue("naive")
    holds = [(naive_hold, seat) for seat in seats]
    bookings = [(naive_book, patient, seat) for patient, seat in zip(patients, seats, strict=True)]
    assert naive_race(connect, *holds, *bookings) == [True] * 32


# --- moves -------------------------------------------------------------------------------------------------------


def move(appointment, slot):
    return {"appointment_id": str(appointment.pk), "slot_id": str(slot.pk)}


def test_appointments_that_swap_seats_neither_deadlock_nor_get_lost(clients):
    """Round after round, 8 clients move 4 appointments among 5 seats, towards each other's."""
    seats = SlotFactory.create_batch(5)
    appointments = [booked(slot=seat) for seat in seats[:4]]
    eight = clients(8)
    chance = random.Random(7)
    seen = Counter()
    for _ in range(25):
        moves = [move(appointments[number % 4], chance.choice(seats)) for number in range(8)]
        answers = race(posting("reschedule-appointment", moves, eight))
        seen += outcomes(answers)
        assert what_is_wrong() == {}
        assert Appointment.objects.filter(status="booked").count() == 4
    assert set(seen) == {200, 409}
    assert AvailableSlot.objects.free().count() == 1


def test_control_seats_locked_in_no_order_deadlock(request):
    """A naive swap takes its own seat first, then the other's."""
    seats = SlotFactory.create_batch(2)
    connect = request.getfixturevalue("naive")

    def swap(connection, wait, own, other):
        with connection.transaction():
            connection.execute("UPDATE available_slots SET status = 'available' WHERE id = %s", [own.pk])
            wait()
            try:
                connection.execute("UPDATE available_slots SET status = 'booked' WHERE id = %s", [other.pk])
            except psycopg.errors.DeadlockDetected:
                return "deadlock"
        return "moved"

    assert sorted(naive_race(connect, (swap, *seats), (swap, *seats[::-1]))) == ["deadlock", "moved"]


def test_two_appointments_move_into_one_seat_and_one_gets_it(clients):
    for _ in range(5):
        one, other, target = booked(), booked(), SlotFactory()
        answers = race(posting("reschedule-appointment", [move(one, target), move(other, target)], clients(2)))
        assert outcomes(answers) == {200: 1, 409: 1}
    assert what_is_wrong() == {}


def test_control_two_appointments_move_naively_into_one_seat(request):
    one, other, target = booked(), booked(), SlotFactory()
    connect = request.getfixturevalue("naive")
    naive_race(connect, (naive_move, one, target), (naive_move, other, target))
    assert "shared" in what_is_wrong()


def test_two_moves_of_one_patient_never_overlap(clients):
    for day in range(20, 25):
        patient = PatientFactory()
        one, other = booked(patient=patient), booked(patient=patient)
        targets = [SlotFactory(starts_at=in_days(day)), SlotFactory(starts_at=in_days(day, minute=10))]
        moves = [move(one, targets[0]), move(other, targets[1])]
        answers = race(posting("reschedule-appointment", moves, clients(2)))
        assert outcomes(answers) == {200: 1, 409: 1}
        assert [answer.code for answer in answers if answer.code] == ["patient_double_booked"]
    assert what_is_wrong() == {}


def test_a_move_and_a_booking_of_one_patient_never_overlap(clients):
    for day in range(20, 25):
        patient = PatientFactory()
        one = booked(patient=patient)
        targets = [SlotFactory(starts_at=in_days(day)), SlotFactory(starts_at=in_days(day, minute=10))]
        two = clients(2)
        answers = race(
            posting("reschedule-appointment", [move(one, targets[0])], two[:1])
            + posting("book-appointment", [booking(patient, targets[1])], two[1:])
        )
        assert sorted(answer.status for answer in answers) in ([200, 409], [201, 409])
        assert [answer.code for answer in answers if answer.code] == ["patient_double_booked"]
    assert what_is_wrong() == {}


def test_control_two_naive_moves_of_one_patient_overlap(request):
    patient = PatientFactory()
    one, other = booked(patient=patient), booked(patient=patient)
    targets = [SlotFactory(starts_at=in_days(20)), SlotFactory(starts_at=in_days(20, minute=10))]
    connect = request.getfixturevalue("naive")
    naive_race(connect, (naive_move, one, targets[0]), (naive_move, other, targets[1]))
    assert "twice" in what_is_wrong()


def test_a_cancelled_appointment_keeps_no_seat_whatever_moves_it(clients):
    for _ in range(10):
        appointment, target = booked(), SlotFactory()
        two = clients(2)
        cancelled, moved = race(
            posting("cancel-appointment", [{"appointment_id": str(appointment.pk)}], two[:1])
            + posting("reschedule-appointment", [move(appointment, target)], two[1:])
        )
        assert cancelled.status == 200
        assert (moved.status, moved.code) in ((200, ""), (409, "invalid_transition"))
        seat = target.pk if moved.status == 200 else appointment.slot_id
        appointment.refresh_from_db()
        assert (appointment.status, appointment.slot_id) == ("cancelled", seat)
    assert what_is_wrong() == {}
    assert AvailableSlot.objects.free().count() == 20


def test_control_a_naively_cancelled_appointment_keeps_a_seat(request):
    pairs = [(booked(), SlotFactory()) for _ in range(10)]
    connect = request.getfixturevalue("naive")
    cancels = [(naive_cancel, appointment) for appointment, _ in pairs]
    naive_race(connect, *cancels, *[(naive_move, *pair) for pair in pairs])
    assert "disagree" in what_is_wrong()


# --- repeated requests -------------------------------------------------------------------------------------------


def test_one_key_sent_by_16_clients_at_once_books_once_and_all_hear_of_it(clients):
    body = booking(PatientFactory(), SlotFactory())
    answers = race(posting("book-appointment", [body] * 16, clients(16), Idempotency_Key="the-same"))
    assert outcomes(answers) == {201: 16}
    appointment = Appointment.objects.get()
    assert {answer.body["id"] for answer in answers} == {str(appointment.pk)}
    assert IdempotencyKey.objects.get().appointment_id == appointment.pk
    assert AuditLog.objects.filter(action="appointment.booked").count() == 1


def test_control_without_a_key_15_of_16_are_refused(clients):
    body = booking(PatientFactory(), SlotFactory())
    answers = race(posting("book-appointment", [body] * 16, clients(16)))
    assert outcomes(answers) == {201: 1, 409: 15}


def test_two_bodies_under_one_key_at_once_book_one_and_refuse_the_other(clients):
    bodies = [booking(PatientFactory(), SlotFactory()) for _ in range(2)]
    answers = race(posting("book-appointment", bodies, clients(2), Idempotency_Key="reused"))
    assert outcomes(answers) == {201: 1, 422: 1}
    assert [answer.code for answer in answers if answer.code] == ["idempotency_key_reused"]
    assert Appointment.objects.count() == 1


def test_control_two_bodies_under_two_keys_book_both(clients):
    bodies = [booking(PatientFactory(), SlotFactory()) for _ in range(2)]
    two = clients(2)
    answers = race(
        posting("book-appointment", bodies[:1], two[:1], Idempotency_Key="one")
        + posting("book-appointment", bodies[1:], two[1:], Idempotency_Key="two")
    )
    assert outcomes(answers) == {201: 2}
