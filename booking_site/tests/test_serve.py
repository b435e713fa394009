"""``make run`` from outside: a fresh folder, real processes, the very lines that it prints."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings

from booking_site.postgres.roles import SEALER, SITE

LOGIN = re.compile(r"^  (demo-\w+) +(\S+) +(\w+)$", re.MULTILINE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """``manage.py serve`` over ``var_dir``, leading a process group of its own as a terminal's job does."""

    def __init__(self, var_dir, **environment: str) -> None:
        self.var_dir = var_dir
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=settings.BASE_DIR,
            env=bare_environment(VAR_DIR=str(var_dir), PORT=str(self.port), **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said = ""

    def __enter__(self) -> "Site":
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C" in line:
                return self
        raise AssertionError(self.said + self.process.stderr.read())

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Exit status, and what it said on standard error from beginning to end."""
        os.killpg(self.process.pid, number)
        _, complaints = self.process.communicate(timeout=15)
        return self.process.returncode, complaints

    def processes(self) -> list[str]:
        """Everything that was started for this site: its process group, and what works in its folder or for it."""
        found = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                for_it = process.environ().get("VAR_DIR") == str(self.var_dir)
                if for_it or str(self.var_dir) in command or os.getpgid(process.pid) == self.process.pid:
                    found.append(command)
            except (psutil.Error, ProcessLookupError):
                continue
        return found

    def book(self) -> tuple[int, dict]:
        """Run the printed curl line as it stands: status and answer."""
        [line] = [line for line in self.said.splitlines() if line.lstrip().startswith("curl")]
        answer = subprocess.run(
            line.strip() + " --silent --write-out '\\n%{http_code}'", shell=True, capture_output=True, text=True
        )
        body, _, status = answer.stdout.rpartition("\n")
        return int(status), json.loads(body)

    def token(self) -> str:
        return re.search(r"Bearer (\S+)'", self.said)[1]

    def get(self, path: str) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {self.token()}"}
        )
        return json.load(urllib.request.urlopen(request, timeout=10))


def bare_environment(**variables: str) -> dict[str, str]:
    """The environment without what the tests themselves run under."""
    ours = ("DATABASE_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "VAR_DIR", "PORT", "LOCAL", "HTTPS", "DEBUG")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | variables


def wait_until_empty(look, seconds: float = 10) -> list[str]:
    deadline = time.monotonic() + seconds
    while (left := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


@pytest.fixture
def var_dir():
    """A folder that a server of another account can reach, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="hospital-serve-") as folder:
        yield Path(folder) / "var"


def test_serve_sets_up_books_stops_and_keeps(var_dir):
    with Site(var_dir) as site:
        status, booked = site.book()
        assert status == 201, booked
        status, refused = site.book()
        assert (status, refused["code"]) == (409, "patient_double_booked")

        roles = LOGIN.findall(site.said)
        assert [role for _, _, role in roles] == ["Reception", "Scheduler", "Clinician", "Auditor", "Administrator"]
        assert sign_in(site, *roles[0][:2])
        assert not sign_in(site, roles[0][0], "wrong")

        assert wait_until_empty(lambda: not sealed_rows(var_dir), 60) is False  # seconds, on a busy machine
        assert roles_at_work(var_dir) == {SITE, SEALER}
        assert len(site.processes()) >= 6  # the master, its two workers, the sealer, the keeper and PostgreSQL
        assert site.stop(signal.SIGINT) == (
            0,
            f"Creating the embedded PostgreSQL database under {var_dir}/postgres ...\n",
        )
        assert wait_until_empty(site.processes) == []

    with Site(var_dir) as again:
        assert "Loading" not in again.said
        assert LOGIN.findall(again.said) == roles
        assert sign_in(again, *roles[0][:2])
        assert again.token() != site.token()
        assert again.get(f"/api/v1/appointments/{booked['id']}")["status"] == "booked"
        assert again.book()[0] == 201
        assert again.stop(signal.SIGTERM) == (0, "")
        assert wait_until_empty(again.processes) == []


def sealed_rows(var_dir: Path) -> int:
    """How many rows of the audit log the sealer says it has sealed."""
    path = var_dir / "audit_seals.jsonl"
    return sum(json.loads(line)["rows"] for line in path.read_text().splitlines()) if path.exists() else 0


def roles_at_work(var_dir: Path) -> set[str]:
    with psycopg.connect(host=str(var_dir / "postgres" / "run"), user="postgres", dbname="hospital") as session:
        query = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'hospital' AND pid <> pg_backend_pid()"
        return {role for (role,) in session.execute(query)}


def sign_in(site: Site, name: str, password: str) -> bool:
    """Sign in to the console as a browser does."""
    cookies = urllib.request.HTTPCookieProcessor()
    browser = urllib.request.build_opener(cookies)
    address = f"http://127.0.0.1:{site.port}/admin/login/"
    browser.open(address, timeout=10).read()
    [csrf] = [cookie.value for cookie in cookies.cookiejar if cookie.name == "csrftoken"]
    form = {"username": name, "password": password, "csrfmiddlewaretoken": csrf, "next": "/admin/"}
    body = urllib.parse.urlencode(form).encode()
    return browser.open(address, body, timeout=10).geturl().endswith("/admin/")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PORT": "abc"}, "PORT must be a number from 1 to 65535, not 'abc'."),
        ({"PORT": "70000"}, "PORT must be a number from 1 to 65535, not '70000'."),
        (
            {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "SECRET_KEY": "k3-9fbb2c17d0a4e86f5b1c20d7a9e4f8"},
            "serve is for local use, and DATABASE_URL makes this a deployment. "
            "Serve it with 'gunicorn -c python:booking_site.gunicorn', or say LOCAL=on (make run does).",
        ),
    ],
)
def test_serve_refuses_on_one_line(tmp_path, variables, message):
    result = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=settings.BASE_DIR,
        env=bare_environment(VAR_DIR=str(tmp_path), **variables),
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"CommandError: {message}\n"


def test_a_port_in_use_is_told_before_anything_is_made(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "manage.py", "serve"],
            cwd=settings.BASE_DIR,
            env=bare_environment(VAR_DIR=str(tmp_path), PORT=str(port)),
            capture_output=True,
            text=True,
        )
    assert result.returncode == 1
    assert result.stderr == (
        f"CommandError: Cannot serve on 127.0.0.1:{port}: Address already in use. "
        "Stop what uses it, or choose another: make run PORT=8001\n"
    )
    assert not (tmp_path / "postgres").exists()


def test_a_deployment_without_a_secret_is_refused(tmp_path):
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env=bare_environment(VAR_DIR=str(tmp_path), DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Error: SECRET_KEY is not set.")
    assert not (tmp_path / "secret_key").exists()
