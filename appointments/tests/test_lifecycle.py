"""The steps of a visit, and taking them back."""

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from appointments import operations
from appointments.exceptions import InvalidTransition, NothingToUndo, PatientDoubleBooked, PatientInactive
from appointments.models import MOMENTS, MOVES, Appointment, Status
from appointments.steps import Desk
from audit.models import AuditLog
from booking_site.core.errors import PreconditionFailed
from booking_site.core.operations import version_of
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
    staff,
)
from booking_site.testing.fixtures import api_client
from booking_site.testing.racing import race, what_is_wrong
from scheduling import operations as seats
from scheduling.exceptions import SlotUnavailable
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db
STEPS = {
    Status.CHECKED_IN: operations.check_in,
    Status.IN_PROGRESS: operations.start,
    Status.COMPLETED: operations.complete,
    Status.NO_SHOW: operations.mark_no_show,
    Status.CANCELLED: operations.cancel,
}
WAY = {
    Status.BOOKED: [],
    Status.CHECKED_IN: [Status.CHECKED_IN],
    Status.IN_PROGRESS: [Status.CHECKED_IN, Status.IN_PROGRESS],
    Status.COMPLETED: [Status.CHECKED_IN, Status.IN_PROGRESS, Status.COMPLETED],
    Status.CANCELLED: [Status.CANCELLED],
    Status.NO_SHOW: [Status.NO_SHOW],
}


def take(step, appointment, **kwargs) -> Appointment:
    return step(actor=TESTER, appointment_id=appointment.pk, **kwargs)


def brought_to(status, **kwargs) -> Appointment:
    appointment = booked(**kwargs)
    for target in WAY[status]:
        appointment = take(STEPS[target], appointment)
    return appointment


def undo(appointment) -> Appointment:
    return take(operations.undo, appointment)


@pytest.mark.parametrize("status", Status)
def test_an_appointment_takes_the_steps_of_the_table_and_no_other(status):
    for target, step in STEPS.items():
        appointment = brought_to(status)
        if target in MOVES[status]:
            moved = take(step, appointment)
            assert (moved.status, getattr(moved, MOMENTS[target]) is not None) == (target, True)
        elif status != Status.CANCELLED or target != Status.CANCELLED:  # to cancel twice is harmless
            with pytest.raises(InvalidTransition):
                take(step, appointment)
        appointment.refresh_from_db()
        holds = appointment.status not in (Status.CANCELLED, Status.NO_SHOW)
        assert appointment.slot.status == ("booked" if holds else "available")


@pytest.mark.parametrize("status", [status for status in Status if status != Status.BOOKED])
def test_the_last_step_is_undone_on_the_same_day(status):
    appointment = brought_to(status)
    before = WAY[status][-2] if len(WAY[status]) > 1 else Status.BOOKED
    back = undo(appointment)
    back.refresh_from_db()
    assert (back.status, getattr(back, MOMENTS[status]), back.slot.status) == (before, None, "booked")
    row = AuditLog.objects.filter(action="appointment.undone", status="success").get()
    assert row.details["old"]["status"] == status
    assert row.details["new"]["status"] == before


def test_what_is_only_booked_has_nothing_to_undo():
    with pytest.raises(NothingToUndo):
        undo(booked())


def test_a_step_of_yesterday_stays():
    appointment = brought_to(Status.COMPLETED)
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)), pytest.raises(NothingToUndo):
        undo(appointment)


def test_the_day_is_that_of_the_site():
    """Half past eleven in the evening in Auckland is the same day there as nine, and another day half an hour on."""
    slot = SlotFactory(doctor=DoctorFactory(department__time_zone="Pacific/Auckland"))
    evening = in_days(1, 10)  # UTC: 22:00 or 23:00 in Auckland
    with time_machine.travel(evening):
        appointment = brought_to(Status.CHECKED_IN, slot=slot)
    with time_machine.travel(evening + timedelta(hours=3)), pytest.raises(NothingToUndo):
        undo(appointment)
    with time_machine.travel(evening + timedelta(minutes=30)):
        assert undo(appointment).status == "booked"


def test_imported_history_is_not_undone():
    appointment = brought_to(Status.NO_SHOW)
    Appointment.objects.filter(pk=appointment.pk).update(slot=None, source="import:test", external_id="1")
    with pytest.raises(NothingToUndo):
        undo(appointment)


def test_an_undone_cancellation_forgets_its_reason():
    appointment = take(operations.cancel, booked(), reason="is ill", cancellation_code="ill")
    assert (appointment.cancellation_code, appointment.cancellation_reason) == ("ill", "is ill")
    back = undo(appointment)
    assert (back.cancellation_code, back.cancellation_reason, back.cancelled_at) == ("", "", None)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.NO_SHOW])
def test_a_seat_that_somebody_else_has_by_now_does_not_come_back(status):
    appointment = brought_to(status)
    other = booked(slot=appointment.slot)
    with pytest.raises(SlotUnavailable):
        undo(appointment)
    appointment.refresh_from_db()
    assert (appointment.status, Appointment.objects.holding_seat().get()) == (status, other)


