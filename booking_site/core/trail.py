"""What the audit log tells of a record, for pages that may not know the log: they ask, and it answers."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from booking_site.core import signals


@dataclass(frozen=True, slots=True)
class Entry:
    """``action``: dotted, such as ``patient.viewed``; ``status``: ``success``, ``failure`` or ``denied``."""

    moment: datetime
    who: str
    action: str
    status: str


def trail_of(model: type[Model], keys: Collection[uuid.UUID], limit: int = 20) -> list[Entry]:
    """Who did what with these records of one kind, newest first. Empty where nothing keeps a log."""
    answers: list[Any] = signals.trail_wanted.send(sender=model, keys=keys, limit=limit)
    entries: list[Entry] = [entry for _, answer in answers for entry in answer]
    return sorted(entries, key=lambda entry: entry.moment, reverse=True)[:limit]
