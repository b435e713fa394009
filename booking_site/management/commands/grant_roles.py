"""``manage.py grant_roles``: the roles of the database under which the site and the sealer work."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, transaction

from booking_site.postgres.grants import grant
from booking_site.postgres.roles import SEALER, SITE


class Command(BaseCommand):
    help = (
        "Let two roles of the database, which own nothing, do what the site and the sealer of the audit log must do, "
        "and no more. Run it as the owner of the tables after each migration. Makes a role that is not there yet, and "
        "sets the passwords in SITE_PASSWORD and SEALER_PASSWORD of the environment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", default=SITE, help="the role of the site (default: %(default)s)")
        parser.add_argument("--sealer", default=SEALER, help="the role of the sealer (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        given = {"SITE_PASSWORD": options["site"], "SEALER_PASSWORD": options["sealer"]}
        passwords = {role: os.environ[name] for name, role in given.items() if os.environ.get(name)}
        try:
            with transaction.atomic():
                grant(site=options["site"], sealer=options["sealer"], passwords=passwords)
        except ProgrammingError as error:
            raise CommandError(f"{error}\nConnect as the owner of the tables, who may make roles.") from error
        self.stdout.write(f"{options['site']} may serve the site, {options['sealer']} may seal the audit log.")