def test_a_seat_that_is_held_comes_back_when_the_hold_is_over_only():
    appointment = brought_to(Status.CANCELLED)
    seats.hold(actor=TESTER, slot_id=appointment.slot_id)
    with pytest.raises(SlotUnavailable):
        undo(appointment)
    AvailableSlot.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert undo(appointment).status == "booked"


def test_a_seat_that_was_withdrawn_since_does_not_come_back():
    appointment = brought_to(Status.CANCELLED)
    seats.withdraw(actor=TESTER, slot_id=appointment.slot_id)
    with pytest.raises(SlotUnavailable):
        undo(appointment)


def test_a_patient_who_is_elsewhere_by_now_is_not_brought_to_two_places():
    appointment = brought_to(Status.CANCELLED)
    booked(patient=appointment.patient, slot=SlotFactory(starts_at=appointment.starts_at))
    with pytest.raises(PatientDoubleBooked):
        undo(appointment)
    assert AvailableSlot.objects.get(pk=appointment.slot_id).status == "available"


def test_a_patient_whose_record_was_closed_since_is_not_brought_back():
    appointment = brought_to(Status.CANCELLED, patient=PatientFactory())
    type(appointment.patient).objects.update(is_active=False)
    with pytest.raises(PatientInactive):
        undo(appointment)


def test_who_is_checked_in_needs_no_new_time_and_needs_one_again_when_that_is_undone():
    appointment = booked()
    AvailableSlot.objects.update(retiring=True)
    Appointment.objects.update(needs_new_time_since=timezone.now(), needs_new_time_because="Strike")
    here = take(operations.check_in, appointment)
    assert (here.needs_new_time_since, here.needs_new_time_because) == (None, "")
    back = undo(here)
    assert back.needs_new_time_since is not None
    assert back.needs_new_time_because != ""


def test_a_page_that_is_no_longer_true_takes_no_step():
    appointment = booked()
    stale = frozenset([version_of(appointment)])
    take(operations.check_in, appointment)
    for step in (operations.start, operations.undo):
        with pytest.raises(PreconditionFailed):
            take(step, appointment, expected_versions=stale)


# --- in the API --------------------------------------------------------------------------------------------------


def test_the_calls_walk_an_appointment_through_its_day(api):
    appointment = booked()
    at = f"/api/v1/appointments/{appointment.pk}"
    told = [api.post(f"{at}/{step}").json()["status"] for step in ("check-in", "start", "complete", "undo", "complete")]
    assert told == ["checked_in", "in_progress", "completed", "in_progress", "completed"]
    refused = api.post(f"{at}/no-show")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    assert list(AuditLog.objects.order_by("timestamp", "id").values_list("action", "status")) == [
        ("appointment.booked", "success"),
        ("appointment.checked_in", "success"),
        ("appointment.started", "success"),
        ("appointment.completed", "success"),
        ("appointment.undone", "success"),
        ("appointment.completed", "success"),
        ("appointment.no_show", "failure"),
    ]


def test_to_undo_a_cancellation_is_to_book_again_and_needs_the_scope_of_that(make_token):
    desk, portal = (api_client(make_token("frontdesk:write", *more)) for more in ([], ["appointments:write"]))
    cancelled, arrived = brought_to(Status.CANCELLED), brought_to(Status.CHECKED_IN)
    refused = desk.post(f"/api/v1/appointments/{cancelled.pk}/undo")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert desk.post(f"/api/v1/appointments/{arrived.pk}/undo").json()["status"] == "booked"
    assert portal.post(f"/api/v1/appointments/{cancelled.pk}/undo").json()["status"] == "booked"


