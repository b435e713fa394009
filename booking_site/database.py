"""Which PostgreSQL: the server that DATABASE_URL names, or the embedded one under VAR_DIR.

One entry for Django's DATABASES is all that the rest of the project sees of the choice.
"""

import re
from pathlib import Path
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from booking_site.postgres import driver, embedded

# libpq's names for what Django has settings of its own for
DJANGO_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}

# How soon a network or a server that has gone silent is given up: within five seconds. What the URL says counts first.
VIGILANCE = {
    "connect_timeout": 5,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,  # milliseconds
}
# Of several servers, the one that takes writes; one that does not answer must not delay the next for long.
OF_SEVERAL = {"target_session_attrs": "read-write", "connect_timeout": 2}
OF_REPLICA = {"connect_timeout": 2}  # somebody else can answer
MARGIN = 2.0  # seconds after its time limit in which the server says that a statement took too long
UNITS = {"": 0.001, "ms": 0.001, "s": 1, "min": 60, "h": 3600}

PREPARE_AFTER = 5  # runs of a statement, on one connection; psycopg's own default


def database(
    url: str,
    *,
    var_dir: Path,
    pool_size: int,
    timeouts: dict[str, str],
    patience: float | None = None,
    role: str = "",
    prepares: bool = True,
    reads_only: bool = False,
) -> dict[str, Any]:
    """The DATABASES entry.

    url: any PostgreSQL connection URI, several hosts and all libpq parameters included; empty for the embedded server.
    pool_size: 0 for one persistent connection per worker thread, which measured fastest (more threads than cores, or
        a pool, only wait for the interpreter lock); more for a shared pool of that size.
    role: under which to work in the embedded server; empty for its superuser, who owns all.
    timeouts: PostgreSQL settings such as ``{"lock_timeout": "3s"}``, applied to each connection. PgBouncer refuses
        start-up options: leave this empty behind it and use ALTER ROLE ... SET instead.
    prepares: statements of a ``planned`` are prepared; not behind PgBouncer, where the next one may run
        elsewhere.
    reads_only: it is a replica.
    patience: seconds to wait for the answer to a statement, a COMMIT included, however silent the server is.
    """
    settings: dict[str, Any] = {
        "ENGINE": "booking_site.postgres",
        "CONN_MAX_AGE": None if pool_size == 0 else 0,  # persistent: connecting costs more than most requests
        "CONN_HEALTH_CHECKS": True,  # a restarted server costs nobody a failed request
        "HOST": "",
        "OPTIONS": {},
    }
    if url:
        options = _parse(url)
        settings |= {DJANGO_NAMES[name]: options.pop(name) for name in list(options) if name in DJANGO_NAMES}
    else:
        files = embedded.files_under(var_dir)
        settings |= {"NAME": embedded.DATABASE, "USER": role or embedded.SUPERUSER, "HOST": str(files.socket_dir)}
        options = {"embedded": files}
    if timeouts:
        given = options.get("options", "")
        options["options"] = " ".join([given, *(f"-c {name}={value}" for name, value in timeouts.items())]).strip()
    of_kind = OF_REPLICA if reads_only else OF_SEVERAL if "," in settings["HOST"] else {}
    connection_class = driver.with_patience(patience)
    settings["OPTIONS"] = {**VIGILANCE, **of_kind, **options, "connection_class": connection_class}
    settings["OPTIONS"]["prepare_threshold"] = PREPARE_AFTER if prepares else None
    if pool_size:
        pool = {"min_size": 1, "max_size": pool_size, "timeout": 5, "connection_class": connection_class}
        settings["OPTIONS"]["pool"] = pool
    return settings


def patience_for(statement_timeout: str) -> float | None:
    """Seconds to wait for an answer of a server with this time limit; None where it has none."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h)?\s*", statement_timeout)
    if match is None:
        raise ImproperlyConfigured(f"STATEMENT_TIMEOUT is {statement_timeout}, and may be such as 10s or 500ms.")
    seconds = float(match[1]) * UNITS[match[2] or ""]
    return seconds + MARGIN if seconds else None


def _parse(url: str) -> dict[str, Any]:
    if not url.startswith(("postgresql://", "postgres://")):
        scheme = url.split(":", 1)[0]
        raise ImproperlyConfigured(
            f"DATABASE_URL must begin with postgresql:// (found {scheme!r}). The guarantees of this system live in "
            "PostgreSQL; no other database is supported."
        )
    try:
        options: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}") from error
    if not options.get("dbname"):
        raise ImproperlyConfigured("DATABASE_URL names no database: postgresql://user:password@host:5432/hospital")
    return options
