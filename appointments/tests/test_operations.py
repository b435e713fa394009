"""Booking, cancelling, moving: every rule, every refusal, and what is left behind."""

import threading
import time
import uuid
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from appointments import operations, signals
from appointments.exceptions import (
    AppointmentNotFound,
    DoctorMismatch,
    InvalidTransition,
    PatientDoubleBooked,
    PatientInactive,
    PatientNotFound,
)
from appointments.idempotency import Idempotency
from appointments.models import Appointment, IdempotencyKey, Status
from audit.models import AuditLog
from booking_site.core.actor import Actor
from booking_site.core.errors import KeyReused, PreconditionFailed
from booking_site.core.operations import version_of
from booking_site.testing.factories import TESTER, DoctorFactory, PatientFactory, SlotFactory, booked, in_days
from booking_site.testing.fixtures import test_database_url
from booking_site.testing.racing import somebody_waits, what_is_wrong
from patients.models import Patient
from scheduling import operations as holding
from scheduling.exceptions import HoldExpired, SlotNotFound, SlotUnavailable
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db

OTHER = Actor(kind="client", id="other", name="other", request_id="r-12345678", address="203.0.113.9")


def book(patient=None, slot=None, **more):
    patient_id = patient.pk if isinstance(patient, Patient) else patient or PatientFactory().pk
    slot_id = slot.pk if isinstance(slot, AvailableSlot) else slot or SlotFactory().pk
    return operations.book(actor=more.pop("actor", TESTER), patient_id=patient_id, slot_id=slot_id, **more)


def cancel(appointment, **more):
    return operations.cancel(actor=TESTER, appointment_id=getattr(appointment, "pk", appointment), **more)


def reschedule(appointment, slot, **more):
    return operations.reschedule(
        actor=TESTER,
        appointment_id=getattr(appointment, "pk", appointment),
        slot_id=getattr(slot, "pk", slot),
        **more,
    )


def status_of(slot):
    return AvailableSlot.objects.values_list("status", flat=True).get(pk=slot.pk)


def set_status(appointment, status):
    """A status that single operations reach on another day."""
    moment = {"checked_in": "checked_in_at", "in_progress": "started_at", "no_show": "no_show_at"}
    moments = {moment.get(status, f"{status}_at"): timezone.now()}
    Appointment.objects.filter(pk=appointment.pk).update(status=status, **moments)


@pytest.fixture
def nothing_written():
    """The refused operation leaves one audit row that says so, and otherwise the tables as they were."""

    def rows():
        return [list(model.objects.order_by("pk").values()) for model in (Appointment, AvailableSlot, IdempotencyKey)]

    class Watch:
        def __enter__(self):
            self.before, self.logged = rows(), AuditLog.objects.count()

        def __exit__(self, *exception):
            assert rows() == self.before
            if exception[0] is None:
                assert AuditLog.objects.filter(status="failure").count() == 1
                assert AuditLog.objects.count() == self.logged + 1

    return Watch()


# --- booking -----------------------------------------------------------------------------------------------------


def test_a_booking_has_the_times_of_its_slot_and_what_was_asked():
    patient, slot = PatientFactory(), SlotFactory(visit_type="follow-up")
    asked = in_days(3)
    made = book(patient, slot, reason="  Ünwell\n", requested_datetime=asked, doctor_id=slot.doctor_id, actor=OTHER)
    saved = Appointment.objects.get()
    assert (made.pk, saved.patient_id, saved.slot_id) == (saved.pk, patient.pk, slot.pk)
    assert saved.visit_type == "follow-up"
    for name in ("doctor_id", "department_id", "date", "time", "starts_at", "ends_at"):
        assert getattr(saved, name) == getattr(made, name) == getattr(slot, name)
    assert (saved.status, saved.reason, saved.requested_datetime) == ("booked", "  Ünwell\n", asked)
    assert (saved.source, saved.booked_by) == ("api", "client:other")
    assert timezone.now() - saved.booked_at < timedelta(minutes=1)
    assert status_of(slot) == "booked"


