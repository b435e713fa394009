import contextlib

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from appointments.models import Appointment
from booking_site.core.errors import from_database
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, PatientFactory, SlotFactory, staff
from booking_site.testing.fixtures import test_database_url


@pytest.mark.django_db(transaction=True)
def test_a_list_that_waits_too_long_for_a_lock_says_try_again(api):
    with psycopg.connect(test_database_url()) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE appointments")
        cursor.execute("SET lock_timeout = '100ms'")
        try:
            answer = api.get("/api/v1/appointments")
        finally:
            cursor.execute("SET lock_timeout = '3s'")
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "2")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("factory", "taken", "code"),
    [
        (DepartmentFactory, {"name": "Surgery"}, "duplicate_name"),
        (DepartmentFactory, {"code": "S-1"}, "duplicate_code"),
        (DoctorFactory, {"id": "DOC-1"}, "duplicate"),
    ],
)
def test_a_name_that_two_give_at_once_is_a_conflict(factory, taken, code):
    factory(**taken)
    made = factory.build(**taken)
    if factory is DoctorFactory:
        made.department.save()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        made.save(force_insert=True)
    error = from_database(caught.value)
    assert (error.status_code, error.code) == (409, code)


@contextlib.contextmanager
def limited(setting: str, ended: list[str]):
    """Statements of this process end after 100 ms of waiting for a lock (``lock_timeout``) or of anything
    (``statement_timeout``), and their SQLSTATEs are collected."""

    def watch(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        except DatabaseError as error:
            ended.append(error.__cause__.sqlstate)
            raise

    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        usual = cursor.fetchone()[0]
        cursor.execute(f"SET {setting} = '100ms'")
    try:
        with connection.execute_wrapper(watch):
            yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {setting} = '{usual}'")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("setting", "sqlstate"), [("lock_timeout", "55P03"), ("statement_timeout", "57014")])
def test_a_booking_that_waits_too_long_is_refused_and_may_be_asked_for_again(api, setting, sqlstate):
    patient, slot = PatientFactory(), SlotFactory()
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    ended: list[str] = []
    with psycopg.connect(test_database_url()) as other, limited(setting, ended):
        other.execute("SELECT FROM available_slots WHERE id = %s FOR UPDATE", [slot.pk])
        answer = api.post("/api/v1/book-appointment", body, headers={"Idempotency-Key": "once"})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "busy", "1")
    assert ended == [sqlstate]
    assert Appointment.objects.count() == 0
    answer = api.post("/api/v1/book-appointment", body, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 201
    assert Appointment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("setting", "sqlstate"), [("lock_timeout", "55P03"), ("statement_timeout", "57014")])
def test_a_page_that_waits_too_long_says_try_again(client, setting, sqlstate):
    client.force_login(staff("Reception"))
    ended: list[str] = []
    with psycopg.connect(test_database_url()) as other, limited(setting, ended):
        other.execute("LOCK TABLE appointments")
        answer = client.get("/admin/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert ended == [sqlstate]
    assert "Not possible right now" in answer.content.decode()
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_session_that_cannot_be_saved_says_try_again(client):
    """It is saved when the page is done, by a middleware: Django calls that a bad request."""
    client.force_login(staff("Reception"))
    search = {"path": "/admin/patients/patient/", "data": {"q": "Quillfeather"}, "headers": {"Accept": "text/html"}}
    assert client.get(**search).status_code == 302  # the control: what is searched for is kept in the session
    ended: list[str] = []
    with psycopg.connect(test_database_url()) as other, limited("lock_timeout", ended):
        other.execute("LOCK TABLE django_session IN SHARE MODE")
        answer = client.get(**search)
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert ended == ["55P03"]
