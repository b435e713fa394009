"""Sealing the log: hashes of its rows, in batches behind the writers, chained and signed.

Writers wait for nobody: a row is a plain INSERT that the database stamps with its transaction id. A seal takes all rows
of the transactions that have ended since the seal before, in the order of (xid, seq). A transaction older than the
oldest one still running has ended, so no row can come late into a range that is sealed.

What a seal says, as JSON with sorted keys, gives its ``digest`` (SHA-256); that of the seal before is in it. The
``mac`` is an HMAC-SHA-256 of the digest under AUDIT_KEY, which the database does not have. A seal that is kept
elsewhere (``published``) holds the whole log up to it, without the key too.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audit.models import AuditEpoch, AuditSeal

BATCH = 20_000  # rows of a seal, at least one transaction
MEMBER = 16 + 32  # bytes of a row in ``members``: its id, its hash
LOCK = 7_236_871_124  # of the one sealer at a time; any number that nothing else uses
BEGINNING = "0" * 64  # ``previous`` of the first seal

# A row as a line of JSON, moments in UTC (the zone of our connections): what is hashed, and what is archived.
# Functions of pg_catalog, whatever else goes by their names.
COLUMNS = (
    *("id", "seq", "epoch", "xid", "timestamp", "action", "status", "user_id", "user_kind", "user_name"),
    *("on_behalf_of", "appointment_id", "patient_id", "patient_ids", "object_type", "object_id", "request_id"),
    *("address", "details"),
)
LINE = f"pg_catalog.json_build_array({', '.join(COLUMNS)})::text"
HASH = f"pg_catalog.sha256(pg_catalog.convert_to({LINE}, 'UTF8'))"
MEMBERS = f"pg_catalog.string_agg(pg_catalog.uuid_send(id) || {HASH}, ''::bytea ORDER BY xid, seq)"

HORIZON = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint"
# The transaction with which the batch is full: a seal ends before the next one.
FULL = """
SELECT xid FROM audit_logs WHERE epoch = %s AND xid >= %s AND xid < %s ORDER BY xid, seq OFFSET %s LIMIT 1
"""
TAKE = f"SELECT count(*), {MEMBERS} FROM audit_logs WHERE epoch = %s AND xid >= %s AND xid < %s"


@dataclass(frozen=True, slots=True)
class Key:
    """``id`` tells keys apart, and nothing of them."""

    id: str
    secret: bytes

    @classmethod
    def of(cls, text: str) -> "Key":
        secret = text.encode()
        return cls(hashlib.sha256(b"audit key id" + secret).hexdigest()[:16], secret)

    def sign(self, digest: str) -> str:
        return hmac.new(self.secret, digest.encode(), hashlib.sha256).hexdigest()


def signing_keys() -> list[Key]:
    """The first one signs, the others have signed before."""
    return [Key.of(text) for text in (settings.AUDIT_KEY, *settings.AUDIT_KEY_FALLBACKS)]


def published(seal: AuditSeal, log_id: UUID) -> dict[str, Any]:
    """What a seal says, all of which its digest covers, and its signature."""
    return said(seal, log_id) | {"digest": seal.digest, "key_id": seal.key_id, "mac": seal.mac}


def said(seal: AuditSeal, log_id: UUID) -> dict[str, Any]:
    names = ("number", "kind", "epoch", "xid_from", "xid_to", "rows", "root", "previous", "details")
    return {
        "log": str(log_id),
        "sealed_at": seal.sealed_at.astimezone(UTC).isoformat(),
        **{name: getattr(seal, name) for name in names},
    }


def digest_of(seal: AuditSeal, log_id: UUID) -> str:
    text = json.dumps(said(seal, log_id), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def log_id() -> UUID:
    return AuditEpoch.objects.values_list("log_id", flat=True).latest("number")


def seal_all() -> Iterator[AuditSeal]:
    """Seals, each in a transaction of its own, until nothing is left to be sealed. None while somebody else seals."""
    while (seal := seal_next()) is not None:
        yield seal


def seal_next() -> AuditSeal | None:
    with transaction.atomic():
        if not alone():
            return None
        last = AuditSeal.objects.defer("members").order_by("-number").first()
        for epoch, first, end in _ranges(last):
            full = _one(FULL, [epoch, first, end, BATCH])
            for until in (end,) if full is None else (full, full + 1):  # a transaction may fill a batch by itself
                rows, members = _row(TAKE, [epoch, first, until])
                if rows:
                    return write_seal(last, epoch=epoch, xid_from=first, xid_to=until, rows=rows, members=members)
    return None


def alone() -> bool:
    """Whether this transaction is the one that may seal now."""
    return bool(_one("SELECT pg_try_advisory_xact_lock(%s)", [LOCK]))


def _ranges(last: AuditSeal | None) -> Iterator[tuple[int, int, int]]:
    """What is still open, as (epoch, first xid, end): the rest of epochs that have ended, then the current one."""
    end = horizon()
    current = AuditEpoch.objects.latest("number").number
    epoch, first = (last.epoch, last.xid_to) if last is not None else (1, 0)
    while epoch < current:
        highest = _one("SELECT max(xid) FROM audit_logs WHERE epoch = %s", [epoch])
        yield epoch, first, (highest or 0) + 1
        epoch, first = epoch + 1, 0
    yield current, first, end


def horizon() -> int:
    """All transactions below it have ended."""
    return _one(HORIZON)


def write_seal(
    last: AuditSeal | None,
    *,
    epoch: int,
    xid_from: int,
    xid_to: int,
    kind: str = AuditSeal.Kind.ROWS,
    rows: int = 0,
    members: bytes = b"",
    details: dict[str, Any] | None = None,
) -> AuditSeal:
    """Add the seal that follows ``last``. Only who is ``alone`` may call it."""
    key = signing_keys()[0]
    seal = AuditSeal(
        number=1 if last is None else last.number + 1,
        kind=kind,
        epoch=epoch,
        xid_from=xid_from,
        xid_to=xid_to,
        rows=rows,
        members=members,
        root=hashlib.sha256(members).hexdigest(),
        previous=BEGINNING if last is None else last.digest,
        sealed_at=timezone.now(),
        details=details or {},
        key_id=key.id,
    )
    seal.digest = digest_of(seal, log_id())
    seal.mac = key.sign(seal.digest)
    seal.save(force_insert=True)
    return seal


def members_of(seal: AuditSeal) -> dict[UUID, bytes]:
    """By id, the hash that each row had when it was sealed."""
    data = bytes(seal.members)
    return {UUID(bytes=data[at : at + 16]): data[at + 16 : at + MEMBER] for at in range(0, len(data), MEMBER)}


def _row(sql: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone() or (None,)


def _one(sql: str, parameters: list[Any] | None = None) -> Any:
    return _row(sql, parameters)[0]


def unsealed() -> tuple[int, datetime | None]:
    """How many rows no seal covers yet, and when the first of them was written."""
    last = AuditSeal.objects.defer("members").order_by("-number").first()
    epoch, end = (last.epoch, last.xid_to) if last is not None else (0, 0)
    # Not (epoch, xid) >= ...: of that the planner expects a third of all rows, and reads them all.
    beyond = "epoch = %s AND xid >= %s OR epoch > %s"
    count, oldest = _row(f"SELECT count(*), min(timestamp) FROM audit_logs WHERE {beyond}", [epoch, end, epoch])
    return count, oldest
