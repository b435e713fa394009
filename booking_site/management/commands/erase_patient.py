import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointments.erasing import erase
from booking_site.core.actor import command
from booking_site.core.errors import DomainError
from patients.models import ErasureReason


class Command(BaseCommand):
    help = "Erase all that tells who a patient is, for good. The appointments stay, of nobody, for the numbers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=uuid.UUID, metavar="ID", help="of the patient")
        parser.add_argument("--reason", required=True, choices=ErasureReason.values, help="why")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = erase(actor=command("erase_patient"), patient_id=options["id"], reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        if not done.counts:
            self.stdout.write("Had been erased before.")
            return
        self.stdout.write("Erased: " + ", ".join(f"{count:,} {name}" for name, count in done.counts.items()) + ".")
