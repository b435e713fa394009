import json
from datetime import timedelta

import pytest
from django.db import connection

from appointments.models import Appointment, IdempotencyKey
from booking_site.testing.constraints import accepted, refused_by
from booking_site.testing.factories import SlotFactory, booked

pytestmark = pytest.mark.django_db

COPY = """
INSERT INTO appointments SELECT (
    jsonb_populate_record(appointments, %s::jsonb || jsonb_build_object('id', gen_random_uuid()))
).*
FROM appointments WHERE id = %s
"""


def test_a_seat_has_one_appointment():
    one = booked()
    other = json.dumps({"patient_id": str(booked().patient_id)})
    assert refused_by(COPY, other, one.pk) == "appointment_one_per_seat"
    for status, moment in (
        ("checked_in", "checked_in_at"),
        ("completed", "completed_at"),
        ("in_progress", "started_at"),
    ):
        accepted(f"UPDATE appointments SET status = '{status}', {moment} = now() WHERE id = %s", one.pk)
        assert refused_by(COPY, other, one.pk) == "appointment_one_per_seat"


@pytest.mark.parametrize(("status", "moment"), [("cancelled", "cancelled_at"), ("no_show", "no_show_at")])
def test_who_does_not_come_leaves_the_seat_to_another(status, moment):
    one = booked()
    accepted(f"UPDATE appointments SET status = '{status}', {moment} = now()")
    accepted(COPY, '{"status": "booked"}', one.pk)


def test_a_patient_is_in_one_place_at_a_time():
    one = booked()
    slot = SlotFactory(starts_at=one.starts_at + timedelta(minutes=29))
    other = booked(slot=slot)
    there = "UPDATE appointments SET patient_id = %s WHERE id = %s"
    assert refused_by(there, one.patient_id, other.pk) == "appointment_patient_not_twice"
    accepted("UPDATE appointments SET status = 'completed', completed_at = now() WHERE id = %s", one.pk)
    accepted(there, one.patient_id, other.pk)


def test_an_appointment_has_the_times_and_the_doctor_of_its_slot():
    booked(), booked()
    for change in (
        "starts_at = starts_at + interval '1 minute'",
        "ends_at = ends_at + interval '1 minute'",
        "doctor_id = (SELECT max(id) FROM doctors WHERE id <> appointments.doctor_id)",
        "slot_id = gen_random_uuid()",
    ):
        statement = f"UPDATE appointments SET {change} WHERE id = (SELECT min(id::text)::uuid FROM appointments)"
        assert refused_by(statement) == "appointment_follows_slot"


def test_only_imported_history_stands_without_a_slot():
    booked()
    history = "slot_id = NULL, source = 'import:old', external_id = '7', status = 'completed', completed_at = now()"
    for less in (
        "slot_id = NULL",
        history.replace("import:old", "api"),
        history.replace("'7'", "NULL"),
        history.replace("'completed'", "'booked'"),
    ):
        assert refused_by(f"UPDATE appointments SET {less}") == "appointment_has_slot"
    accepted(f"UPDATE appointments SET {history}")


def test_history_is_imported_once():
    one, other = booked(), booked()
    accepted("UPDATE appointments SET source = 'import:old', external_id = '7' WHERE id = %s", one.pk)
    again = "UPDATE appointments SET source = 'import:old', external_id = '7' WHERE id = %s"
    assert refused_by(again, other.pk) == "appointment_imported_once"
    accepted("UPDATE appointments SET source = 'import:new', external_id = '7' WHERE id = %s", other.pk)


@pytest.mark.parametrize(
    ("status", "moment"),
    [
        ("checked_in", "checked_in_at"),
        ("in_progress", "started_at"),
        ("completed", "completed_at"),
        ("cancelled", "cancelled_at"),
        ("no_show", "no_show_at"),
    ],
)
def test_a_status_comes_with_its_moment(status, moment):
    booked()
    assert refused_by(f"UPDATE appointments SET status = '{status}'") == "appointment_moments_complete"
    accepted(f"UPDATE appointments SET status = '{status}', {moment} = now()")


def test_a_status_is_one_of_six():
    booked()
    refused = refused_by("UPDATE appointments SET status = 'lost'")
    assert refused in ("appointment_status_known", "appointment_moments_complete")
    without("appointment_moments_complete")
    assert refused_by("UPDATE appointments SET status = 'lost'") == "appointment_status_known"


def without(constraint):
    """Until the end of the test: what another constraint refuses too must be seen alone."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE appointments DROP CONSTRAINT {constraint}")


def test_an_appointment_ends_after_it_begins():
    one = booked()
    without("appointment_follows_slot")
    assert refused_by("UPDATE appointments SET ends_at = starts_at") == "appointment_times_in_order"
    assert Appointment.objects.get() == one


def test_only_a_booked_appointment_needs_a_new_time():
    booked()
    needed = "needs_new_time_since = now(), needs_new_time_because = 'Flooded'"
    accepted(f"UPDATE appointments SET {needed}")
    for change in (
        "status = 'cancelled', cancelled_at = now()",
        "status = 'checked_in', checked_in_at = now()",
        "needs_new_time_since = NULL",
    ):
        assert refused_by(f"UPDATE appointments SET {change}") == "appointment_new_time_while_booked"
    accepted("UPDATE appointments SET needs_new_time_since = NULL, needs_new_time_because = ''")


@pytest.mark.parametrize("column", ["patient_id", "doctor_id", "department_id", "starts_at", "ends_at", "status"])
def test_what_an_appointment_must_have(column):
    booked()
    assert refused_by(f"UPDATE appointments SET {column} = NULL") == column


def test_a_key_is_taken_once_by_each_client():
    IdempotencyKey.objects.create(client="a", key="k", fingerprint="f")
    again = "INSERT INTO idempotency_keys (client, key, fingerprint, created_at, last_used_at)"
    again += " VALUES (%s, 'k', 'f', now(), now())"
    assert refused_by(again, "a") == "idempotency_key_once"
    accepted(again, "b")
