from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from appointments.missed import MOST_DAYS, mark, missed
from booking_site.core.actor import command
from booking_site.core.errors import DomainError

YEAR = 525_600  # minutes


class Command(BaseCommand):
    help = (
        "Mark the booked appointments that nobody has been checked in for as no-shows, some time after their start and "
        "never before their end. Run it every few minutes; two at once do no harm."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--after",
            type=int,
            metavar="MINUTES",
            help=f"so many minutes after the start (default: NO_SHOW_AFTER_MINUTES, {settings.NO_SHOW_AFTER_MINUTES})",
        )
        parser.add_argument(
            "--days", type=int, default=7, metavar="DAYS", help="look back so many days (default: %(default)s)"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        after = settings.NO_SHOW_AFTER_MINUTES if options["after"] is None else options["after"]
        if not 0 <= after <= YEAR:
            raise CommandError(f"--after is a number of minutes from 0 to {YEAR}.")
        if not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days is a number from 1 to {MOST_DAYS}.")
        found = missed(after=after, days=options["days"])
        if options["dry_run"]:
            self.stdout.write(f"Dry run, nothing was changed: {len(found):,} would be marked as no-shows.")
            return
        marked = refused = 0
        with tqdm(found, desc="No-shows", unit=" appointments", disable=None, leave=False) as bar:
            for appointment in bar:
                try:
                    marked += mark(actor=command("mark_no_shows"), appointment=appointment)
                except DomainError as error:
                    refused += 1
                    self.stderr.write(f"{appointment.pk}: {error.detail}")
        self.stdout.write(f"Marked as no-shows: {marked:,} of {len(found):,}.")
        if refused:
            raise CommandError(f"{refused:,} were left as they were. Run it again.")
