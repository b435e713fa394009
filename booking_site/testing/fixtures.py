"""Fixtures for the tests of all apps (loaded by conftest.py). Real PostgreSQL, real HTTP, nothing mocked."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import translation
from oauth2_provider.models import get_access_token_model
from rest_framework.test import APIClient

from booking_site.api import failures
from booking_site.api.clients import issue_token, register
from booking_site.postgres import probe
from booking_site.postgres.grants import grant
from booking_site.postgres.roles import SEALER, SITE
from booking_site.testing import cleaning
from booking_site.testing.canaries import file_of
from booking_site.testing.factories import staff

SHARED_DATA = Path(os.environ.get("SHARED_DATA", settings.BASE_DIR.parent / "shared" / "data"))


TOLD = "patient slot appointment"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Factories write without telling anybody, so what the tests themselves write counts as told; served sites have a
    role of their own (see serving), and for them nothing does."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        user, name = connection.settings_dict["USER"], connection.settings_dict["NAME"]
        cursor.execute(f"ALTER ROLE {user} IN DATABASE {name} SET audit.told = '{TOLD}'")
        cursor.execute(f"SET audit.told = '{TOLD}'")
        grant(site=SITE, sealer=SEALER)
        cleaning.remember()
    yield
    probe.hang_up()  # the database is dropped now


def written_at(entry, moment: str) -> None:
    """Make an entry of the log look as if it had been written at another moment: its clock is the database's own."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE audit_logs SET timestamp = %s WHERE id = %s", [moment, entry.pk])
        cursor.execute("SET session_replication_role = origin")


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

    ``environment``: what the site reads otherwise than usual; it takes a second more. Whatever the site writes, it
    tells of itself: the database has no need to (see audit.migrations.0005_backstop)."""

    def __init__(self, **environment: str) -> None:
        self.environment = environment

    def __enter__(self) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        arguments = ["-c", "python:booking_site.gunicorn", "--bind", f"127.0.0.1:{port}"]
        with file_of("stderr") or open(os.devnull, "w") as log:
            if self.environment:
                command = [sys.executable, "-m", "gunicorn", *arguments]
                self.pid = _start(command, self.environment, stderr=log, start_new_session=True).pid
            else:
                self.pid = _nursery().serve(arguments, log.name)
        address = f"http://127.0.0.1:{port}"
        for _ in range(1000):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5)
                return address
            except OSError:
                assert _runs(self.pid), "the server ended at once"
                time.sleep(0.03)
        raise AssertionError("the server did not answer within 30 s")

    def __exit__(self, *exception: object) -> None:
        os.killpg(self.pid, signal.SIGKILL)  # its gentle end takes a second, and has tests of its own
        while _runs(self.pid):
            time.sleep(0.01)
        untold = "SELECT action, details FROM audit_logs WHERE action LIKE 'database.%%' AND user_id = %s"
        with psycopg.connect(test_database_url()) as session:
            assert session.execute(untold, [SITE]).fetchall() == [], "the site wrote what it did not tell of"


class _Nursery:
    """See booking_site.testing.nursery; one for each process of the tests, whose database it serves."""

    def __init__(self) -> None:
        self.process = _start(
            [sys.executable, "-m", "booking_site.testing.nursery"], {}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def serve(self, arguments: list[str], log: str) -> int:
        self.process.stdin.write(f"{json.dumps({'arguments': arguments, 'log': log})}\n".encode())
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


_nursery = functools.cache(_Nursery)


def _start(command: list[str], environment: dict[str, str], **streams: Any) -> subprocess.Popen:
    usual = {
        "DJANGO_SETTINGS_MODULE": "booking_site.testing.settings",
        "DATABASE_URL": test_database_url("" if settings.DATABASE_URL else SITE),
        "SEALER": "off",
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "HTTPS": "off",
    }
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env={**os.environ, **usual, **environment}, **streams)


def _runs(pid: int) -> bool:
    """Also of a process that is no child of ours; waits for one that is."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return Path(f"/proc/{pid}").exists()
