"""Holding a seat, and giving it up."""

import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from appointments import operations as appointments
from audit.models import AuditLog
from booking_site.core.actor import Actor
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory, booked, in_days
from booking_site.testing.fixtures import api_client
from scheduling import operations, signals
from scheduling.exceptions import HoldExpired, HoldNotOwned, SlotNotFound, SlotUnavailable
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db

OTHER = Actor(kind="client", id="other", name="other")


def hold(slot, actor=TESTER, **more):
    return operations.hold(actor=actor, slot_id=getattr(slot, "pk", slot), **more)


def release(slot, actor=TESTER, **more):
    operations.release(actor=actor, slot_id=getattr(slot, "pk", slot), **more)


def end(slot):
    """As if the time of the hold had passed."""
    AvailableSlot.objects.filter(pk=slot.pk).update(held_until=timezone.now() - timedelta(seconds=1))


def test_a_hold_lasts_its_minutes_and_its_token_is_stored_nowhere():
    slot = SlotFactory()
    token, until = hold(slot)
    slot.refresh_from_db()
    assert (slot.status, slot.held_by, slot.held_until) == ("held", "tests", until)
    assert timedelta(0) <= timezone.now() + timedelta(minutes=settings.HOLD_MINUTES) - until < timedelta(minutes=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT available_slots::text FROM available_slots")
        assert token not in cursor.fetchone()[0]
    assert token not in str(list(AuditLog.objects.values()))
    assert not AvailableSlot.objects.free().exists()


def test_a_hold_ends_when_the_visit_begins_at_the_latest():
    begins = timezone.now() + timedelta(minutes=2)
    slot = SlotFactory(starts_at=begins)
    assert hold(slot)[1] == begins


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: uuid.uuid4(), SlotNotFound),
        (lambda: SlotFactory(starts_at=in_days(-1)), SlotUnavailable),
        (lambda: SlotFactory(status="withdrawn"), SlotUnavailable),
        (lambda: booked().slot, SlotUnavailable),
        (lambda: SlotFactory(doctor__is_active=False), SlotUnavailable),
        (lambda: SlotFactory(doctor__department__is_active=False), SlotUnavailable),
    ],
)
def test_a_seat_that_cannot_be_booked_cannot_be_held(make, error):
    slot = make()
    with pytest.raises(error):
        hold(slot)
    row = AuditLog.objects.get(action="slot.held")
    assert (row.status, row.object_id, row.details["code"]) == ("failure", str(getattr(slot, "pk", slot)), error.code)


def test_nobody_else_can_hold_a_held_seat():
    slot = SlotFactory()
    hold(slot)
    with pytest.raises(SlotUnavailable):
        hold(slot, actor=OTHER)
    with pytest.raises(SlotUnavailable):
        hold(slot)  # nor the holder without its token
    with pytest.raises(HoldExpired):
        hold(slot, hold_token="wrong")


def test_a_hold_begins_anew_with_its_token_and_the_old_token_is_worth_nothing():
    slot = SlotFactory()
    first, _ = hold(slot)
    AvailableSlot.objects.update(held_until=timezone.now() + timedelta(seconds=30))
    second, until = hold(slot, hold_token=first)
    assert until > timezone.now() + timedelta(minutes=settings.HOLD_MINUTES - 1)
    with pytest.raises(HoldExpired):
        hold(slot, hold_token=first)
    hold(slot, hold_token=second)


def test_a_hold_past_its_end_counts_as_available():
    slot = SlotFactory()
    hold(slot)
    end(slot)
    assert AvailableSlot.objects.free().get() == slot
    hold(slot, actor=OTHER)


def test_a_hold_that_somebody_else_took_over_is_lost():
    slot = SlotFactory()
    token, _ = hold(slot)
    end(slot)
    hold(slot, actor=OTHER)
    with pytest.raises(HoldExpired):
        appointments.book(actor=TESTER, patient_id=PatientFactory().pk, slot_id=slot.pk, hold_token=token)


def test_a_hold_is_released_by_its_token_or_by_who_made_it():
    slot = SlotFactory()
    token, _ = hold(slot)
    release(slot, actor=OTHER, hold_token=token)
    slot.refresh_from_db()
    assert (slot.status, slot.held_until, slot.held_by, slot.hold_digest) == ("available", None, "", "")
    hold(slot)
    release(slot)
    assert AvailableSlot.objects.free().exists()
    assert AuditLog.objects.filter(action="slot.released", status="success").count() == 2


def test_nobody_else_can_release_a_hold():
    slot = SlotFactory()
    hold(slot)
    for arguments in ({"actor": OTHER}, {"actor": OTHER, "hold_token": "wrong"}, {"hold_token": "wrong"}):
        with pytest.raises(HoldNotOwned) as refused:
            release(slot, **arguments)
        assert refused.value.status_code == 403
    slot.refresh_from_db()
    assert slot.status == "held"
    assert AuditLog.objects.filter(action="slot.released", status="denied").count() == 3


@pytest.mark.parametrize("make", [SlotFactory, lambda: booked().slot, lambda: SlotFactory(status="withdrawn")])
def test_releasing_what_is_not_held_changes_nothing(make):
    slot = make()
    slot.refresh_from_db()
    release(slot)
    assert AvailableSlot.objects.get(pk=slot.pk).status == slot.status
    assert not AuditLog.objects.filter(action="slot.released").exists()


def test_releasing_a_hold_that_has_ended_changes_nothing_whoever_asks():
    slot = SlotFactory()
    token, _ = hold(slot)
    end(slot)
    for arguments in ({"actor": OTHER}, {"hold_token": "wrong"}, {"hold_token": token}, {}):
        release(slot, **arguments)
    assert AvailableSlot.objects.free().exists()
    assert not AuditLog.objects.filter(action="slot.released").exists()


def test_a_refused_call_names_the_slot_in_the_log(api):
    slot = booked().slot
    assert api.post(f"/api/v1/available-slots/{slot.pk}/hold").status_code == 409
    assert AuditLog.objects.get(action="slot.held").object_id == str(slot.pk)


def test_releasing_a_slot_that_is_not_there_is_not_found():
    with pytest.raises(SlotNotFound):
        release(uuid.uuid4())


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_cannot_be_audited_is_undone():
    def fail(**kwargs):
        raise RuntimeError("no audit, no hold")

    slot = SlotFactory()
    signals.slot_held.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            hold(slot)
    finally:
        signals.slot_held.disconnect(fail)
    assert AvailableSlot.objects.free().exists()
    assert not AuditLog.objects.exists()


def test_holds_over_http(api, make_token):
    slot, patient = SlotFactory(), PatientFactory()
    path = f"/api/v1/available-slots/{slot.pk}/hold"
    made = api.post(path)
    assert (made.status_code, set(made.json())) == (201, {"hold_token", "held_until"})
    stranger = api_client(make_token(name="stranger"))
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    assert (refused := stranger.post("/api/v1/book-appointment", body)).status_code == 409
    assert refused.json()["code"] == "slot_unavailable"
    foreign = stranger.post("/api/v1/book-appointment", body | {"hold_token": "x" * 32})
    assert (foreign.status_code, foreign.json()["code"]) == (409, "hold_expired")
    assert (kept := stranger.delete(path)).status_code == 403
    assert kept.json()["code"] == "hold_not_owned"
    assert api.get("/api/v1/available-slots").json()["results"] == []
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 204
    assert len(api.get("/api/v1/available-slots").json()["results"]) == 1
    token = api.post(path).json()["hold_token"]
    assert api.post("/api/v1/book-appointment", body | {"hold_token": token}).status_code == 201
