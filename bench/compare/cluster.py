"""The embedded PostgreSQL of the benchmark, under BENCH_DIR (``var/bench`` unless the environment names another folder,
which several checkouts may share), with the product's own settings, and the databases in it."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from booking_site.postgres import embedded

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("BENCH_DIR") or ROOT / "var" / "bench").resolve()
FILES = embedded.files_under(HOME)
SITE_FILES = HOME / "sites" / "ours"  # VAR_DIR of the site that is measured, with the key of its audit log


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """The cluster runs, and no other benchmark uses it at the same time."""
    HOME.mkdir(parents=True, exist_ok=True)
    HOME.chmod(0o755)  # started by root, the server runs as another user
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another benchmark uses {HOME}; waiting for its end ...", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        embedded.ensure_running(FILES)
        yield


def url(database: str, role: str = embedded.SUPERUSER) -> str:
    return f"postgresql://{role}@/{database}?host={quote(str(FILES.socket_dir), safe='')}"


def connect(database: str = embedded.DATABASE) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(url(database), autocommit=True)


def rows(database: str, query: str | sql.Composed, parameters: Any = None) -> list[tuple[Any, ...]]:
    """The rows of a statement, none for one that gives none."""
    with connect(database) as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def copy(source: str, name: str) -> None:
    """A fresh database that is the same as ``source``, in the place of an older one."""
    drop(name)
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with connect() as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))


def drop(name: str) -> None:
    with connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def postmaster() -> int:
    """The process id of the server."""
    return int((FILES.data / "postmaster.pid").read_text().split()[0])


def deadlocks() -> int:
    """How many the server's log tells of."""
    return FILES.log.read_text(errors="replace").count("deadlock detected")


def site_environment(database: str, role: str = embedded.SUPERUSER) -> dict[str, str]:
    """With which a process of the product works on a database, as a local installation."""
    own = {"DATABASE_URL": url(database, role), "VAR_DIR": str(SITE_FILES), "LOCAL": "on", "HTTPS": "off"}
    return os.environ | own | {"DEBUG": "off", "PGBOUNCER": "off"}


def manage(database: str, *arguments: str) -> str:
    """Run a command of the product's on a database, as its owner; what it prints."""
    done = subprocess.run(_command(*arguments), **_as_owner_of(database), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def holds(database: str, check: str) -> bool:
    """Whether a command of the product's that checks something finds nothing; what it finds is printed."""
    return subprocess.run(_command(check), **_as_owner_of(database)).returncode == 0


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _as_owner_of(database: str) -> dict[str, Any]:
    return {"cwd": ROOT, "env": site_environment(database)}
