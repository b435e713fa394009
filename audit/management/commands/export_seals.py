"""``manage.py export_seals``: seals for keeping elsewhere."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from audit import publishing
from audit.models import AuditSeal


class Command(BaseCommand):
    help = (
        "Write seals of the audit log, one on a line, for keeping where nobody who can change the database can change "
        "them. The newest one is enough: it holds all those before it. verify_audit --published checks against them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=int, metavar="NUMBER", help="all seals from this one on; without: the newest"
        )
        parser.add_argument("--file", type=Path, help="append to this file; without: print")
        parser.add_argument("--mail", metavar="ADDRESS", action="append", help="send by mail")

    def handle(self, *args: Any, **options: Any) -> None:
        seals = AuditSeal.objects.defer("members").order_by("number")
        since = options["since"]
        lines = publishing.lines(seals.reverse()[:1] if since is None else seals.filter(number__gte=since))
        if options["file"]:
            publishing.to_file(options["file"], lines)
        if options["mail"]:
            publishing.to_mail(options["mail"], lines)
        if options["file"] or options["mail"]:
            self.stdout.write(f"{len(lines)} seals.")
        else:
            self.stdout.writelines(lines)
