"""Slow statements and waits for locks are told of; patients are not."""

import logging
import subprocess
import sys
import threading
import time

import psycopg
import pytest
from django.conf import settings as configured
from django.db import OperationalError, connection
from psycopg import sql

from booking_site.monitoring import slow_queries
from booking_site.monitoring.statements import told
from booking_site.testing.clusters import Cluster, scratch
from booking_site.testing.factories import PatientFactory, staff
from booking_site.testing.fixtures import test_database_url


@pytest.fixture
def timed(settings, caplog):
    """All statements of this connection that take ``SLOW_QUERY_MS`` or longer."""
    connection.execute_wrappers.append(slow_queries._timed)
    settings.SLOW_QUERY_MS = 100
    with caplog.at_level(logging.WARNING, logger="booking_site.slow_queries"):
        yield caplog
    connection.execute_wrappers.remove(slow_queries._timed)


@pytest.mark.django_db
def test_a_slow_statement_is_told_without_its_parameters(timed):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s), %s", [0.001, "Quillfeather"])
        assert timed.messages == []
        cursor.execute("SELECT pg_sleep(%s),\n %s", [0.15, "Quillfeather"])
    [record] = timed.records
    assert record.fields["sql"] == "SELECT pg_sleep(%s), %s"
    assert 150 <= record.fields["duration_ms"] < 5000
    assert "took" in record.getMessage()
    assert "Quillfeather" not in record.getMessage()


@pytest.mark.django_db(transaction=True)
def test_a_wait_for_a_lock_is_told_however_short(timed, settings):
    settings.SLOW_QUERY_MS = 60_000
    patient = PatientFactory(last_name="Quillfeather")
    with psycopg.connect(test_database_url()) as other:
        other.execute("SELECT FROM patients WHERE id = %s FOR UPDATE", [patient.pk])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20ms'")
        with pytest.raises(OperationalError):
            patient.save()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '3s'")
    [record] = timed.records
    assert record.fields["sqlstate"] == "55P03"
    assert record.fields["sql"].startswith('UPDATE "patients" SET')
    assert "Quillfeather" not in record.getMessage()


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            "SELECT 'Ada''s',\n  E'a\\'b' FROM t1 WHERE x = 17 AND \"y2\" = %s",
            'SELECT ??, ? FROM t1 WHERE x = ? AND "y2" = %s',
        ),
        (f"SELECT {'x' * 1992}'Ada Lovelace'", f"SELECT {'x' * 1992}?"),  # also one that is cut off
        ("SELECT 'Ada', $1", "SELECT ?, $1"),
        (b"SELECT 'Ada'", "SELECT ?"),
        (sql.SQL("SELECT {}").format(sql.Literal("Ada")), "<Composed>"),
    ],
)
def test_a_value_in_the_text_itself_is_not_told(statement, text):
    assert told(statement) == text


@pytest.mark.django_db
def test_no_page_or_call_puts_a_patient_into_the_text_of_a_statement(timed, settings, api, client):
    settings.SLOW_QUERY_MS = -1  # every statement
    patient = PatientFactory(first_name="Zebulon", last_name="Quillfeather", phone="+4930998877", mrn="MRN-998877")
    client.force_login(staff("Reception"))
    for search in ("Quillfeather Zebulon", "998877", "MRN-998877"):
        assert api.get("/api/v1/patients", {"search": search}).json()["count"] == 1
        assert client.get("/admin/patients/patient/", {"q": search}, follow=True).status_code == 200
    assert api.patch(f"/api/v1/patients/{patient.pk}", {"last_name": "Quillfeather-Moss"}).status_code == 200
    assert client.get(f"/admin/patients/patient/{patient.pk}/change/").status_code == 200
    statements = [record.fields["sql"] for record in timed.records]
    assert len(statements) > 20
    said = " ".join(statements)
    assert not any(secret in said for secret in ("Quillfeather", "Zebulon", "998877", str(patient.pk)))


@pytest.mark.parametrize(("setting", "imported"), [("0", False), ("200", True)])
def test_statements_are_timed_only_where_that_is_wanted(setting, imported):
    program = (
        "import sys, django; django.setup(); from django.db import connection; "
        "print('booking_site.monitoring.slow_queries' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"DJANGO_SETTINGS_MODULE": "booking_site.settings", "SLOW_QUERY_MS": setting, "PATH": ""},
        cwd=configured.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == str(imported)


def test_the_embedded_server_tells_of_waits_and_not_of_statements():
    """With its own settings; the control shows what would be told without them."""
    patient = "Quillfeather"
    with scratch() as folder:
        cluster = Cluster(folder / "one")
        cluster.start()
        try:
            tidy = _wait_in(cluster, patient)
            cluster.execute("ALTER ROLE postgres SET log_error_verbosity = default")
            cluster.execute("ALTER ROLE postgres SET log_min_error_statement = error")
            control = _wait_in(cluster, patient)[len(tidy) :]
        finally:
            cluster.stop()
    assert "still waiting for" in tidy
    assert "still waiting for" in control
    assert patient in control
    assert patient not in tidy


def _wait_in(cluster: Cluster, patient: str) -> str:
    """What the server has logged of a wait of 1.2 s."""
    with cluster.connect() as one, cluster.connect() as other:
        one.execute("BEGIN")
        one.execute("LOCK TABLE patients")
        waits = threading.Thread(target=other.execute, args=[f"UPDATE patients SET notes = '{patient}'"])
        waits.start()
        time.sleep(1.2)
        one.execute("ROLLBACK")
        waits.join()
    return cluster.log()
