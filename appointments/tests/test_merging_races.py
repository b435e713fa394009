"""A merge and a booking for the duplicate at the same moment: the later waits, and no visit stays with the closed
record. The controls book without the lock."""

import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from appointments import operations
from appointments.merging import merge
from appointments.models import Appointment
from booking_site.core.errors import DomainError
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory
from booking_site.testing.racing import race, somebody_waits
from patients.models import Patient, PatientMerge

pytestmark = pytest.mark.django_db(transaction=True)
LOCK = "FOR KEY SHARE OF patients"


@pytest.fixture
def pair():
    return PatientFactory(), PatientFactory()


@pytest.fixture
def elsewhere():
    """``elsewhere(work)`` runs it on a connection of its own; what it will return."""
    with ThreadPoolExecutor(1) as pool:

        def submit(work):
            return pool.submit(alone, work)

        yield submit


@pytest.fixture
def no_lock(monkeypatch):
    assert LOCK in operations.BOOK
    monkeypatch.setattr(operations, "BOOK", operations.BOOK.replace(LOCK, ""))


def alone(work):
    try:
        return work()
    finally:
        connection.close()


def joining(pair):
    return lambda: merge(actor=TESTER, survivor_id=pair[0].pk, duplicate_id=pair[1].pk)


def booking(patient, slot):
    return lambda: operations.book(actor=TESTER, patient_id=patient.pk, slot_id=slot.pk)


def until_somebody_waits():
    for _ in range(1000):
        if somebody_waits():
            return
        time.sleep(0.002)
    raise AssertionError("nobody came to wait for a lock")


def owners():
    return set(Appointment.objects.values_list("patient_id", flat=True))


def is_sound():
    try:
        call_command("check_integrity", stdout=StringIO())
    except CommandError:
        return False
    return True


def book_during_a_merge(pair, elsewhere):
    slot = SlotFactory()
    with transaction.atomic():
        joining(pair)()
        booked = elsewhere(booking(pair[1], slot))
        until_somebody_waits()
    booked.result(30)


def test_a_booking_during_the_merge_is_the_survivors(pair, elsewhere):
    book_during_a_merge(pair, elsewhere)
    assert (owners(), is_sound()) == ({pair[0].pk}, True)


def test_control_without_the_lock_it_stays_with_the_closed_record(pair, elsewhere, no_lock):
    book_during_a_merge(pair, elsewhere)
    assert (owners(), is_sound()) == ({pair[1].pk}, False)


def test_a_merge_during_a_booking_takes_that_visit_along(pair, elsewhere):
    slot = SlotFactory()
    with transaction.atomic():
        booking(pair[1], slot)()
        merged = elsewhere(joining(pair))
        until_somebody_waits()
    assert len(merged.result(30).moved) == 1
    assert (owners(), is_sound()) == ({pair[0].pk}, True)


def test_control_without_the_lock_the_merge_does_not_see_that_visit(pair, elsewhere, no_lock):
    slot = SlotFactory()
    with transaction.atomic():
        booking(pair[1], slot)()
        assert elsewhere(joining(pair)).result(30).moved == []
    assert (owners(), is_sound()) == ({pair[1].pk}, False)


def test_many_bookings_and_merges_at_once_lose_nothing(pair):
    slots = SlotFactory.create_batch(6, doctor=SlotFactory().doctor)
    bookings = [booking(pair[n % 2], slot) for n, slot in enumerate(slots)]
    race([lambda work=work: alone(work) for work in (*bookings, joining(pair), joining(pair))])
    assert (Appointment.objects.count(), owners(), is_sound()) == (6, {pair[0].pk}, True)
    assert PatientMerge.objects.count() == 1


def test_merges_that_would_make_a_chain_or_a_circle_at_once_do_not(pair):
    third = PatientFactory()
    ways = [(pair[0], pair[1]), (pair[1], pair[0]), (pair[1], third), (third, pair[0])]

    def attempt(way):
        try:
            return alone(joining(way))
        except DomainError as error:
            return error.code

    race([lambda way=way: attempt(way) for way in ways])
    assert Patient.objects.surviving().count() == 1
    assert is_sound()
