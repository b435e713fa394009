"""What the audit log tells of a record, for pages that may not know the log: they ask, and it answers."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model

from booking_site.core import signals


@dataclass(frozen=True, slots=True)
class Change:
    """``action``: dotted, such as ``patient.updated``; ``status``: ``success``, ``failure`` or ``denied``; ``fields``:
    the names of those that were there before and have changed."""

    moment: datetime
    who: str
    action: str
    status: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """All looks of one person on one day of the hospital. ``moment``: of the last; ``times``: how many."""

    moment: datetime
    who: str
    times: int


@dataclass(frozen=True, slots=True)
class Trail:
    """Newest first. Views are apart: however many there are, no change is lost among them."""

    changes: list[Change] = field(default_factory=list)
    views: list[View] = field(default_factory=list)


def trail_of(model: type[Model], keys: Collection[uuid.UUID], limit: int = 20) -> Trail:
    """Who changed and who saw these records of one kind, as many as ``limit`` of each. Empty where nothing keeps a
    log."""
    answers: list[Any] = signals.trail_wanted.send(sender=model, keys=keys, limit=limit)
    return next((answer for _, answer in answers), Trail())


def log_of(keys: Mapping[type[Model], Collection[uuid.UUID]]) -> list[dict[str, Any]]:
    """All rows of the log about these records, oldest first, as they are kept. Empty where nothing keeps a log."""
    answers: list[Any] = signals.log_wanted.send(sender=None, keys=keys)
    return [row for _, rows in answers for row in rows]
