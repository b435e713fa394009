"""A backup is restored and checked before it counts; a restore puts everything back, and the audit log goes on."""

import json
import os
import stat
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from appointments.models import Appointment
from audit.models import AuditLog
from audit.tests.test_sealing import seal_everything
from booking_site.testing.factories import booked
from booking_site.testing.fixtures import test_database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_horizon")]


@pytest.fixture(autouse=True)
def no_file_of_seals(settings):
    settings.AUDIT_SEALS_FILE = None


@pytest.fixture
def elsewhere(db):
    """The URL of an empty database."""
    name = f"{connection.settings_dict['NAME']}_restored"
    with psycopg.connect(test_database_url(), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}"')
        yield test_database_url().replace(connection.settings_dict["NAME"], name)
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def manage(url, var_dir, *arguments):
    own = {"DATABASE_URL": url, "VAR_DIR": str(var_dir), "SECRET_KEY": settings.SECRET_KEY}
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env=os.environ | own | {"AUDIT_KEY": settings.AUDIT_KEY},
        capture_output=True,
        text=True,
    )


def rows(url, table):
    with psycopg.connect(url) as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


def test_what_was_backed_up_comes_back_and_the_log_goes_on(tmp_path, elsewhere, capsys):
    for _ in range(3):
        booked()
    seal_everything()
    booked()  # told, and not sealed yet
    path = tmp_path / "hospital.dump"
    call_command("backup", path)
    assert "restored and checked" in capsys.readouterr().out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert AuditLog.objects.filter(action="backup.made", object_id="hospital.dump").count() == 1
    with psycopg.connect(test_database_url()) as server:
        own = f"{connection.settings_dict['NAME']}_verify_%"
        assert not server.execute("SELECT 1 FROM pg_database WHERE datname LIKE %s", [own]).fetchall()

    kept = tmp_path / "var" / "audit_seals.jsonl"
    kept.parent.mkdir()
    kept.write_text("the seals until now\n")
    with psycopg.connect(elsewhere) as database:
        database.execute("CREATE TABLE patients (something text)")
    refused = manage(elsewhere, tmp_path / "var", "restore", path)
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)
    done = manage(elsewhere, tmp_path / "var", "restore", path, "--replace")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(elsewhere, "appointments") == rows(test_database_url(), "appointments")
    assert len(rows(elsewhere, "appointments")) == Appointment.objects.count() == 4
    restored = {row[0] for row in rows(elsewhere, "audit_logs")}
    made = AuditLog.objects.get(action="backup.made")
    assert {key for key in AuditLog.objects.values_list("id", flat=True) if key != made.pk} <= restored
    with psycopg.connect(elsewhere) as database:
        newest = "SELECT epoch, action FROM audit_logs ORDER BY seq DESC LIMIT 2"
        assert [*reversed(database.execute(newest).fetchall())] == [(2, "backup.restored"), (2, "audit.verified")]
    [aside] = kept.parent.glob("audit_seals.before-*.jsonl")
    assert aside.read_text() == "the seals until now\n"
    assert {json.loads(line)["epoch"] for line in kept.read_text().splitlines()} <= {1, 2}


def test_a_backup_of_a_log_that_was_changed_says_so(tmp_path):
    booked()
    seal_everything()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE audit_logs SET user_name = 'nobody'")
        cursor.execute("SET session_replication_role = origin")
    with pytest.raises(CommandError, match="has been changed"):
        call_command("backup", tmp_path / "hospital.dump")


def test_a_file_that_is_broken_replaces_nothing(tmp_path, elsewhere):
    booked()
    path = tmp_path / "hospital.dump"
    call_command("backup", path, "--no-verify")
    with pytest.raises(CommandError, match="already"):
        call_command("backup", path)
    assert manage(elsewhere, tmp_path, "migrate", "-v0").returncode == 0
    (tmp_path / "half.dump").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for name in ("half.dump", "missing.dump"):
        done = manage(elsewhere, tmp_path, "restore", tmp_path / name, "--replace")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
    with psycopg.connect(elsewhere) as database:
        assert database.execute("SELECT count(*) FROM departments").fetchone() == (0,)  # the tables are there yet
