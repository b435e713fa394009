"""``manage.py seal_audit``: the sealer."""

import logging
import os
import signal
import threading
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.utils import timezone

from audit import publishing, sealing
from audit.apps import AuditConfig
from audit.models import AuditSeal

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Seal the audit log, behind those who write it: once, or every few seconds until it is stopped. Of several "
        "sealers one works, the others wait."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="go on, with so long a rest in between")
        parser.add_argument("--with-parent", type=int, metavar="PID", help="end when the process that started it ends")
        parser.add_argument("--new-epoch", metavar="BECAUSE", help="begin a new epoch, after a restore by hand")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_epoch"]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT audit_begin_epoch(%s, TRUE)", [options["new_epoch"][:200]])
        if options["every"] is None:
            prepare()
            seals, rows = seal_and_publish()
            self.stdout.write(f"{rows} rows in {seals} new seals.")
        else:
            self._keep_sealing(options["every"], options["with_parent"])

    def _keep_sealing(self, every: float, parent: int | None) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        prepared_on: date | None = None
        mailed_on = timezone.now().date()
        trouble = False
        while not stop.is_set() and parent in (None, os.getppid()):
            try:
                today = timezone.now().date()
                if prepared_on != today:
                    prepare()
                    prepared_on = today
                seal_and_publish()
                if mailed_on != today:
                    mail_latest()
                    mailed_on = today
                trouble = False
            except (DatabaseError, OSError):
                connection.close()
                if not trouble:  # once, not every two seconds while the database is away
                    logger.exception("The audit log could not be sealed; trying again every %s s", every)
                trouble = True
            stop.wait(every)


def prepare() -> None:
    """What is due now and then: an epoch for a cluster that is new, partitions for the months to come."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_begin_epoch('The database has moved to another cluster.')")
        cursor.execute("SELECT audit_make_partitions(%s)", [AuditConfig.months_ahead])


def seal_and_publish() -> tuple[int, int]:
    """How many seals were made, over how many rows."""
    seals = rows = 0
    for seal in sealing.seal_all():
        lines = publishing.lines([seal])
        if settings.AUDIT_SEALS_FILE is not None:
            publishing.to_file(settings.AUDIT_SEALS_FILE, lines)
        publishing.to_log(lines)
        seals, rows = seals + 1, rows + seal.rows
    return seals, rows


def mail_latest() -> None:
    """Once a day, the newest seal: it holds all those before it."""
    latest = AuditSeal.objects.defer("members").order_by("-number").first()
    if settings.AUDIT_SEALS_EMAIL and latest is not None:
        publishing.to_mail(settings.AUDIT_SEALS_EMAIL, publishing.lines([latest]))
