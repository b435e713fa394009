"""Is the log what was sealed? Every row that was changed, removed or put in between is named, and every seal.

The seals are checked first, in their order: numbers, ranges, digests, the chain, the signatures, and those that were
kept elsewhere. Then the rows against the seals, some hundreds of seals in one statement; only where these differ are
rows looked at one by one. Last, what no seal can tell: that the guards are on, that what is older than an hour is
sealed, and that appointments and the log tell of the same.
"""

import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from audit import sealing
from audit.models import AuditEpoch, AuditSeal
from audit.reconciliation import CHECKS

CHUNK = 500  # seals looked at in one statement
UNSEALED_FOR = timedelta(hours=1)  # a sealer that is alive is seconds behind

GUARDS = {
    "audit_logs": ("audit_logs_append_only", "audit_logs_no_truncate", "audit_logs_stamp"),
    "audit_seals": ("audit_seals_append_only", "audit_seals_no_truncate"),
    "audit_epochs": ("audit_epochs_append_only", "audit_epochs_no_truncate"),
    "patients": ("audit_backstop",),
    "available_slots": ("audit_backstop",),
    "appointments": ("audit_backstop",),
}
OFF = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled NOT IN ('O', 'A') AND NOT tgisinternal"
ON = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal"

ROWS_OF_SEALS = f"""
SELECT seal.number, found.rows, found.root FROM audit_seals AS seal CROSS JOIN LATERAL (
    SELECT count(*) AS rows, encode(pg_catalog.sha256(coalesce({sealing.MEMBERS}, ''::bytea)), 'hex') AS root
    FROM audit_logs WHERE audit_logs.epoch = seal.epoch AND xid >= seal.xid_from AND xid < seal.xid_to
) AS found
WHERE seal.number >= %s AND seal.number < %s AND seal.kind = 'rows' ORDER BY seal.number
"""
ROWS_OF_SEAL = f"SELECT id, {sealing.HASH} FROM audit_logs WHERE epoch = %s AND xid >= %s AND xid < %s"
SEALS = """
SELECT number, kind, epoch, xid_from, xid_to, rows, root, previous, sealed_at, details, digest, key_id, mac,
    encode(pg_catalog.sha256(members), 'hex'), octet_length(members)
FROM audit_seals WHERE number > %s ORDER BY number LIMIT %s
"""
# Stamps that the database has not given: of epochs that never were, or of transactions that have not begun yet (the
# present one is never in its own snapshot).
NEVER_STAMPED = """
SELECT id, epoch, xid FROM audit_logs
WHERE epoch < 1 OR epoch > %(epoch)s OR xid < 1
    OR epoch = %(epoch)s AND xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        AND xid IS DISTINCT FROM pg_current_xact_id_if_assigned()::text::bigint
"""
# Rows of an epoch that has ended, after its last seal, though a later epoch is sealed.
LATE = "SELECT id FROM audit_logs WHERE epoch = %s AND xid >= %s"


@dataclass(slots=True)
class Report:
    """What has been looked at."""

    seals: int = 0
    rows: int = 0
    archived: int = 0
    unsealed: int = 0


def findings(
    report: Report, kept: Iterable[dict[str, Any]] = (), progress: Callable[[int], Any] = int
) -> Iterator[str]:
    """A line for each finding. ``kept``: seals as ``sealing.published`` says them. ``progress`` is called with rows."""
    yield from _guards()
    log_id = sealing.log_id()
    elsewhere: dict[int, list[dict[str, Any]]] = {}
    for said in kept:
        elsewhere.setdefault(said["number"], []).append(said)
    archives: list[dict[str, Any]] = []
    ends: dict[int, int] = {}  # epoch: where its seals end
    last: AuditSeal | None = None
    while seals := _seals(last.number if last else 0):
        for seal, actual_root, size in seals:
            yield from _seal(seal, last, log_id, actual_root, size, elsewhere.pop(seal.number, []))
            if seal.kind == AuditSeal.Kind.ARCHIVE:
                archives.append(seal.details)
            ends[seal.epoch] = seal.xid_to
            last = seal
            report.seals += 1
    for number in sorted(elsewhere):
        yield f"seal {number}, which is kept elsewhere, is missing: the end of the log has been cut off"
    if last is not None:
        yield from check_rows(archives, report, progress)
    yield from _outside(ends)
    yield from _unsealed(report)
    for check in CHECKS:
        for (text,) in _select(check.query):
            yield f"{check.name}: {text}"


