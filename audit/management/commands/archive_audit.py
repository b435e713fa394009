"""``manage.py archive_audit``: retention of the audit log."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from audit.archiving import NotArchived, archive, months_before
from booking_site.core.actor import command


class Command(BaseCommand):
    help = (
        "Put months of the audit log away that are older than they must be kept: each is sealed, checked, written to a "
        "file, and only then dropped; the log tells of it. Needs the role that owns the tables."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the files are written")
        parser.add_argument(
            "--keep-months",
            type=int,
            default=settings.AUDIT_MONTHS,
            help="whole months that stay, before the present one (default: AUDIT_MONTHS, %(default)s)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["keep_months"] < 0:
            raise CommandError("--keep-months must not be negative.")
        today = timezone.now().date()
        months = months_before(today.replace(day=1) - relativedelta(months=options["keep_months"]))
        if not months:
            self.stdout.write("Nothing is old enough.")
        for month in months:
            if options["dry_run"]:
                self.stdout.write(f"{month.partition} would be archived.")
                continue
            try:
                with tqdm(desc=month.partition, unit=" rows", disable=None, leave=False, file=self.stderr) as bar:
                    path, rows = archive(
                        actor=command("archive_audit"), month=month, folder=options["to"], progress=bar.update
                    )
            except (NotArchived, OSError) as error:
                raise CommandError(f"{month.partition} stays: {error}") from error
            self.stdout.write(f"{month.partition}: {rows} rows are in {path.name}, and the table is dropped.")
