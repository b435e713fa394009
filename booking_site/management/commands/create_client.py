import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from booking_site.api.clients import issue_token, register
from booking_site.core.errors import Invalid

MOST_REQUESTS = 1_000_000
LONGEST_NAME = 200  # as much as an audit row holds


class Command(BaseCommand):
    help = "Register an API client and print its credentials as JSON. The secret and the token are shown only now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the client is called, in audit rows too")
        parser.add_argument("--scopes", required=True, help="separated by spaces, such as 'slots:read slots:hold'")
        parser.add_argument("--token-days", type=float, default=30, help="days until the access token expires")
        parser.add_argument(
            "--requests-per-minute", type=int, help="a limit of its own (0: none) instead of API_REQUESTS_PER_MINUTE"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["token_days"] <= 3650:
            raise CommandError("--token-days is a number of days, more than 0 and at most 3650.")
        if not 0 <= (options["requests_per_minute"] or 0) <= MOST_REQUESTS:
            raise CommandError(f"--requests-per-minute is a whole number, at most {MOST_REQUESTS}.")
        if not 1 <= len(options["name"]) <= LONGEST_NAME:
            raise CommandError(f"The name has 1 to {LONGEST_NAME} characters.")
        try:
            with transaction.atomic():
                client, secret = register(options["name"], options["scopes"].split(), options["requests_per_minute"])
                token, expires = issue_token(client, days=options["token_days"])
        except Invalid as error:
            raise CommandError(error.detail) from error
        credentials = {
            "client_id": client.client_id,
            "client_secret": secret,
            "access_token": token,
            "expires_at": expires.isoformat(timespec="seconds"),
        }
        self.stdout.write(json.dumps(credentials, indent=2))
