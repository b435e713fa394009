"""The database itself keeps the audit log as it is, and rows tell no more than they must."""

import uuid
from datetime import UTC, date, datetime

import psycopg.errors
import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit.masking import masked
from audit.models import AuditLog
from booking_site.testing.factories import booked
from booking_site.testing.fixtures import serving
from booking_site.testing.racing import HttpClient

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET action = 'nothing'",
        "UPDATE audit_logs SET details = details",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs",
        "TRUNCATE audit_logs RESTART IDENTITY CASCADE",
        "INSERT INTO audit_logs SELECT * FROM audit_logs ON CONFLICT (id) DO UPDATE SET action = 'nothing'",
    ],
)
def test_no_row_is_ever_changed_or_removed(statement):
    """By the owner of the table, a superuser even."""
    booked()
    before = list(AuditLog.objects.values())
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)
    assert "append-only" in str(refused.value)
    assert list(AuditLog.objects.values()) == before


def test_the_model_cannot_change_a_row_either():
    booked()
    row = AuditLog.objects.get()
    row.action = "nothing"
    for change in (row.save, row.delete, AuditLog.objects.all().delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("phone", "+49 30 123456", "+***56"),
        ("email", "eva@example.org", "e***rg"),
        ("dob", date(1990, 2, 3), "1***03"),
        ("mrn", "12345", "***"),
        ("insurance_id", "A123456789", "A***89"),
        ("phone", "", ""),
        ("mrn", None, None),
        ("reason", "chest pain", "[10 characters]"),
        ("cancellation_reason", "", ""),
        ("status", "booked", "booked"),
        ("starts_at", datetime(2030, 1, 2, 9, 30, tzinfo=UTC), "2030-01-02T09:30:00+00:00"),
        ("slot_id", uuid.UUID(int=7), str(uuid.UUID(int=7))),
        ("is_active", False, False),
    ],
)
def test_what_a_row_shows_of_a_value(field, value, shown):
    assert masked(field, value) == shown


def test_signing_in_and_out_is_written_down():
    get_user_model().objects.create_user("eva", password="a long passphrase", is_staff=True)
    client = Client(REMOTE_ADDR="203.0.113.9")
    for password in ("wrong", "a long passphrase"):
        client.post("/admin/login/", {"username": "eva", "password": password})
    client.post("/admin/logout/")
    rows = list(AuditLog.objects.order_by("timestamp").values_list("action", "status", "user_name", "address"))
    assert rows == [
        ("user.sign_in_failed", "failure", "", "203.0.113.9"),
        ("user.signed_in", "success", "eva", "203.0.113.9"),
        ("user.signed_out", "success", "eva", "203.0.113.9"),
    ]
    assert AuditLog.objects.order_by("timestamp").first().details == {"username": "ev***"}
    # A sign-out that no request tells of (a management command, a test) is written down too.
    client.force_login(get_user_model().objects.get())
    client.logout()
    assert AuditLog.objects.filter(action="user.signed_out").count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_address_is_the_clients_as_far_as_proxies_are_trusted(make_token):
    token = make_token("slots:read")
    with serving(TRUSTED_PROXIES="127.0.0.1") as behind, serving() as direct:
        for site in (behind, direct):
            HttpClient(site, token).get("/api/v1/patients", X_Forwarded_For="203.0.113.9", X_Request_ID="my-request-7")
    rows = AuditLog.objects.order_by("timestamp").values_list("action", "address", "request_id")
    assert list(rows) == [
        ("access.denied", "203.0.113.9", "my-request-7"),
        ("access.denied", "127.0.0.1", "my-request-7"),
    ]
