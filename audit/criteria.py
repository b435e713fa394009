"""What is typed into the search box of the log: each word is an id, an action, an address, a person or a request.

Every word is looked for where an index leads to it. A request and an address have none: they are looked for within the
days that were chosen, and without a choice within ``DAYS``.
"""

import ipaddress
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from audit.looking import any_of, branches, keys_of
from audit.models import AuditLog
from booking_site.api.models import ApiClient

DAYS = 31
ACTION = re.compile(r"\A[a-z]+(\.[a-z_]+)+\Z")
OBJECT = re.compile(r"\A([a-z]+):(\S+)\Z")
OBJECTS = [
    *("appointment", "slot", "patient", "schedule", "closure", "doctor", "department", "visittype", "user", "group"),
    *("apiclient", "report"),
]
AROUND = timedelta(minutes=1), timedelta(hours=1)  # a request of ours, by the moment in its id, and its rows
MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Criterion:
    """``kind``: id, object, action, address, actor or request; ``needs_days``: no index leads there."""

    kind: str
    value: str
    where: Q
    needs_days: bool = False


def read(text: str) -> list[Criterion]:
    """The whole may be the name of an actor, which can have spaces; otherwise all words count."""
    text = text.replace("\x00", "").strip()
    whole = _actor(text) if " " in text else None
    return [whole] if whole is not None else [_read(word) for word in text.split()[:MOST_WORDS]]


def _read(word: str) -> Criterion:
    with suppress(ValueError):
        return _id(uuid.UUID(word), word)
    with suppress(ValueError):
        address = str(ipaddress.ip_address(word))
        return Criterion("address", address, Q(address=address), needs_days=True)
    if found := OBJECT.fullmatch(word):
        return Criterion("object", word, Q(object_type=found[1], object_id=found[2]))
    if ACTION.fullmatch(word):
        return Criterion("action", word, Q(action=word))
    return _actor(word) or Criterion("request", word, Q(request_id=word), needs_days=True)


def _id(key: uuid.UUID, word: str) -> Criterion:
    """Of a patient, with the records merged into theirs, of an appointment, of another object, or of a request of ours,
    whose id holds its moment."""
    where = [*branches(keys_of(key)), Q(appointment_id=key), Q(object_type__in=OBJECTS, object_id=str(key))]
    if key.version == 7:
        moment = datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
        before, after = AROUND
        with suppress(OverflowError):
            where.append(Q(request_id=word, timestamp__gte=moment - before, timestamp__lt=moment + after))
    return Criterion("id", str(key), any_of(where))


def _actor(text: str) -> Criterion | None:
    users = list(get_user_model().objects.filter(username__iexact=text).values_list("pk", flat=True))
    clients = list(ApiClient.objects.filter(name__iexact=text).values_list("client_id", flat=True))
    where = Q(user_kind="user", user_id__in=[str(key) for key in users]) | Q(user_kind="client", user_id__in=clients)
    if users or clients:
        return Criterion("actor", text, where)
    if AuditLog.objects.filter(user_id=text).exists():  # a command, a client, a user by the key
        return Criterion("actor", text, Q(user_id=text))
    return None


def kept(found: list[Criterion]) -> dict[str, Any]:
    """What was looked for, as the log may keep it: a word that was none of these may be anything."""
    return {one.kind: one.value for one in found if one.kind != "request"}