def test_a_repeated_call_with_its_key_answers_the_same_and_of_another_appointment_is_refused(api):
    one, other = booked(), booked()
    key = {"HTTP_IDEMPOTENCY_KEY": "check-in-1"}
    answers = [api.post(f"/api/v1/appointments/{one.pk}/check-in", **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert api.post(f"/api/v1/appointments/{other.pk}/check-in", **key).status_code == 422


def test_a_call_says_which_field_it_does_not_know(api):
    answer = api.post(f"/api/v1/appointments/{booked().pk}/check-in", {"time": "9:00"}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "time")


def test_the_kind_of_a_cancellation_is_kept_and_checked(api):
    body = {"appointment_id": str(booked().pk), "cancellation_code": "ill"}
    assert api.post("/api/v1/cancel-appointment", body).json()["cancellation_code"] == "ill"
    answer = api.post("/api/v1/cancel-appointment", body | {"cancellation_code": "weather"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cancellation_code")


# --- in the console ----------------------------------------------------------------------------------------------


def press(client, appointment, step, accept="text/html", **more):
    url = reverse("admin:appointments_appointment_step", args=[appointment.pk])
    return client.post(
        f"{url}?version={version_of(appointment)}",
        {"step": step} | more,
        HTTP_ACCEPT=accept,
        follow=accept != "text/html",
    )


def told(appointment) -> str:
    """The appointment as messages name it."""
    return admin.site.get_model_admin(Appointment).label(appointment)


def test_a_button_takes_the_step_and_leads_back(client):
    client.force_login(staff("Reception"))
    appointment = booked()
    answer = press(client, appointment, "check_in", next="/admin/patients/patient/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/patients/patient/")
    appointment.refresh_from_db()
    assert appointment.status == "checked_in"
    assert press(client, appointment, "start", next="https://elsewhere.example/")["Location"].startswith("/admin/")


def test_the_second_of_two_clicks_finds_it_done(client):
    client.force_login(staff("Reception"))
    appointment = booked()
    assert [press(client, appointment, "check_in").status_code for _ in range(2)] == [302, 302]
    assert AuditLog.objects.filter(action="appointment.checked_in").count() == 1
    assert not AuditLog.objects.filter(status="failure").exists()


def test_a_script_is_answered_in_json(client):
    client.force_login(staff("Reception"))
    appointment = booked()
    answer = press(client, appointment, "check_in", accept="application/json")
    appointment.refresh_from_db()
    assert answer.json() == {
        "id": str(appointment.pk),
        "status": "checked_in",
        "label": "checked in",
        "version": version_of(appointment),
        "detail": f"Checked in: {told(appointment)}.",
    }
    refused = press(client, appointment, "complete", accept="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    unknown = press(client, appointment, "dance", accept="application/json")
    assert (unknown.status_code, unknown.json()["detail"]) == (400, "Choose what to do.")


@pytest.mark.parametrize(("role", "status"), [("Reception", 302), ("Scheduler", 403), ("Auditor", 403)])
def test_a_step_needs_its_permission(client, role, status):
    client.force_login(staff(role))
    appointment = booked()
    assert press(client, appointment, "check_in").status_code == status
    appointment.refresh_from_db()
    assert appointment.status == ("checked_in" if role == "Reception" else "booked")


def test_a_step_needs_the_department_or_to_be_the_doctor(client):
    appointment = booked()
    elsewhere, same = DoctorFactory(), DoctorFactory(department=appointment.department)
    for user in (staff("Reception", elsewhere.department), staff("Clinician", doctor=same)):
        client.force_login(user)
        assert press(client, appointment, "check_in").status_code == 302
        refused = press(client, appointment, "check_in", accept="application/json")
        assert (refused.status_code, refused.json()["code"]) == (404, "appointment_not_found")
        appointment.refresh_from_db()
        assert appointment.status == "booked"


def test_nobody_is_marked_as_missed_before_the_time(client):
    client.force_login(staff("Reception"))
    appointment = booked(slot=SlotFactory(starts_at=timezone.now() + timedelta(minutes=1)))
    refused = press(client, appointment, "no_show", accept="application/json")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "The appointment is still to come: nobody has missed it yet.",
    )
    with time_machine.travel(appointment.starts_at, tick=False):
        client.force_login(staff("Administrator"))
        assert press(client, appointment, "no_show", accept="application/json").json()["status"] == "no_show"


# --- what is offered ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due", "now", "is_offered"),
    [
        ("2026-11-23 23:50", "2026-11-24 00:05", True),
        ("2026-11-24 00:10", "2026-11-23 23:50", True),
        ("2026-11-23 20:00", "2026-11-23 07:00", True),  # on its day, however early
        ("2026-11-24 08:00", "2026-11-23 20:00", True),
        ("2026-11-24 08:00", "2026-11-23 19:59", False),
        ("2026-11-23 08:00", "2026-11-24 00:00", False),
    ],
)
def test_check_in_is_offered_on_the_day_and_around_the_time_also_past_midnight(due, now, is_offered):
    berlin = ZoneInfo("Europe/Berlin")
    starts_at, moment = (datetime.fromisoformat(each).replace(tzinfo=berlin) for each in (due, now))
    doctor = DoctorFactory.build(department=DepartmentFactory.build(time_zone="Europe/Berlin"))
    appointment = Appointment(
        doctor=doctor, department=doctor.department, status=Status.BOOKED, starts_at=starts_at, date=starts_at.date()
    )
    offered = Desk(User(is_superuser=True, is_active=True), moment).offered(appointment)
    assert ("check_in" in offered) == is_offered


# --- races -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_a_booking_and_an_undone_cancellation_at_once_one_has_the_seat():
    for _ in range(8):
        appointment, patient = brought_to(Status.CANCELLED), PatientFactory()

        def taken(work):
            try:
                work()
            except SlotUnavailable:
                return False
            finally:
                connection.close()
            return True

        works = [
            partial(undo, appointment),
            partial(operations.book, actor=TESTER, patient_id=patient.pk, slot_id=appointment.slot_id),
        ]
        assert sum(race([partial(taken, work) for work in works])) == 1
        assert Appointment.objects.holding_seat().filter(slot=appointment.slot).count() == 1
    assert what_is_wrong() == {}
