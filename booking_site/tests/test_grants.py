"""The site and the sealer work under roles that own nothing, and can undo no guard of the database."""

import psycopg
import pytest
from django.db import connection

from audit.verification import GUARDS
from booking_site.postgres.grants import TABLES
from booking_site.postgres.roles import SEALER, SITE
from booking_site.testing.factories import booked
from booking_site.testing.fixtures import test_database_url

pytestmark = pytest.mark.django_db(transaction=True)

FOR_NOBODY = [
    "UPDATE audit_logs SET action = 'nothing'",
    "DELETE FROM audit_logs",
    "TRUNCATE audit_logs",
    "UPDATE audit_seals SET rows = 0",
    "DELETE FROM audit_seals",
    "TRUNCATE audit_seals",
    "INSERT INTO audit_epochs VALUES (9, gen_random_uuid(), 1, now(), '')",
    "DROP TABLE audit_logs",
    "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
    "ALTER TABLE appointments DISABLE TRIGGER audit_backstop",
    "ALTER TABLE appointments DROP CONSTRAINT appointment_patient_not_twice",
    "DROP TRIGGER audit_backstop ON patients",
    "CREATE OR REPLACE FUNCTION audit_logs_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TABLE mine (something text)",
    "SET session_replication_role = replica",
    "CREATE ROLE another SUPERUSER",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'x', now())",
]


def refused(role: str, statement: str) -> bool:
    with psycopg.connect(test_database_url(role)) as session:
        try:
            session.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
    return False


@pytest.mark.parametrize("statement", FOR_NOBODY)
def test_neither_may(statement):
    booked()
    assert refused(SITE, statement)
    assert refused(SEALER, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_seals (number) VALUES (1)",
        "SELECT audit_begin_epoch('x', TRUE)",
        "SELECT audit_make_partitions(1)",
    ],
)
def test_the_site_may_not_seal(statement):
    assert refused(SITE, statement)


@pytest.mark.parametrize("table", ["patients", "available_slots", "auth_user", "oauth2_provider_accesstoken"])
def test_the_sealer_reads_nothing_of_the_hospital(table):
    assert refused(SEALER, f"SELECT * FROM {table}")
    assert not refused(SITE, f"SELECT * FROM {table}")


def test_they_own_nothing():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relowner IN (%s::regrole, %s::regrole)", [SITE, SEALER])
        assert cursor.fetchall() == []
        cursor.execute(TABLES)
        tables = {name for (name,) in cursor.fetchall()}
    assert set(GUARDS) <= tables
    assert "audit_logs_other" not in tables
