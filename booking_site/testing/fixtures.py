"""Fixtures for the tests of all apps (loaded by conftest.py). Real PostgreSQL, real HTTP, nothing mocked."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models.signals import post_migrate
from django.utils import translation
from oauth2_provider.models import get_access_token_model
from rest_framework.test import APIClient

from booking_site.api import failures
from booking_site.api.clients import issue_token, register
from booking_site.postgres.grants import grant
from booking_site.postgres.roles import SEALER, SITE
from booking_site.testing.canaries import file_of
from booking_site.testing.factories import staff
from scheduling.models import VisitType

SHARED_DATA = Path(os.environ.get("SHARED_DATA", settings.BASE_DIR.parent / "shared" / "data"))


# What would stand in the way of cleaning up by TRUNCATE, or write of it.
APPEND_ONLY = ("audit_logs_no_truncate", "audit_seals_no_truncate", "audit_epochs_no_truncate")
AGAINST_TRUNCATE = (*APPEND_ONLY, "audit_backstop_truncate")
TOLD = "patient slot appointment"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Transactional tests clean up by TRUNCATE: the audit log refuses it, and it takes along what migrations made.

    Factories write without telling anybody, so what the tests themselves write counts as told; served sites have a
    role of their own (see serving), and for them nothing does."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        switch_triggers(cursor, "DISABLE", AGAINST_TRUNCATE)
        user, name = connection.settings_dict["USER"], connection.settings_dict["NAME"]
        cursor.execute(f"ALTER ROLE {user} IN DATABASE {name} SET audit.told = '{TOLD}'")
        cursor.execute(f"SET audit.told = '{TOLD}'")
        grant(site=SITE, sealer=SEALER)
        _drop_partitions_to_come(cursor)
    post_migrate.connect(_make_roles, sender=apps.get_app_config("auth"))  # sent after each such clean-up


def _drop_partitions_to_come(cursor) -> None:
    """Each would be cleaned up after each test that commits, with all of its indexes."""
    type(apps.get_app_config("audit")).months_ahead = 1  # in case that one begins meanwhile
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^audit_logs_20'"
        " AND relname > to_char(now() AT TIME ZONE 'UTC' + interval '1 month', '\"audit_logs_\"YYYY\"_\"MM')"
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP TABLE {name}")


def switch_triggers(cursor, state: str, names: tuple[str, ...]) -> None:
    """``state``: ENABLE or DISABLE. Partitions have each their own."""
    cursor.execute("SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname = ANY(%s)", [list(names)])
    for table, trigger in cursor.fetchall():
        cursor.execute(f"ALTER TABLE {table} {state} TRIGGER {trigger}")


def written_at(entry, moment: str) -> None:
    """Make an entry of the log look as if it had been written at another moment: its clock is the database's own."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE audit_logs SET timestamp = %s WHERE id = %s", [moment, entry.pk])
        cursor.execute("SET session_replication_role = origin")


def _make_roles(**kwargs: object) -> None:
    import_module("booking_site.console.migrations.0001_roles").create(apps, None)
    for name in (
        *("0002_planning_roles", "0003_front_desk_roles", "0004_who_merges_patients"),
        "0005_privacy_roles",
    ):
        import_module(f"booking_site.console.migrations.{name}").forwards(apps, None)
    VisitType.objects.get_or_create(code="consultation", defaults={"name": "Consultation", "duration_minutes": 30})


@pytest.fixture
def shared_data():
    """The folder of real input files; skips where it is not there."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real input at {SHARED_DATA} (set SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture
def make_token(db):
    """``make_token("slots:read")`` registers a client with these scopes (all without arguments); gives its token."""

    def make(*scopes: str, name: str = "test client", requests_per_minute: int | None = 0) -> str:
        client, _ = register(name, list(scopes or settings.SCOPES), requests_per_minute)
        return issue_token(client, days=1)[0]

    return make


@pytest.fixture
def api(make_token):
    """A client of the API with every scope. Errors are answers, not exceptions."""
    return api_client(make_token())


@pytest.fixture
def api_of_staff(make_token):
    """An app with every scope that acts for a receptionist."""
    token = make_token(name="staff app")
    get_access_token_model().objects.filter(application__name="staff app").update(user=staff("Reception"))
    return api_client(token)


def api_client(token: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture(autouse=True)
def _clear_cache():
    cache.clear()
    failures._blocked.clear()  # what other tests' failures have blocked


@pytest.fixture(autouse=True)
def _speak_english():
    """A page leaves its language behind in the thread, for the next one to replace."""
    yield
    translation.deactivate()


# --- the product as served -----------------------------------------------------------------------------------


def test_database_url(role: str = "") -> str:  # noqa: PT028 - it is no test
    """The DATABASE_URL of the test database, for processes of their own: as its owner, or as another role."""
    parts = connection.settings_dict
    auth = quote(role or parts["USER"]) + (f":{quote(parts['PASSWORD'])}" if parts["PASSWORD"] else "")
    query = f"host={quote(str(parts['HOST']), safe='')}" + (f"&port={parts['PORT']}" if parts["PORT"] else "")
    return f"postgresql://{auth}@/{quote(parts['NAME'])}?{query}"


test_database_url.__test__ = False  # not a test, whatever its name says


@pytest.fixture
def server(transactional_db):
    """The site under gunicorn with two workers, over the test database: its address."""
    with serving() as address:
        yield address


class serving:
    """Serve the test database, with the rights that a site has; a context manager that gives the address.

    Whatever the site writes, it tells of itself: the database has no need to (see audit.migrations.0005_backstop)."""

    def __init__(self, **environment: str) -> None:
        self.environment = environment

    def __enter__(self) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "booking_site.testing.settings",
            "DATABASE_URL": test_database_url("" if settings.DATABASE_URL else SITE),
            "SEALER": "off",
            "SECRET_KEY": settings.SECRET_KEY,
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "HTTPS": "off",
            **self.environment,
        }
        with file_of("stderr") or open(os.devnull, "w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "-c", "python:booking_site.gunicorn"),
                    *("--bind", f"127.0.0.1:{port}"),
                ],
                cwd=settings.BASE_DIR,
                env=environment,
                stderr=log,
                start_new_session=True,
            )
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5)
                return address
            except OSError:
                assert self.process.poll() is None, "the server ended at once"
                time.sleep(0.1)
        raise AssertionError("the server did not answer within 30 s")

    def __exit__(self, *exception: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # its gentle end takes a second, and has tests of its own
        self.process.wait(20)
        untold = "SELECT action, details FROM audit_logs WHERE action LIKE 'database.%%' AND user_id = %s"
        with psycopg.connect(test_database_url()) as session:
            assert session.execute(untold, [SITE]).fetchall() == [], "the site wrote what it did not tell of"
