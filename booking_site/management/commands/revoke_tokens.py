from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from booking_site.api.clients import revoke_tokens
from booking_site.api.models import ApiClient
from booking_site.core.actor import command


class Command(BaseCommand):
    help = "End all tokens of an API client at once. With a good secret it can get new ones: see rotate_secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id")

    def handle(self, *args: Any, **options: Any) -> None:
        client = ApiClient.objects.filter(client_id=options["client_id"]).first()
        if client is None:
            raise CommandError(f"There is no API client with the id {options['client_id']}.")
        count = revoke_tokens(actor=command("revoke_tokens"), client=client)
        self.stdout.write(f"Tokens of {client} that ended: {count}.")
