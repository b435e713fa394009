"""Clients that count every answer but the expected one as a failure, and ask nothing twice: for what must go unnoticed.

Each has patients and seats of its own, books, reads and cancels, and rests now and then, for longer than a server
keeps a connection that it wants to be rid of. Half of them keep their connection, as a pool does: one that the server
has closed is not used again. The others make a new one for each request.
"""

import http.client
import itertools
import json
import random
import select
import threading
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from booking_site.testing.hospitals import Hospital
from booking_site.testing.load import PATHS
from booking_site.testing.model import Event

TIMEOUT = 30  # seconds for an answer
RESTS = {False: 0.02, True: 2.5}  # seconds, at most, between two visits, and once in a while


class Clients:
    """A context manager. ``failures`` are lines for people."""

    def __init__(self, address: str, token: str, hospital: Hospital, clients: int = 16) -> None:
        self.history: list[Event] = []
        self.failures: list[str] = []
        self.versions: set[str | None] = set()  # of the site, that have answered
        self.answered = 0
        self.slowest = 0.0  # seconds
        self._over = threading.Event()
        makers = [_Client(self, number, address, token, hospital, clients) for number in range(clients)]
        self._threads = [threading.Thread(target=maker.work, args=(self._over,), daemon=True) for maker in makers]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT)
            assert not thread.is_alive(), "a client hangs"

    def wait_for(self, answers: int) -> None:
        """Until so many more were had, or none comes any more."""
        until, deadline = self.answered + answers, time.monotonic() + 4 * TIMEOUT
        while self.answered < until and any(thread.is_alive() for thread in self._threads):
            assert time.monotonic() < deadline, f"the clients get nothing done: {self.failures[-5:]}"
            time.sleep(0.005)


class _Client:
    def __init__(
        self, clients: Clients, number: int, address: str, token: str, hospital: Hospital, of_all: int
    ) -> None:
        self.clients, self.number, self.keeps = clients, number, number % 2 == 0
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if not self.keeps:
            self.headers["Connection"] = "close"
        self.patients = itertools.cycle(hospital.patients[number::of_all])
        self.slots = itertools.cycle(hospital.slots[number::of_all])

    def work(self, over: threading.Event) -> None:
        while not over.is_set():
            self.visit(next(self.patients), next(self.slots))
            over.wait(random.uniform(0, RESTS[random.random() < 0.02]))
        self.connection.close()

    def visit(self, patient: str, slot: str) -> None:
        made = self.write("book", patient, slot, None)
        if made is None:
            return
        self.ask("GET", f"appointments/{made}", None, 200)
        self.ask("GET", "available-slots?page_size=5", None, 200)
        self.write("cancel", patient, None, made)

    def write(self, kind: str, patient: str, slot: str | None, appointment: str | None) -> str | None:
        """The appointment, when it is done."""
        key, asked = str(uuid.uuid4()), time.monotonic()
        given = {"appointment_id": appointment} if appointment else {"patient_id": patient, "slot_id": slot}
        status, body = self.ask("POST", PATHS[kind], given, 200 if appointment else 201, key)
        answered = None if status is None else time.monotonic()
        made = {"appointment": body.get("id") or appointment, "status": status, "code": body.get("code")}
        self.clients.history.append(
            Event(self.number, kind, patient, slot, key=key, asked=asked, answered=answered, **made)
        )
        return str(body["id"]) if status in (200, 201) else None

    def ask(
        self, method: str, path: str, body: dict[str, Any] | None, expected: int, key: str | None = None
    ) -> tuple[int | None, dict[str, Any]]:
        began = time.monotonic()
        try:
            status, answer = self._once(method, f"/api/v1/{path}", body, {"Idempotency-Key": key} if key else {})
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.connection.close()
            self._fail(method, path, f"{type(error).__name__}: {error}")
            return None, {}
        self.clients.answered += 1
        self.clients.slowest = max(self.clients.slowest, time.monotonic() - began)
        if status != expected:
            self._fail(method, path, f"{status} {answer}")
        return status, answer

    def _once(
        self, method: str, path: str, body: dict[str, Any] | None, more: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if self.connection.sock is not None and select.select([self.connection.sock], [], [], 0)[0]:
            self.connection.close()  # by the server, while nothing was asked
        self.connection.request(method, path, body and json.dumps(body), self.headers | more)
        response = self.connection.getresponse()
        self.clients.versions.add(response.headers["X-Version"])
        return response.status, json.loads(response.read())

    def _fail(self, method: str, path: str, why: str) -> None:
        how = "kept" if self.keeps else "new"
        self.clients.failures.append(f"lost: {method} {path} on a {how} connection: {why}"[:300])
