"""``manage.py migrate``: Django's own, on a site that goes on serving.

A statement that needs a table for itself waits for those who use it, and all who come later wait behind it. So each
migration waits half a second at most, less than a request does and less than PostgreSQL's ``deadlock_timeout``; then
it gives way, undone as a whole, and tries again. One that is not a transaction (``atomic = False``, for ``CREATE INDEX
CONCURRENTLY`` and ``VALIDATE CONSTRAINT``) keeps nobody waiting, may have to wait for long, and is never tried again.
"""

import random
import time
from argparse import ArgumentParser
from typing import Any

import psycopg
from django.core.management.commands import migrate
from django.db import OperationalError, connections

GAVE_WAY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
PAUSE = (1, 2)  # seconds, from and to: who has waited gets through meanwhile


class Command(migrate.Command):
    atomic = True  # the migration that is being applied
    database = ""
    lock_timeout = 0.0

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)  # type: ignore[arg-type]
        group = parser.add_argument_group("locks")
        group.add_argument(
            "--lock-timeout", type=float, default=0.5, metavar="SECONDS", help="wait so long, 0: for ever"
        )
        group.add_argument("--lock-patience", type=float, default=120, metavar="SECONDS", help="try again for so long")

    def handle(self, *args: Any, **options: Any) -> None:
        self.database, self.lock_timeout = options["database"], options["lock_timeout"]
        until = time.monotonic() + options["lock_patience"]
        while True:
            try:
                return self._migrate(*args, **options)
            except OperationalError as error:
                if not self.atomic or not isinstance(error.__cause__, GAVE_WAY) or time.monotonic() > until:
                    raise
                self.stdout.write(" waits for a lock; it gives way and will try again")
                time.sleep(random.uniform(*PAUSE))  # noqa: S311 - no secret

    def _migrate(self, *args: Any, **options: Any) -> None:
        self.atomic = True
        try:
            super().handle(*args, **options)
        finally:
            self._set_lock_timeout("DEFAULT")

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action in ("apply_start", "unapply_start"):
            self.atomic = migration.atomic
            self._set_lock_timeout(f"'{self.lock_timeout * 1000 if self.atomic else 0:.0f}ms'")
        elif action in ("apply_success", "unapply_success"):
            self.atomic = True

    def _set_lock_timeout(self, value: str) -> None:
        connection = connections[self.database]
        if connection.connection is not None and connection.is_usable() and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {value}")
