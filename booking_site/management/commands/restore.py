"""``manage.py restore``: the database out of a file of ``backup``."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from booking_site.core.actor import command
from booking_site.core.signals import backup_restored
from booking_site.postgres import dumps


class Command(BaseCommand):
    help = (
        "Read a file of backup into the database of DATABASE_URL, which must be empty, and check it. The audit log "
        "goes on in a new epoch. Stop the site before. Needs the role that owns the tables."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="drop what is in the database first, all of it")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            is_empty = dumps.is_empty()
            if not is_empty and not options["replace"]:
                raise CommandError("The database is not empty. --replace drops all that is in it.")
            sha256 = dumps.digest(path)
            with dumps.scratch_database() as scratch:  # what cannot be read replaces nothing
                self.stderr.write("Trying the file in a scratch database ...")
                dumps.restore(path, scratch)
                dumps.check(scratch)
            if not is_empty:
                dumps.clear()
            self.stderr.write("Restoring ...")
            dumps.restore(path)
        except (dumps.DumpError, OSError) as error:
            raise CommandError(str(error)) from error
        call_command("migrate", interactive=False, verbosity=0)
        with transaction.atomic():
            backup_restored.send(sender=dumps.restore, actor=command("restore"), file=path.name, sha256=sha256)
        self._set_seals_aside()
        call_command("grant_roles", stdout=self.stdout)
        call_command("check_integrity", stdout=self.stdout)
        call_command("verify_audit", stdout=self.stdout)
        self.stdout.write(f"{path} is restored.")

    def _set_seals_aside(self) -> None:
        """Seals that were made after the backup tell of rows that it does not have: rightly, but not of this log."""
        kept: Path | None = settings.AUDIT_SEALS_FILE
        if kept is not None and kept.exists():
            aside = kept.with_name(f"{kept.stem}.before-{timezone.now():%Y%m%dT%H%M%SZ}{kept.suffix}")
            kept.rename(aside)
            self.stdout.write(f"Seals that were kept until now are in {aside.name}: they tell what is not restored.")
