"""So many failures to authenticate a minute for each address, counted in the table that all web processes share.

A valid token is never asked about its address: it costs no further query, and nobody is shut out for what a neighbour
behind the same address does. Who guesses is: beyond the limit every further failure is a 429, and the token endpoint
refuses the address before it looks at a secret.
"""

import math
import time
from typing import Any

from django.conf import settings
from django.db import connection
from rest_framework.exceptions import Throttled

from booking_site.api import signals
from booking_site.core.actor import Actor
from booking_site.core.addresses import counted_as

COUNT = """
INSERT INTO api_throttle (client, minute, requests) VALUES (%s, %s, 1)
ON CONFLICT (client, minute) DO UPDATE SET requests = api_throttle.requests + 1
RETURNING requests
"""
COUNTED = "SELECT requests FROM api_throttle WHERE client = %s AND minute = %s"

_blocked: dict[str, int] = {}  # key: the minute in which the address is known to be over the limit
MOST_REMEMBERED = 10_000


def count_failure(request: Any) -> None:
    """One more. Throttled when that is more than a minute may have."""
    limit = settings.API_FAILURES_PER_MINUTE
    if limit == 0:
        return
    key, minute = _key(request), _minute()
    if _blocked.get(key) != minute:
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [key, minute])
            failures = cursor.fetchone()[0]
        if failures <= limit:
            return
        _block(request, key, minute)
    raise Throttled(wait())


def check_address(request: Any) -> None:
    """Throttled when the address has had its failures for this minute."""
    limit = settings.API_FAILURES_PER_MINUTE
    if limit == 0:
        return
    key, minute = _key(request), _minute()
    if _blocked.get(key) != minute:
        with connection.cursor() as cursor:
            cursor.execute(COUNTED, [key, minute])
            row = cursor.fetchone()
        if row is None or row[0] < limit:
            return
        _block(request, key, minute)
    raise Throttled(wait())


def wait() -> int:
    """Seconds to the next minute, at least one."""
    return math.ceil(60 - time.time() % 60) or 1


def _block(request: Any, key: str, minute: int) -> None:
    if len(_blocked) >= MOST_REMEMBERED:
        _blocked.clear()
    _blocked[key] = minute
    signals.address_blocked.send(sender=count_failure, actor=unknown_actor(request))


def unknown_actor(request: Any) -> Actor:
    """Somebody who has not said who they are, or not convincingly."""
    return Actor(
        kind="anonymous",
        id="",
        request_id=getattr(request, "request_id", ""),
        address=getattr(request, "client_address", ""),
    )


def _minute() -> int:
    return int(time.time() // 60)


def _key(request: Any) -> str:
    return f"address:{counted_as(getattr(request, 'client_address', ''))}"
