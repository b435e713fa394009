"""Erasing and booking at the same moment: the later waits, and nobody who is erased has a visit ahead. The control
erases with a lock that a booking does not mind."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import Q

from appointments import erasing, operations
from appointments.erasing import erase
from appointments.exceptions import PatientStillExpected
from appointments.models import Appointment
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory
from booking_site.testing.racing import somebody_waits
from patients.exceptions import PatientErased
from patients.models import Patient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def patient():
    return PatientFactory()


def elsewhere(pool, work):
    """Run it on a connection of its own, and go on once it waits for a lock, or has ended."""

    def alone():
        try:
            return work()
        except (PatientErased, PatientStillExpected) as error:
            return error
        finally:
            connection.close()

    running = pool.submit(alone)
    for _ in range(2000):
        if running.done() or somebody_waits():
            return running
        time.sleep(0.002)
    raise AssertionError("it neither ended nor waited")


def erasing_it(patient):
    return lambda: erase(actor=TESTER, patient_id=patient.pk, reason="request")


def booking_for(patient):
    slot = SlotFactory()
    return lambda: operations.book(actor=TESTER, patient_id=patient.pk, slot_id=slot.pk)


def test_a_booking_that_is_under_way_is_waited_for_and_then_stands_in_the_way(patient):
    book = booking_for(patient)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            book()
            erased = elsewhere(pool, erasing_it(patient))
            assert not erased.done()
        assert isinstance(erased.result(60), PatientStillExpected)
    assert Patient.objects.get().erased_at is None


def test_a_booking_that_comes_while_somebody_is_erased_waits_and_is_refused(patient):
    book = booking_for(patient)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            erasing_it(patient)()
            booked = elsewhere(pool, book)
            assert not booked.done()
        assert isinstance(booked.result(60), PatientErased)
    assert Appointment.objects.count() == 0


def test_without_the_lock_somebody_erased_has_a_visit_ahead(patient, monkeypatch):
    def mildly(patient_id):
        return {each.pk: each for each in Patient.objects.select_for_update(no_key=True).filter(Q(pk=patient_id))}

    monkeypatch.setattr(erasing, "_locked", mildly)
    book = booking_for(patient)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            book()
            erased = elsewhere(pool, erasing_it(patient))
            assert erased.result(60).counts["records"] == 1
    assert (Patient.objects.get().erased_at is None, Appointment.objects.get().status) == (False, "booked")
