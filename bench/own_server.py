"""An embedded server in a temporary folder, for the benchmark that imports this; both are gone when it ends.

Import it above everything of the project: Django is set up here, and its database migrated by ``prepare``.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

VAR_DIR = Path(tempfile.mkdtemp(prefix="bench-"))
os.chmod(VAR_DIR, 0o755)  # started by root, the server runs as another user
os.environ |= {"VAR_DIR": str(VAR_DIR), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "booking_site.settings"}
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django  # noqa: E402
import psutil  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from booking_site.postgres import embedded  # noqa: E402

FILES = embedded.files_under(VAR_DIR)


def prepare() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that atexit cleans up
    atexit.register(_remove)
    call_command("migrate", verbosity=0)


def enter(database: str) -> None:
    """Speak to another database of the server from now on; it is made and migrated at the first time."""
    if connection.settings_dict["NAME"] == database:
        return
    is_new = not execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
    if is_new:
        execute(f"CREATE DATABASE {database}")
    connection.close()
    connection.settings_dict["NAME"] = database
    if is_new:
        call_command("migrate", verbosity=0)


def _remove() -> None:
    connection.close()
    pidfile = FILES.data / "postmaster.pid"
    postmaster = psutil.Process(int(pidfile.read_text().split()[0])) if pidfile.exists() else None
    for descriptor in embedded._users_lock.values():
        os.close(descriptor)  # the last user has gone: the server stops
    if postmaster is not None:
        psutil.wait_procs([postmaster], timeout=60)
    shutil.rmtree(VAR_DIR, ignore_errors=True)


def execute(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """The rows of a statement, none for one that gives none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def machine() -> dict[str, object]:
    return {"cores": os.cpu_count(), "load_average": [round(load, 1) for load in os.getloadavg()]}
