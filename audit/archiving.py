"""Putting whole months of the log away: checked, written to a file that proves itself, then dropped, and told of.

The file is gzipped JSON lines: one about the partition, one for each seal that has rows of it (as ``sealing.published``
says it, with ``members`` in hex), then one for each row, as ``sealing.LINE`` makes it. The hash of a row's line is in
``members``, the hash of which is in the seal, the signature of which is checked with the key: no database is needed.
"""

import gzip
import hashlib
import hmac
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit import sealing
from audit.models import AuditLog, AuditSeal
from audit.receivers import write
from booking_site.core.actor import Actor

PARTITIONS = """
SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'audit_logs'::regclass AND child.relname ~ '^audit_logs_[0-9]{4}_[0-9]{2}$' ORDER BY 1
"""
FETCHED = 2000  # rows at a time
# What reading a file raises that somebody has written into, or that is none of ours.
UNREADABLE = (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError, StopIteration)


class NotArchived(Exception):
    """The month stays where it is. The message says why."""


@dataclass(frozen=True, slots=True)
class Month:
    first: date
    end: date  # the first day after it

    @property
    def partition(self) -> str:
        return f"audit_logs_{self.first:%Y_%m}"

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """All ids of the partition are at or above the first, and below the second."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_first_id(%s), audit_first_id(%s)", [self.first, self.end])
            return cursor.fetchone()


def months_before(day: date) -> list[Month]:
    """Months that have a partition and end on or before ``day``, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS)
        names = [name for (name,) in cursor.fetchall()]
    months = [_month(int(name[11:15]), int(name[16:18])) for name in names]
    return [month for month in months if month.end <= day]


