"""``manage.py verify_audit``: is the audit log what was written?"""

from argparse import ArgumentParser
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, ProgrammingError
from tqdm import tqdm

from audit import archiving, sealing
from audit.management.commands.seal_audit import seal_and_publish
from audit.models import AuditLog
from audit.receivers import write
from audit.verification import Report, findings, read_published
from booking_site.core.actor import command


class Command(BaseCommand):
    help = (
        "Check the audit log against its seals: every row that was changed, removed or put in between is named, and an "
        "end that was cut off. Exit status 0 when all holds; else 1, with each finding on a line. Then seals what is "
        "new, and writes into the log that it was checked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--published", type=Path, action="append", default=[], metavar="FILE", help="seals that were kept elsewhere"
        )
        parser.add_argument(
            "--archive",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="check this file of archive_audit too",
        )
        parser.add_argument("--limit", type=int, default=1000, help="findings printed (0: all)")
        parser.add_argument("--look-only", action="store_true", help="write nothing: neither a seal nor an entry")

    def handle(self, *args: Any, **options: Any) -> None:
        report, found = Report(), 0
        try:
            kept = self._kept(options["published"])
        except (OSError, ValueError) as error:
            raise CommandError(f"Cannot read the seals: {error}") from error
        with tqdm(unit=" rows", unit_scale=True, disable=None, leave=False, file=self.stderr) as bar:
            looked = findings(report, kept, bar.update)
            for text in [*self.foreign, *islice(looked, options["limit"] or None)]:
                found += 1
                self.stdout.write(text)
            more = sum(1 for _ in looked)
        for path in options["archive"]:
            for text in archiving.findings(path):
                found += 1
                self.stdout.write(text)
        found += more
        if more:
            self.stdout.write(f"and {more} more")
        if not options["look_only"]:
            self._record(report, found)
        if found:
            raise CommandError(f"{found} findings.")
        archived = f" ({report.archived} of them archived)" if report.archived else ""
        self.stdout.write(
            f"The audit log is whole: {report.rows + report.archived} rows{archived} in {report.seals} seals, "
            f"{report.unsealed} newer ones not sealed yet."
        )

    def _kept(self, paths: list[Path]) -> list[dict[str, Any]]:
        """The seals of the given files, all of which must be of this log; and those of the file that the sealer keeps,
        which may be of an earlier database too."""
        log_id = str(sealing.log_id())
        given = list(read_published(paths))
        self.foreign = [
            f"seal {seal['number']}, which is kept elsewhere, is of another log"
            for seal in given
            if seal["log"] != log_id
        ]
        own = settings.AUDIT_SEALS_FILE
        if own is not None and own.exists():
            given += read_published([own])
        return [seal for seal in given if seal["log"] == log_id]

    def _record(self, report: Report, found: int) -> None:
        """What the role of this connection may not write, it does not write: then it is a look only."""
        try:
            write(
                actor=command("verify_audit"),
                action="audit.verified",
                status=AuditLog.Status.FAILURE if found else AuditLog.Status.SUCCESS,
                object_type="auditlog",
                details={"rows": report.rows, "seals": report.seals, "findings": found},
            )
            seal_and_publish()
        except ProgrammingError:  # no right to
            pass
        except (DatabaseError, OSError) as error:
            self.stderr.write(f"Not sealed: {error}")
