"""Seals leave the database, so that one copy is where nobody who can rewrite the database can reach: a file, the log of
the site, mail. Each is the JSON of ``sealing.published`` on one line."""

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.core.mail import send_mail

from audit import sealing
from audit.models import AuditSeal

logger = logging.getLogger("audit.seals")


def lines(seals: Iterable[AuditSeal]) -> list[str]:
    log_id = sealing.log_id()
    return [json.dumps(sealing.published(seal, log_id), sort_keys=True) for seal in seals]


def to_file(path: Path, lines: list[str]) -> None:
    """Append, and return when it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def to_log(lines: list[str]) -> None:
    for line in lines:
        logger.info("%s", line)


def to_mail(addresses: list[str], lines: list[str]) -> None:
    body = "Seals of the audit log. Keep this message: verify_audit --published checks the log against it.\n\n"
    send_mail("Seals of the audit log", body + "\n".join(lines), settings.DEFAULT_FROM_EMAIL, addresses)
