"""``manage.py backup``: the database in a file that has been tried."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from booking_site.core.actor import command
from booking_site.core.signals import backup_made
from booking_site.postgres import dumps


class Command(BaseCommand):
    help = (
        "Write the database to FILE (pg_dump's custom format), then restore it into a scratch database on the same "
        "server and run check_integrity and verify_audit there. Needs the role that owns the tables and may make "
        "databases. The file holds patients' data: keep it encrypted, and elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--no-verify", action="store_true", help="do not restore and check it")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if path.exists():
            raise CommandError(f"{path} is there already. A backup replaces nothing.")
        try:
            self._say("Writing ...")
            sha256 = dumps.dump(path)
            if not options["no_verify"]:
                self._say("Restoring it into a scratch database ...")
                with dumps.scratch_database() as scratch:
                    dumps.restore(path, scratch)
                    self._say("Checking it ...")
                    dumps.check(scratch)
        except (dumps.DumpError, OSError) as error:
            kept = f"\n{path} has been written, but do not rely on it." if path.exists() else ""
            raise CommandError(f"{error}{kept}") from error
        backup_made.send(sender=dumps.dump, actor=command("backup"), file=path.name, sha256=sha256)
        how = "not verified" if options["no_verify"] else "restored and checked"
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes, SHA-256 {sha256}, {how}.")

    def _say(self, text: str) -> None:
        self.stderr.write(text)