def _seals(after: int) -> list[tuple[AuditSeal, str, int]]:
    names = (
        *("number", "kind", "epoch", "xid_from", "xid_to", "rows", "root", "previous", "sealed_at", "details"),
        *("digest", "key_id", "mac"),
    )
    rows = _select(SEALS, [after, CHUNK])
    return [
        (AuditSeal(**dict(zip(names, row, strict=False)) | {"details": _json(row[9])}), row[-2], row[-1])
        for row in rows
    ]


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _seal(
    seal: AuditSeal, last: AuditSeal | None, log_id: UUID, actual_root: str, size: int, elsewhere: list[dict[str, Any]]
) -> Iterator[str]:
    name = f"seal {seal.number}"
    following = 1 if last is None else last.number + 1
    if seal.number != following:
        missing = f"{following}" if seal.number == following + 1 else f"{following} to {seal.number - 1}"
        yield f"seal {missing} is missing"
    elif seal.previous != (sealing.BEGINNING if last is None else last.digest):
        yield f"{name} does not follow the seal before it: one of them has been changed"
    if seal.digest != sealing.digest_of(seal, log_id):
        yield f"{name} has been changed"
    key = next((key for key in sealing.signing_keys() if key.id == seal.key_id), None)
    if key is None:
        yield f"{name} is signed with another key than AUDIT_KEY and AUDIT_KEY_FALLBACKS"
    elif not hmac.compare_digest(key.sign(seal.digest), seal.mac):
        yield f"{name} is not signed with the key that it names"
    if seal.root != actual_root or size != seal.rows * sealing.MEMBER * (seal.kind == AuditSeal.Kind.ROWS):
        yield f"{name}: its list of rows has been changed"
    same_epoch = last is not None and last.epoch == seal.epoch
    if seal.number == following and seal.xid_from != (last.xid_to if last is not None and same_epoch else 0):
        yield f"{name} does not begin where the seal before it ends"
    published = json.loads(json.dumps(sealing.published(seal, log_id)))
    if any(each != published for each in elsewhere):
        yield f"{name} is not the one that is kept elsewhere"


def check_rows(archives: list[dict[str, Any]], report: Report, progress: Callable[[int], Any] = int) -> Iterator[str]:
    """Rows against their seals, but for those that an archive has."""
    newest = AuditSeal.objects.aggregate(newest=Max("number"))["newest"]
    for first in range(1, newest + 1, CHUNK):
        end = min(first + CHUNK, newest + 1)
        said = dict(AuditSeal.objects.filter(number__gte=first, number__lt=end).values_list("number", "root"))
        for number, rows, root in _select(ROWS_OF_SEALS, [first, end]):
            if root != said.get(number):
                yield from _differences(number, archives, report)
            report.rows += rows
            progress(rows)


def _differences(number: int, archives: list[dict[str, Any]], report: Report) -> Iterator[str]:
    seal = AuditSeal.objects.get(number=number)
    sealed = sealing.members_of(seal)
    found = dict(_select(ROWS_OF_SEAL, [seal.epoch, seal.xid_from, seal.xid_to]))
    for key, digest in sealed.items():
        if key not in found:
            if any(UUID(each["first_id"]) <= key < UUID(each["end_id"]) for each in archives):
                report.archived += 1
            else:
                yield f"row {key} of seal {number} has been removed"
        elif bytes(found[key]) != digest:
            yield f"row {key} of seal {number} has been changed"
    for key in found.keys() - sealed.keys():
        yield f"row {key} has been inserted among those of seal {number}"


def _outside(ends: dict[int, int]) -> Iterator[str]:
    current = AuditEpoch.objects.latest("number").number
    for key, epoch, xid in _select(NEVER_STAMPED, {"epoch": current}):
        yield f"row {key} has been inserted with a forged stamp (epoch {epoch}, transaction {xid})"
    for epoch, end in ends.items():
        if epoch < max(ends):
            for (key,) in _select(LATE, [epoch, end]):
                yield f"row {key} has been inserted after the end of epoch {epoch}"


def _guards() -> Iterator[str]:
    on = set(_select(ON))
    for table, triggers in GUARDS.items():
        for trigger in triggers:
            if (table, trigger) not in on:
                yield f"the trigger {trigger} of {table} is missing or switched off"
    for table, trigger in _select(OFF):
        if table.startswith("audit_logs_") and trigger.startswith("audit_logs"):
            yield f"the trigger {trigger} of {table} is switched off"


def _unsealed(report: Report) -> Iterator[str]:
    report.unsealed, oldest = sealing.unsealed()
    if oldest is not None and oldest < timezone.now() - UNSEALED_FOR:
        yield f"{report.unsealed} rows are not sealed, the oldest since {oldest:%Y-%m-%d %H:%M} UTC: is the sealer on?"


def read_published(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Seals in files of JSON lines. Raises ValueError for a line that is none."""
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    seal = json.loads(line)
                    seal["number"], seal["log"], seal["digest"]
                except (ValueError, TypeError, KeyError) as error:
                    raise ValueError(f"{path}, line {number}: not a seal") from error
                yield seal


def _select(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
