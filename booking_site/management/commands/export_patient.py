import os
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointments.exporting import export
from booking_site.core.actor import command
from booking_site.core.errors import DomainError


class Command(BaseCommand):
    help = "Write all that is kept on a patient into a file that only you can read, as JSON (docs/patient-export.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=uuid.UUID, metavar="ID", help="of the patient")
        parser.add_argument("--output", required=True, metavar="FILE", help="a new file")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["output"]
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from error
        with os.fdopen(descriptor, "wb") as file:
            try:
                document = export(actor=command("export_patient"), patient_id=options["id"])
            except DomainError as error:
                os.unlink(path)
                raise CommandError(error.detail) from error
            file.write(document)
        self.stdout.write(f"Wrote {len(document):,} bytes to {path}.")