REFUSALS = {
    "unknown slot": (lambda: {"slot": uuid.uuid4()}, SlotNotFound, 404),
    "unknown patient": (lambda: {"patient": uuid.uuid4()}, PatientNotFound, 404),
    "past": (lambda: {"slot": SlotFactory(starts_at=in_days(-1))}, SlotUnavailable, 409),
    "withdrawn": (lambda: {"slot": SlotFactory(status="withdrawn")}, SlotUnavailable, 409),
    "taken": (lambda: {"slot": booked().slot}, SlotUnavailable, 409),
    "doctor away": (lambda: {"slot": SlotFactory(doctor__is_active=False)}, SlotUnavailable, 409),
    "department closed": (lambda: {"slot": SlotFactory(doctor__department__is_active=False)}, SlotUnavailable, 409),
    "patient's record closed": (lambda: {"patient": PatientFactory(is_active=False)}, PatientInactive, 409),
    "another doctor": (lambda: {"doctor_id": DoctorFactory().pk}, DoctorMismatch, 400),
    "held by another": (lambda: {"slot": held()[0]}, SlotUnavailable, 409),
    "held by another, wrong token": (lambda: {"slot": held()[0], "hold_token": "wrong"}, HoldExpired, 409),
    "held by another, token of another seat": (
        lambda: {"slot": held()[0], "hold_token": held()[1]},
        HoldExpired,
        409,
    ),
    "own hold ended and the seat taken": (lambda: lost_hold(), HoldExpired, 409),
    "elsewhere then": (
        lambda: {"patient": (one := booked()).patient, "slot": SlotFactory(starts_at=one.starts_at)},
        PatientDoubleBooked,
        409,
    ),
    "elsewhere for a part of it": (
        lambda: {
            "patient": (one := booked()).patient,
            "slot": SlotFactory(starts_at=one.ends_at - timedelta(minutes=1)),
        },
        PatientDoubleBooked,
        409,
    ),
}


def held():
    slot = SlotFactory()
    token, _ = holding.hold(actor=OTHER, slot_id=slot.pk)
    return slot, token


def end_hold(slot):
    AvailableSlot.objects.filter(pk=slot.pk).update(held_until=timezone.now() - timedelta(seconds=1))


def lost_hold():
    slot, token = held()
    end_hold(slot)
    book(slot=slot)
    return {"slot": slot, "hold_token": token}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_booking_that_breaks_a_rule_is_refused_and_nothing_is_written(case, nothing_written):
    make, error, status = REFUSALS[case]
    arguments = make()
    arguments.setdefault("patient", PatientFactory())
    arguments.setdefault("slot", SlotFactory())
    with nothing_written, pytest.raises(error) as refused:
        book(**arguments)
    assert refused.value.status_code == status
    row = AuditLog.objects.order_by("timestamp").last()
    assert (row.action, row.status, row.details["code"]) == ("appointment.booked", "failure", refused.value.code)


def test_the_patient_is_told_of_the_other_appointment():
    one = booked()
    with pytest.raises(PatientDoubleBooked) as refused:
        book(one.patient, SlotFactory(starts_at=one.starts_at))
    assert one.doctor.name in str(refused.value)


def test_visits_that_touch_do_not_overlap():
    one = booked()
    book(one.patient, SlotFactory(starts_at=one.ends_at))
    book(one.patient, SlotFactory(starts_at=one.starts_at - timedelta(minutes=30)))
    assert Appointment.objects.filter(patient=one.patient).count() == 3


@pytest.mark.parametrize("status", ["cancelled", "no_show", "completed"])
def test_a_finished_visit_does_not_keep_the_patient_from_another_then(status):
    one = booked()
    set_status(one, status)
    book(one.patient, SlotFactory(starts_at=one.starts_at))


def test_a_hold_opens_the_seat_to_its_token_and_ends_with_the_booking():
    slot, token = held()
    book(slot=slot, hold_token=token)
    slot.refresh_from_db()
    assert (slot.status, slot.held_until, slot.held_by, slot.hold_digest) == ("booked", None, "", "")


def test_a_hold_past_its_end_counts_as_available():
    slot, _ = held()
    end_hold(slot)
    book(slot=slot)


def test_an_own_hold_past_its_end_still_opens_a_seat_that_nobody_took():
    slot, token = held()
    end_hold(slot)
    book(slot=slot, hold_token=token)


