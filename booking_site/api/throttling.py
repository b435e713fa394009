"""So many requests a minute for each client, and for each patient whom a client acts for, counted in one table that all
web processes share."""

import threading
import time
from typing import Any

from django.conf import settings
from django.db import connection
from rest_framework.throttling import BaseThrottle

from booking_site.api.auth import Token

MOST_LEASES = 10_000  # before those of earlier minutes are forgotten
LEASE = 32  # requests that a process takes from the client's minute at once: one write for so many requests

COUNT = """
INSERT INTO api_throttle (client, minute, requests) VALUES (%s, %s, %s)
ON CONFLICT (client, minute) DO UPDATE SET requests = api_throttle.requests + excluded.requests
RETURNING requests
"""


class ClientThrottle(BaseThrottle):
    """Never lets more through than the limit. A process may give back an unused lease only by the end of the minute,
    so a client spread over several processes can be stopped up to one lease per process early."""

    _lock = threading.Lock()  # the threads of a process share its leases
    _leases: dict[str, tuple[int, int]] = {}  # client: (minute, requests left)
    _spent: dict[str, int] = {}  # client: the minute in which all of its requests are given out

    def allow_request(self, request: Any, view: Any) -> bool:
        token = request.auth
        if not isinstance(token, Token):
            return True
        limit = settings.API_REQUESTS_PER_MINUTE if token.requests_per_minute is None else token.requests_per_minute
        if token.reach.patient is not None:
            of_patient = f"{token.client_id} {token.on_behalf_of}"
            if not self._take(of_patient, settings.API_REQUESTS_PER_MINUTE_OF_PATIENT):
                return False
        return self._take(token.client_id, limit)

    def _take(self, client: str, limit: int) -> bool:
        """One request of the client's, if there is one left. 0: no limit."""
        if limit == 0:
            return True
        minute = int(time.time() // 60)
        with self._lock:
            leased_minute, left = self._leases.get(client, (minute, 0))
            if leased_minute != minute or left == 0:
                left = 0 if self._spent.get(client) == minute else self._lease(client, minute, limit)
            if len(self._leases) >= MOST_LEASES:
                self._forget(minute)
            self._leases[client] = (minute, max(0, left - 1))
        return left > 0

    def _forget(self, minute: int) -> None:
        """What earlier minutes have left behind."""
        for client in [client for client, (leased, _left) in self._leases.items() if leased != minute]:
            del self._leases[client]
        for client in [client for client, spent in self._spent.items() if spent != minute]:
            del self._spent[client]

    def wait(self) -> float:
        return 60 - time.time() % 60

    def _lease(self, client: str, minute: int, limit: int) -> int:
        size = max(1, min(LEASE, limit // 8))
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [client, minute, size])
            taken = cursor.fetchone()[0]
        if taken >= limit:
            self._spent[client] = minute
        return max(0, min(size, limit - (taken - size)))
