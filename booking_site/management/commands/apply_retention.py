from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from tqdm import tqdm

from appointments import mail_files
from appointments.retention import batches, forget, overdue, periods
from booking_site.core import signals
from booking_site.core.actor import command


class Command(BaseCommand):
    help = (
        "Erase what has been kept long enough: records of patients (RETENTION_PATIENT_YEARS, RETENTION_UNSEEN_YEARS), "
        "mail in files (RETENTION_MAIL_DAYS), and what clear_expired deletes. Run it daily or weekly; a run that was "
        "stopped goes on with the next."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        old_mail = now - timedelta(days=settings.RETENTION_MAIL_DAYS)
        found = overdue(now).count()
        if options["dry_run"]:
            mail = mail_files.delete_older_than(old_mail, dry_run=True)
            self.stdout.write(
                f"Dry run, nothing was changed: {found:,} patients would be erased and {mail:,} mails deleted."
            )
            return
        actor = command("apply_retention")
        counts = {"patients": 0, "left": 0, "mails": mail_files.delete_older_than(old_mail)}
        with tqdm(total=found, desc="Patients", unit=" records", disable=None, leave=False) as bar:
            for keys in batches(overdue(now)):
                for key in keys:
                    counts["patients" if forget(actor=actor, patient_id=key) else "left"] += 1
                    bar.update()
        call_command("clear_expired", stdout=self.stdout)
        with transaction.atomic():
            signals.retention_applied.send(sender=None, actor=actor, periods=periods(), counts=counts)
        self.stdout.write(f"Erased {counts['patients']:,} patients of {found:,}, deleted {counts['mails']:,} mails.")
        if counts["left"]:
            raise CommandError(f"{counts['left']:,} were left as they were. Run it again.")