def _month(year: int, month: int) -> Month:
    return Month(date(year, month, 1), date(year + month // 12, month % 12 + 1, 1))


def archive(*, actor: Actor, month: Month, folder: Path, progress: Callable[[int], Any] = int) -> tuple[Path, int]:
    """Write the month into a file in ``folder``, drop its partition, and seal that it was dropped. Returns the file and
    the number of rows. Raises NotArchived, and then nothing has been dropped."""
    for _seal in sealing.seal_all():
        pass
    path = folder / f"{month.partition}.jsonl.gz"
    folder.mkdir(parents=True, exist_ok=True)
    with transaction.atomic():
        if not sealing.alone():
            raise NotArchived("Another process is sealing the log. Stop it, or try again.")
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {month.partition} IN SHARE MODE")  # no row comes in after the file is written
        rows = _write(path, month, progress)
        digest = _digest(path)
        last = AuditSeal.objects.defer("members").latest("number")
        first_id, end_id = month.ids
        details = {
            "partition": month.partition,
            "first_id": str(first_id),
            "end_id": str(end_id),
            "until": f"{month.end}T00:00:00+00:00",
            "rows": rows,
            "file": path.name,
            "sha256": digest,
        }
        sealing.write_seal(
            last,
            epoch=last.epoch,
            xid_from=last.xid_to,
            xid_to=last.xid_to,
            kind=AuditSeal.Kind.ARCHIVE,
            details=details,
        )
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE audit_logs DETACH PARTITION {month.partition}")
            cursor.execute(f"DROP TABLE {month.partition}")
        write(actor=actor, action="audit.archived", object_type="auditlog", object_id=path.name, details=details)
    return path, rows


def _write(path: Path, month: Month, progress: Callable[[int], Any]) -> int:
    """Every row is checked against its seal on the way. The file is there complete, on the disk, or not at all."""
    first_id, end_id = month.ids
    draft = path.with_suffix(".draft")
    hashes: dict[UUID, bytes] = {}
    rows = 0
    try:
        with gzip.open(draft, "wt", encoding="utf-8") as file:
            head = {"log": str(sealing.log_id()), "partition": month.partition, "columns": sealing.COLUMNS}
            file.write(json.dumps(head) + "\n")
            for seal in _seals_with(month):
                members = sealing.members_of(seal)
                hashes |= {key: digest for key, digest in members.items() if first_id <= key < end_id}
                said = sealing.published(seal, sealing.log_id()) | {"members": bytes(seal.members).hex()}
                file.write(json.dumps(said) + "\n")
            for key, line in _lines(month):
                if hashes.pop(key, None) != hashlib.sha256(line.encode()).digest():
                    raise NotArchived(f"Row {key} is not as it was sealed, or not sealed yet. See verify_audit.")
                file.write(line + "\n")
                rows += 1
                progress(1)
        if hashes:
            raise NotArchived(f"{len(hashes)} sealed rows of {month.partition} are not there. See verify_audit.")
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    return rows


def _seals_with(month: Month) -> Iterator[AuditSeal]:
    spans = (
        AuditLog.objects.filter(id__gte=month.ids[0], id__lt=month.ids[1])
        .order_by()
        .values_list("epoch", "xid")
        .distinct()
    )
    numbers: set[int] = set()
    for epoch, xid in spans.iterator():
        found = AuditSeal.objects.filter(kind="rows", epoch=epoch, xid_from__lte=xid, xid_to__gt=xid)
        numbers.update(found.values_list("number", flat=True))
    for number in sorted(numbers):
        yield AuditSeal.objects.get(number=number)


def _lines(month: Month) -> Iterator[tuple[UUID, str]]:
    name = f"archive_{month.partition}"
    with connection.cursor() as cursor:
        select = f"SELECT id, {sealing.LINE} FROM {month.partition} AS audit_logs ORDER BY epoch, xid, seq"
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {select}")
        while True:
            cursor.execute(f"FETCH {FETCHED} FROM {name}")
            rows = cursor.fetchall()
            if not rows:
                break
            yield from rows
        cursor.execute(f"CLOSE {name}")


def findings(path: Path) -> Iterator[str]:
    """What is wrong with a file that ``archive`` wrote. Only that it is the very file, a seal of the log must say; all
    else the file and the key do."""
    signed: dict[UUID, bytes] = {}
    keys = {key.id: key for key in sealing.signing_keys()}
    try:
        known = AuditSeal.objects.filter(kind=AuditSeal.Kind.ARCHIVE, details__sha256=_digest(path)).exists()
        with gzip.open(path, "rt", encoding="utf-8") as file:
            head = json.loads(next(file))
            month = _month(int(head["partition"][11:15]), int(head["partition"][16:18]))
            for line in file:
                read = json.loads(line)
                if isinstance(read, dict):
                    yield from _seal_findings(read, head["log"], keys, signed)
                elif signed.pop(UUID(read[0]), None) != hashlib.sha256(line.rstrip("\n").encode()).digest():
                    yield f"{path.name}: row {read[0]} is not as it was sealed"
    except UNREADABLE as error:
        yield f"{path.name}: cannot be read to its end ({type(error).__name__})"
        return
    if not known:
        yield f"{path.name}: no seal of the log tells of this file"
    first_id, end_id = month.ids
    for key in signed:
        if first_id <= key < end_id:
            yield f"{path.name}: row {key} has been removed"


def _seal_findings(
    said: dict[str, Any], log: str, keys: dict[str, sealing.Key], signed: dict[UUID, bytes]
) -> Iterator[str]:
    name = f"seal {said['number']} in the file"
    members = bytes.fromhex(said.pop("members"))
    signature = {field: said.pop(field) for field in ("digest", "key_id", "mac")}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    key = keys.get(signature["key_id"])
    if hashlib.sha256(text.encode()).hexdigest() != signature["digest"] or said["log"] != log:
        yield f"{name} has been changed"
    elif key is None:
        yield f"{name} is signed with another key than AUDIT_KEY and AUDIT_KEY_FALLBACKS"
    elif not hmac.compare_digest(key.sign(signature["digest"]), signature["mac"]):
        yield f"{name} is not signed with the key that it names"
    if hashlib.sha256(members).hexdigest() != said["root"]:
        yield f"{name}: its list of rows has been changed"
    size = sealing.MEMBER
    for at in range(0, len(members), size):
        signed[UUID(bytes=members[at : at + 16])] = members[at + 16 : at + size]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
