"""Answering a repeated request once: the key is written in the transaction of what it made."""

import uuid
from dataclasses import dataclass

from django.utils.translation import gettext as _

from booking_site.core.errors import KeyReused
from booking_site.core.sql import planned

TAKE = """
INSERT INTO idempotency_keys (client, key, fingerprint, created_at, last_used_at) VALUES (%s, %s, %s, now(), now())
ON CONFLICT (client, key) DO UPDATE SET last_used_at = now()
RETURNING fingerprint, appointment_id
"""
REMEMBER = "UPDATE idempotency_keys SET appointment_id = %s WHERE client = %s AND key = %s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Idempotency:
    """client and key identify the request; fingerprint is the SHA-256 (hex) of the operation and its body."""

    client: str
    key: str
    fingerprint: str


def earlier_answer(request: Idempotency | None) -> uuid.UUID | None:
    """The appointment that this very request made before, or None: then the key is taken and the work is to be done.

    A concurrent twin waits here until the first has committed (it sees the answer) or rolled back (it takes over).
    A replay writes too: the answer that a client gets is then known to survive a fail-over.
    Raises KeyReused when the key came with another body.
    """
    if request is None:
        return None
    ((fingerprint, appointment_id),) = planned(TAKE, [request.client, request.key, request.fingerprint])
    if fingerprint != request.fingerprint:
        raise KeyReused(_("This Idempotency-Key was used for a different request. Use a new key for a new request."))
    return appointment_id


def remember(request: Idempotency | None, appointment_id: uuid.UUID) -> None:
    if request is not None:
        planned(REMEMBER, [appointment_id, request.client, request.key])
