import json
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from booking_site.api import signals
from booking_site.api.clients import issue_token, register
from booking_site.api.models import ApiClient
from booking_site.core.actor import command
from booking_site.core.errors import Invalid
from doctors.models import Department
from patients.models import Patient

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
        parser.add_argument(
            "--departments",
            nargs="+",
            default=[],
            metavar="DEPARTMENT",
            help="names, codes or ids: sees and touches nothing outside these",
        )
        parser.add_argument("--patient", type=uuid.UUID, help="the id of the only patient for whom it acts")
        parser.add_argument(
            "--may-act-for-patients", action="store_true", help="may ask for tokens for one patient each: a portal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["token_days"] <= 3650:
            raise CommandError("--token-days is a number of days, more than 0 and at most 3650.")
        if not 0 <= (options["requests_per_minute"] or 0) <= MOST_REQUESTS:
            raise CommandError(f"--requests-per-minute is a whole number, at most {MOST_REQUESTS}.")
        if not 1 <= len(options["name"]) <= LONGEST_NAME:
            raise CommandError(f"The name has 1 to {LONGEST_NAME} characters.")
        if options["patient"] and options["may_act_for_patients"]:
            raise CommandError("A client for one patient cannot act for others.")
        departments = [_department(name) for name in options["departments"]]
        try:
            with transaction.atomic():
                client, secret = register(
                    options["name"],
                    options["scopes"].split(),
                    options["requests_per_minute"],
                    departments=departments,
                    patient=_patient(options["patient"]),
                    may_act_for_patients=options["may_act_for_patients"],
                )
                token, expires = issue_token(client, days=options["token_days"])
                signals.client_registered.send(
                    sender=ApiClient, actor=command("create_client"), client=client, departments=departments
                )
        except Invalid as error:
            raise CommandError(error.detail) from error
        credentials = {
            "client_id": client.client_id,
            "client_secret": secret,
            "access_token": token,
            "expires_at": expires.isoformat(timespec="seconds"),
        }
        self.stdout.write(json.dumps(credentials, indent=2))


def _department(name: str) -> Department:
    """By its id, its code or its name."""
    try:
        found = Department.objects.filter(pk=uuid.UUID(name))
    except ValueError:
        found = Department.objects.filter(code=name) or Department.objects.filter(name__iexact=name)
    if (department := found.first()) is None:
        raise CommandError(f"There is no department {name}.")
    return department


def _patient(patient_id: uuid.UUID | None) -> Patient | None:
    if patient_id is None:
        return None
    patient = Patient.objects.filter(pk=patient_id).first()
    if patient is None:
        raise CommandError(f"There is no patient with the id {patient_id}.")
    return patient
