"""Backups: pg_dump's custom format, and back. A backup counts only when it has been restored and looked at."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

from booking_site.postgres import embedded

CHECKS = (["check_integrity"], ["verify_audit", "--look-only"])


class DumpError(Exception):
    """What pg_dump, pg_restore or a check said."""


def dump(path: Path) -> str:
    """Write the database to ``path``, complete or not at all, readable by its owner alone. Returns its SHA-256."""
    draft = path.with_name(path.name + ".draft")
    draft.parent.mkdir(parents=True, exist_ok=True)
    with _private(draft) as file:
        # What an UNLOGGED table holds is gone after a crash too: the counts of a minute.
        _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data"], stdout=file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return digest(path)


def restore(path: Path, database: str | None = None) -> None:
    """Into an empty database (``database``; without, that of the settings), all or nothing."""
    with path.open("rb") as file:
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        _run(["pg_restore", *options, "--dbname", database or _name()], stdin=file)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def scratch_database() -> Iterator[str]:
    """The name of an empty database on the same server, which is gone afterwards."""
    name = f"{_name()}_verify_{secrets.token_hex(4)}"
    with psycopg.connect(**_parameters(), autocommit=True) as server:  # CREATE DATABASE runs in no transaction
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def check(database: str) -> None:
    """Run the checks of the database and of the audit log, in a process that sees nothing but ``database``. Raises
    DumpError with what they found."""
    # Seals that were kept while the backup was made are newer than it.
    environment = os.environ | {
        "DATABASE_URL": _url(database),
        "LOCAL": "on" if settings.LOCAL else "off",
        "SECRET_KEY": settings.SECRET_KEY,
        "AUDIT_KEY": settings.AUDIT_KEY,
        "AUDIT_KEY_FALLBACKS": ",".join(settings.AUDIT_KEY_FALLBACKS),
        "AUDIT_SEALS_FILE": "off",
    }
    for arguments in CHECKS:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise DumpError(f"{arguments[0]}: {done.stdout.strip()}\n{done.stderr.strip()}".strip())


def is_empty() -> bool:
    return not connection.introspection.table_names()


def clear() -> None:
    """Drop all that is in the schema. It stays itself, with its owner and rights."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = sql.Identifier(cursor.fetchone()[0])
        cursor.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(schema))


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _parameters() -> dict[str, Any]:
    parameters = connection.get_connection_params()
    known = ("host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey")
    return {name: value for name, value in parameters.items() if name in known}


def _url(database: str) -> str:
    parameters = {name: str(value) for name, value in _parameters().items()}
    account = quote(parameters.pop("user", ""), safe="")
    if password := parameters.pop("password", ""):
        account += ":" + quote(password, safe="")
    parameters.pop("dbname")
    return f"postgresql://{account}@/{quote(database, safe='')}?{urlencode(parameters)}"


def _run(command: list[str], **streams: Any) -> None:
    """One of PostgreSQL's programs, connected by the environment: no password is on a command line."""
    names = {"dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD", "host": "PGHOST", "port": "PGPORT"}
    given = {names.get(name, f"PG{name.upper()}"): str(value) for name, value in _parameters().items()}
    connection.ensure_connection()  # the embedded server runs, and its version is known
    done = subprocess.run(
        [_program(command[0]), *command[1:]], env=os.environ | given, stderr=subprocess.PIPE, text=True, **streams
    )
    if done.returncode:
        raise DumpError(f"{command[0]}: {done.stderr.strip()}")


def _program(name: str) -> str:
    """The system's, or the embedded server's: the first that is as new as the server."""
    server = connection.get_database_version()[0]
    candidates = [shutil.which(name)]
    with contextlib.suppress(embedded.EmbeddedServerError):
        candidates.append(embedded.program(name))
    for candidate in filter(None, candidates):
        said = subprocess.run([candidate, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"[0-9]+", said)
        if version is not None and int(version[0]) >= server:
            return candidate
    raise DumpError(f"{name} of PostgreSQL {server} or newer is not installed: it comes with its client programs.")


@contextlib.contextmanager
def _private(path: Path) -> Iterator[Any]:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
