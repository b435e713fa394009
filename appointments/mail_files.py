"""Mail that was written to files (EMAIL_URL with ``filemail``), as a local installation does: found and deleted by whom
it went to, or by age. A mail server keeps its own."""

import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from email import message_from_binary_file
from email.policy import default
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from django.conf import settings

from patients.models import Patient, PatientMerge


def addresses_of(records: Collection[uuid.UUID]) -> set[str]:
    """E-mail addresses of these records of one patient, and those that a merge of two of them has replaced."""
    merges = PatientMerge.objects.filter(survivor__in=records, undone_at__isnull=True).values_list("changed", flat=True)
    replaced = {address for changed in merges for fields in changed.values() for address in fields.get("email", ())}
    return {*Patient.objects.filter(pk__in=records).values_list("email", flat=True), *replaced} - {"", None}


def files_to(addresses: Collection[str]) -> Iterator[tuple[Path, Any]]:
    """The files of mail to one of these addresses, each with the message."""
    wanted = {address.casefold() for address in addresses if address}
    for path in _files() if wanted else ():
        with path.open("rb") as file:
            message = message_from_binary_file(file, policy=default)
        if wanted & {address.casefold() for _name, address in getaddresses(message.get_all("To", []))}:
            yield path, message


def delete_to(addresses: Collection[str]) -> int:
    return _delete(path for path, _message in files_to(addresses))


def delete_older_than(moment: datetime, *, dry_run: bool = False) -> int:
    old = [path for path in _files() if path.stat().st_mtime < moment.timestamp()]
    return len(old) if dry_run else _delete(iter(old))


def _files() -> list[Path]:
    folder = Path(settings.EMAIL_FILE_PATH)
    return sorted(folder.glob("*.log")) if folder.is_dir() else []


def _delete(paths: Iterator[Path]) -> int:
    count = 0
    for path in paths:
        path.unlink(missing_ok=True)
        count += 1
    return count
