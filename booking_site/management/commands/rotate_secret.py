import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from booking_site.api.clients import rotate_secret
from booking_site.api.models import ApiClient
from booking_site.core.actor import command
from booking_site.core.errors import Invalid

MOST_HOURS = 24 * 90


class Command(BaseCommand):
    help = "Give an API client a new secret and print it as JSON. It is shown only now. Its tokens stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id")
        parser.add_argument(
            "--overlap-hours",
            type=float,
            default=24,
            help="hours for which the old secret is good too; 0 when it may be in the wrong hands",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["overlap_hours"] <= MOST_HOURS:
            raise CommandError(f"--overlap-hours is a number of hours, from 0 to {MOST_HOURS}.")
        client = ApiClient.objects.filter(client_id=options["client_id"]).first()
        if client is None:
            raise CommandError(f"There is no API client with the id {options['client_id']}.")
        try:
            secret, until = rotate_secret(
                actor=command("rotate_secret"), client=client, overlap=timedelta(hours=options["overlap_hours"])
            )
        except Invalid as error:
            raise CommandError(error.detail) from error
        told = {
            "client_id": client.client_id,
            "client_secret": secret,
            "old_secret_until": until.isoformat(timespec="seconds") if until else None,
        }
        self.stdout.write(json.dumps(told, indent=2))