# --- cancelling --------------------------------------------------------------------------------------------------


def test_a_cancelled_seat_can_be_booked_again():
    one = booked()
    cancelled = cancel(one, reason="ill")
    assert (cancelled.status, cancelled.cancellation_reason) == ("cancelled", "ill")
    assert cancelled.cancelled_at is not None
    assert status_of(one.slot) == "available"
    again = book(slot=one.slot)
    assert again.pk != one.pk


def test_cancelling_twice_changes_nothing_and_keeps_the_first_reason():
    one = booked()
    first = cancel(one, reason="first")
    book(slot=one.slot)
    second = cancel(one, reason="second")
    assert (second.cancellation_reason, second.updated_at) == ("first", first.updated_at)
    assert status_of(one.slot) == "booked"  # by the other appointment
    assert AuditLog.objects.filter(action="appointment.cancelled").count() == 1


def test_a_seat_withdrawn_under_an_appointment_stays_withdrawn_when_it_is_cancelled():
    one = booked()
    AvailableSlot.objects.filter(pk=one.slot_id).update(status="withdrawn")
    cancel(one)
    assert status_of(one.slot) == "withdrawn"


@pytest.mark.parametrize("status", sorted({*Status.values} - {"booked", "cancelled"}))
def test_what_is_under_way_or_over_cannot_be_cancelled(status, nothing_written):
    one = booked()
    set_status(one, status)
    with nothing_written, pytest.raises(InvalidTransition) as refused:
        cancel(one)
    assert (refused.value.code, refused.value.status_code) == ("invalid_transition", 409)


def test_an_unknown_appointment_is_not_found(nothing_written):
    for work in (cancel, lambda pk: reschedule(pk, SlotFactory())):
        with pytest.raises(AppointmentNotFound):
            work(uuid.uuid4())


def test_a_stale_version_is_refused(nothing_written):
    one = booked()
    with nothing_written, pytest.raises(PreconditionFailed):
        cancel(one, expected_versions=frozenset({"0"}))
    with pytest.raises(PreconditionFailed):
        reschedule(one, SlotFactory(), expected_versions=frozenset({"0"}))
    assert cancel(one, expected_versions=frozenset({version_of(one)})).status == "cancelled"


# --- moving ------------------------------------------------------------------------------------------------------


def test_a_moved_appointment_is_the_same_one_at_another_time():
    one, target = booked(reason="knee"), SlotFactory(visit_type="follow-up")
    old = one.slot
    moved = reschedule(one, target, reason="work")
    saved = Appointment.objects.get()
    assert (moved.pk, saved.pk, saved.reason, saved.status) == (one.pk, one.pk, "knee", "booked")
    assert saved.visit_type == "follow-up"
    for name in ("doctor_id", "department_id", "date", "time", "starts_at", "ends_at"):
        assert getattr(saved, name) == getattr(moved, name) == getattr(target, name)
    assert (status_of(old), status_of(target)) == ("available", "booked")


def test_moving_to_the_seat_it_has_changes_nothing():
    one = booked()
    assert reschedule(one, one.slot).updated_at == one.updated_at
    assert status_of(one.slot) == "booked"
    assert not AuditLog.objects.filter(action="appointment.rescheduled").exists()


def test_a_move_may_overlap_its_own_old_time():
    one = booked()
    reschedule(one, SlotFactory(starts_at=one.starts_at + timedelta(minutes=10)))
    assert what_is_wrong() == {}


MOVE_REFUSALS = {
    "unknown slot": (lambda: {"slot": uuid.uuid4()}, SlotNotFound),
    "past": (lambda: {"slot": SlotFactory(starts_at=in_days(-1))}, SlotUnavailable),
    "withdrawn": (lambda: {"slot": SlotFactory(status="withdrawn")}, SlotUnavailable),
    "taken": (lambda: {"slot": booked().slot}, SlotUnavailable),
    "doctor away": (lambda: {"slot": SlotFactory(doctor__is_active=False)}, SlotUnavailable),
    "department closed": (lambda: {"slot": SlotFactory(doctor__department__is_active=False)}, SlotUnavailable),
    "held by another": (lambda: {"slot": held()[0]}, SlotUnavailable),
    "held by another, wrong token": (lambda: {"slot": held()[0], "hold_token": "wrong"}, HoldExpired),
}


