"""``make run``: everything between a fresh database and a served page, in one command."""

import contextlib
import fcntl
import io
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from booking_site import staticfiles, welcome
from booking_site.postgres import embedded
from booking_site.postgres.roles import SITE
from doctors.models import Department, Doctor
from patients.models import Patient

GRACE = 3  # seconds that requests get to finish when the terminal says stop


class Command(BaseCommand):
    help = (
        "Set up what is missing (tables, static files, the demo hospital in an empty database), say how to get in, "
        "and serve on 127.0.0.1. For local use."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError(
                "serve is for local use, and DATABASE_URL makes this a deployment. Serve it with "
                "'gunicorn -c python:booking_site.gunicorn', or say LOCAL=on (make run does)."
            )
        listener, port = self._claim_port()
        with self._alone():
            text = self._set_up(f"http://127.0.0.1:{port}")
        try:
            listener.listen(128)  # who calls from now on is answered as soon as the workers are up
        except OSError as error:  # another process has begun to listen since we bound the port
            raise _cannot_serve(port, error) from error
        self.stdout.write(text)
        self.stdout.flush()
        self._become_server(listener)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Of two that start at once, the second waits and finds all done."""
        path = settings.VAR_DIR / "setup.lock"
        try:
            settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise CommandError(
                f"Cannot write to {settings.VAR_DIR}: {error.strerror}. Set VAR_DIR to a folder that is writable."
            ) from error
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _set_up(self, address: str) -> str:
        """Make what is missing; returns how to get in."""
        self._migrate()
        call_command("grant_roles", stdout=io.StringIO())
        staticfiles.collect()
        if not any(model._default_manager.exists() for model in (Department, Doctor, Patient)):
            self.stdout.write("Loading the demo hospital ...")
            self.stdout.flush()
            call_command("demo", size="small", stdout=self.stdout, stderr=self.stderr)
        return welcome.prepare(address)

    def _claim_port(self) -> tuple[socket.socket, int]:
        """A socket bound to the port before anything else is done. It listens only when there is something to serve."""
        given = os.environ.get("PORT") or "8000"
        if not given.isdecimal() or not 0 < int(given) < 65536:
            raise CommandError(f"PORT must be a number from 1 to 65535, not {given!r}.")
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(given)))
        except OSError as error:
            raise _cannot_serve(int(given), error) from error
        return listener, int(given)

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Preparing the tables ...")
            self.stdout.flush()
            call_command("migrate", verbosity=0, interactive=False)

    def _become_server(self, listener: socket.socket) -> None:
        """Replace this process by gunicorn, without giving up the port or the embedded server in between."""
        connection.close()
        embedded.keep_through_exec()
        listener.set_inheritable(True)
        # Ctrl-C in the next second waits until gunicorn can deal with it (booking_site.gunicorn.when_ready).
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        os.chdir(settings.BASE_DIR)
        os.environ["EMBEDDED_ROLE"] = SITE  # what serves owns nothing; commands work as the owner
        os.execv(
            sys.executable,
            [
                *(sys.executable, "-m", "gunicorn", "-c", "python:booking_site.gunicorn"),
                *("--bind", f"fd://{listener.fileno()}", "--graceful-timeout", str(GRACE)),
            ],
        )


def _cannot_serve(port: int, error: OSError) -> CommandError:
    return CommandError(
        f"Cannot serve on 127.0.0.1:{port}: {error.strerror}. Stop what uses it, or choose another: make run PORT=8001"
    )