@pytest.mark.parametrize("case", MOVE_REFUSALS)
def test_a_move_that_breaks_a_rule_is_refused_and_nothing_is_written(case, nothing_written):
    make, error = MOVE_REFUSALS[case]
    one, arguments = booked(), make()
    with nothing_written, pytest.raises(error):
        reschedule(one, **arguments)


def test_a_move_into_another_appointment_of_the_patient_is_refused(nothing_written):
    one = booked()
    other = booked(patient=one.patient)
    target = SlotFactory(starts_at=other.starts_at)
    with nothing_written, pytest.raises(PatientDoubleBooked):
        reschedule(one, target)


def test_an_appointment_of_a_closed_record_is_not_moved_but_can_be_cancelled(nothing_written):
    one, target = booked(), SlotFactory()
    Patient.objects.update(is_active=False)
    with nothing_written, pytest.raises(PatientInactive):
        reschedule(one, target)
    assert cancel(one).status == "cancelled"


@pytest.mark.parametrize("status", [status for status in Status.values if status != "booked"])
def test_only_what_is_booked_can_be_moved(status, nothing_written):
    one, target = booked(), SlotFactory()
    set_status(one, status)
    with nothing_written, pytest.raises(InvalidTransition):
        reschedule(one, target)


def test_a_hold_opens_the_seat_for_a_move_too():
    one, (slot, token) = booked(), held()
    reschedule(one, slot, hold_token=token)
    assert status_of(slot) == "booked"


# --- repeated requests -------------------------------------------------------------------------------------------


def key(name="k", client="c", fingerprint="f"):
    return Idempotency(client=client, key=name, fingerprint=fingerprint)


def test_a_repeated_booking_gives_the_first_answer_and_touches_its_key():
    patient, slot = PatientFactory(), SlotFactory()
    first = book(patient, slot, idempotency=key())
    IdempotencyKey.objects.update(last_used_at=in_days(-1))
    again = book(patient, slot, idempotency=key())
    assert again.pk == first.pk
    assert Appointment.objects.count() == 1
    assert timezone.now() - IdempotencyKey.objects.get().last_used_at < timedelta(minutes=1)
    assert AuditLog.objects.count() == 1


def test_a_repeated_cancel_and_a_repeated_move_give_the_first_answer():
    one, target = booked(), SlotFactory()
    moved = reschedule(one, target, idempotency=key("m"))
    assert reschedule(one, target, idempotency=key("m")).updated_at == moved.updated_at
    cancelled = cancel(one, idempotency=key("c"))
    assert cancel(one, idempotency=key("c")).updated_at == cancelled.updated_at


def test_a_key_with_another_body_is_refused():
    book(idempotency=key())
    with pytest.raises(KeyReused) as refused:
        book(idempotency=key(fingerprint="other"))
    assert refused.value.status_code == 422
    assert Appointment.objects.count() == 1


def test_a_key_belongs_to_its_client():
    assert book(idempotency=key()).pk != book(idempotency=key(client="another")).pk


def test_the_key_of_a_refused_request_is_free_again():
    patient, slot = PatientFactory(), SlotFactory(status="withdrawn")
    with pytest.raises(SlotUnavailable):
        book(patient, slot, idempotency=key())
    assert not IdempotencyKey.objects.exists()
    AvailableSlot.objects.update(status="available")
    book(patient, slot, idempotency=key())


def test_keys_work_over_http(api):
    patient, slot, other = PatientFactory(), SlotFactory(), SlotFactory()
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    first, again = (api.post("/api/v1/book-appointment", body, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    # The same body in another order of its fields is the same request.
    turned = dict(reversed(body.items()))
    assert api.post("/api/v1/book-appointment", turned, HTTP_IDEMPOTENCY_KEY="k").json() == first.json()
    reused = api.post("/api/v1/book-appointment", body | {"slot_id": str(other.pk)}, HTTP_IDEMPOTENCY_KEY="k")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    elsewhere = api.post("/api/v1/cancel-appointment", {"appointment_id": first.json()["id"]}, HTTP_IDEMPOTENCY_KEY="k")
    assert elsewhere.status_code == 422
    for bad in ("", "x" * 256, "\u00e9"):
        assert api.post("/api/v1/book-appointment", body, HTTP_IDEMPOTENCY_KEY=bad).status_code == 400


# --- all or nothing ----------------------------------------------------------------------------------------------


@pytest.fixture
def failing_audit():
    """A receiver that fails after the audit row is written."""

    def fail(**kwargs):
        raise RuntimeError("no audit, no booking")

    sent = (signals.appointment_booked, signals.appointment_cancelled, signals.appointment_rescheduled)
    for signal in sent:
        signal.connect(fail)
    yield
    for signal in sent:
        signal.disconnect(fail)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("work", ["book", "cancel", "reschedule"])
def test_an_operation_that_cannot_be_audited_is_undone(work, request):
    one, slot, patient = booked(), SlotFactory(), PatientFactory()
    before = [list(model.objects.order_by("pk").values()) for model in (Appointment, AvailableSlot, AuditLog)]
    request.getfixturevalue("failing_audit")
    with pytest.raises(RuntimeError):
        {
            "book": lambda: book(patient, slot, idempotency=key()),
            "cancel": lambda: cancel(one),
            "reschedule": lambda: reschedule(one, slot),
        }[work]()
    assert [list(model.objects.order_by("pk").values()) for model in (Appointment, AvailableSlot, AuditLog)] == before
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_audit_row_of_a_refusal_survives_its_rollback():
    slot = SlotFactory(status="withdrawn")
    with pytest.raises(SlotUnavailable):
        book(slot=slot, actor=OTHER)
    with psycopg.connect(test_database_url()) as other:
        row = other.execute("SELECT action, status, user_id, request_id, address FROM audit_logs").fetchone()
    assert row == ("appointment.booked", "failure", "other", "r-12345678", "203.0.113.9")


# --- waiting, and losing -----------------------------------------------------------------------------------------


@pytest.fixture
def timeouts():
    """``timeouts(lock_timeout="100ms")`` for the connection of this test."""
    set_here = []

    def set_timeouts(**values):
        with connection.cursor() as cursor:
            for name, value in values.items():
                cursor.execute(f"SET {name} = '{value}'")
                set_here.append(name)

    yield set_timeouts
    with connection.cursor() as cursor:
        for name in set_here:
            cursor.execute(f"RESET {name}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("timeout", ["lock_timeout", "statement_timeout"])
def test_whoever_waits_too_long_is_told_to_try_again(api, timeouts, timeout):
    one, slot, patient = booked(), SlotFactory(), PatientFactory()
    timeouts(**{timeout: "150ms"})
    with psycopg.connect(test_database_url()) as other:
        other.execute("SELECT FROM available_slots FOR UPDATE")
        for path, body in (
            ("book-appointment", {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}),
            ("cancel-appointment", {"appointment_id": str(one.pk)}),
            ("reschedule-appointment", {"appointment_id": str(one.pk), "slot_id": str(slot.pk)}),
            (f"available-slots/{slot.pk}/hold", {}),
        ):
            answer = api.post(f"/api/v1/{path}", body)
            assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "busy", "1"), path
    assert AuditLog.objects.filter(status="failure", details__code="busy").count() == 4
    assert (
        api.post("/api/v1/book-appointment", {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}).status_code
        == 201
    )


@pytest.mark.django_db(transaction=True)
def test_an_operation_that_loses_a_deadlock_is_repeated(timeouts):
    """A rival locks patient, then appointment: the other way round. Our side notices first, loses and repeats."""
    one, target = booked(), SlotFactory()
    timeouts(deadlock_timeout="100ms")
    rolled_back = threading.Event()
    with psycopg.connect(test_database_url()) as rival:
        rival.execute("SET deadlock_timeout = '20s'")
        rival.execute("SELECT FROM patients WHERE id = %s FOR UPDATE", [one.patient_id])

        def run_into_it():
            deadline = time.monotonic() + 10
            while not somebody_waits() and time.monotonic() < deadline:
                time.sleep(0.01)
            rival.execute("SELECT FROM appointments WHERE id = %s FOR UPDATE", [one.pk])
            rolled_back.set()  # only the loss of our side can have freed it
            rival.commit()
            connection.close()  # of this thread

        thread = threading.Thread(target=run_into_it)
        thread.start()
        moved = reschedule(one, target)
        thread.join()
    assert rolled_back.is_set()
    assert moved.slot_id == target.pk
    assert what_is_wrong() == {}
    assert list(AuditLog.objects.order_by("timestamp").values_list("action", "status")) == [
        ("appointment.booked", "success"),
        ("appointment.rescheduled", "success"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_is_503_and_the_next_request_works(api, monkeypatch):
    """The backend of this connection ends in the middle of a booking, before its commit."""
    patient, slot = PatientFactory(), SlotFactory()

    def end_backend(**kwargs):
        with psycopg.connect(test_database_url(), autocommit=True) as other, connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            other.execute("SELECT pg_terminate_backend(%s, 5000)", cursor.fetchone())

    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    signals.appointment_booked.connect(end_backend)
    try:
        answer = api.post("/api/v1/book-appointment", body)
    finally:
        signals.appointment_booked.disconnect(end_backend)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0
    assert not Appointment.objects.exists()
    assert api.post("/api/v1/book-appointment", body).status_code == 201


def test_every_setting_that_bounds_waiting_is_there():
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("3s",)
    assert settings.DATABASES["default"]["OPTIONS"]["options"].count("statement_timeout") == 1


# --- audit -------------------------------------------------------------------------------------------------------


def test_the_rows_tell_who_what_from_where_and_what_changed():
    slot, target = SlotFactory(), SlotFactory()
    one = book(slot=slot, reason="a private matter", actor=OTHER)
    operations.reschedule(actor=OTHER, appointment_id=one.pk, slot_id=target.pk, reason="work")
    operations.cancel(actor=OTHER, appointment_id=one.pk, reason="well again")
    rows = list(AuditLog.objects.order_by("timestamp"))
    for row in rows:
        assert (row.user_kind, row.user_id, row.user_name) == ("client", "other", "other")
        assert (row.request_id, row.address, row.status) == ("r-12345678", "203.0.113.9", "success")
        assert (row.appointment_id, row.object_type, row.object_id) == (one.pk, "appointment", str(one.pk))
    made, moved, cancelled = (row.details for row in rows)
    assert made["new"]["slot_id"] == str(slot.pk)
    assert made["new"]["starts_at"] == slot.starts_at.isoformat()
    assert (moved["old"]["slot_id"], moved["new"]["slot_id"]) == (str(slot.pk), str(target.pk))
    assert (cancelled["old"], cancelled["new"]["status"]) == ({"status": "booked"}, "cancelled")
    told = str([row.details for row in rows])
    for private in ("a private matter", "well again", "work"):
        assert private not in told
    assert made["new"]["reason"] == "[16 characters]"


# --- search and booking agree ------------------------------------------------------------------------------------


def test_what_search_shows_can_be_booked_and_what_it_does_not_cannot():
    """Slots in every combination of state, in random order of none: search and booking must be of one mind."""
    states = [
        {"status": "available"},
        {"status": "withdrawn"},
        {"status": "booked"},
        {"status": "held", "held_until": in_days(1), "hold_digest": "d", "held_by": "h"},
        {"status": "held", "held_until": in_days(-1), "hold_digest": "d", "held_by": "h"},
    ]
    number = 0
    for doctor_active in (True, False):
        for department_active in (True, False):
            for days in (-2, 2):
                for state in states:
                    number += 1
                    doctor = DoctorFactory(is_active=doctor_active, department__is_active=department_active)
                    SlotFactory(doctor=doctor, starts_at=in_days(days) + timedelta(minutes=number), **state)
    shown = set(AvailableSlot.objects.free().values_list("pk", flat=True))
    bookable = set()
    for slot in AvailableSlot.objects.all():
        try:
            book(slot=slot)
        except SlotUnavailable:
            continue
        bookable.add(slot.pk)
    assert number == 40
    assert len(shown) == 2
    assert bookable == shown
    assert not AvailableSlot.objects.free().exists()
