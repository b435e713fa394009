"""Clients that book, cancel and move over HTTP, whatever happens to the site, and write down what they were answered.

A client does one thing after the other. What it was not answered, or was answered 503, it asks again with the same
body and the same ``Idempotency-Key``. What it was refused for good (409) it gives up, and when that was a booking takes
another seat for the same patient. Seats are fewer than clients would like, so that they meet at them. ``keys=False``
makes the same clients without keys, the control: they cannot tell a booking that got lost from one whose answer did.
"""

import contextlib
import http.client
import json
import random
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from booking_site.testing.histories import Event
from booking_site.testing.hospitals import Hospital

PATIENCE = 120  # seconds that a client repeats one question
PAUSE = 0.05  # seconds between two of its questions, at most, at first
LONGEST_PAUSE = 0.4
MOST_VISITS = 6  # of one client at a time
PATHS = {"book": "book-appointment", "cancel": "cancel-appointment", "move": "reschedule-appointment"}
Answer = tuple[int | None, dict[str, Any]]  # None: never learnt


class Load:
    """``timeout``: seconds that a client waits for an answer at first; with each vain try half as long again.
    ``others``: sites that serve the same, of which clients use one each, in turn."""

    def __init__(
        self,
        address: str,
        token: str,
        hospital: Hospital,
        *,
        clients: int = 32,
        keys: bool = True,
        timeout: float = 30,
        seed: int = 0,
        others: Sequence[str] = (),
    ) -> None:
        self.history: list[Event] = []
        self.repeated = 0  # questions that were asked again
        self.failures: list[BaseException] = []  # of the clients themselves
        self.give_up = threading.Event()
        self._over = threading.Event()
        sites = [address, *others]
        makers = [
            _Client(
                self,
                number,
                sites[number % len(sites)],
                token,
                hospital,
                clients,
                keys,
                timeout,
                random.Random(seed + number),
            )
            for number in range(clients)
        ]
        self._threads = [threading.Thread(target=maker.work, args=(self._over,), daemon=True) for maker in makers]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self, *, learn: bool = True) -> list[Event]:
        """Each client learns the outcome of what it is doing, for which the site must be there; else it gives up."""
        self._over.set()
        if not learn:
            self.give_up.set()
        for thread in self._threads:
            thread.join(PATIENCE + 60)
            assert not thread.is_alive(), "a client hangs"
        if self.failures:
            raise self.failures[0]
        return self.history

    def acknowledged(self) -> int:
        """Writes that are done, and the clients know."""
        return sum(1 for event in self.history if event.status in (200, 201))

    def wait_for(self, writes: int, *, timeout: float = 120) -> None:
        """Until so many more were acknowledged."""
        seen = len(self.history)
        deadline = time.monotonic() + timeout
        while sum(1 for event in self.history[seen:] if event.status in (200, 201)) < writes:
            assert time.monotonic() < deadline, f"the clients get nothing done:{self.last_lines()}"
            assert not self.failures, self.failures
            time.sleep(0.005)

    def silence(self, moment: float, writes: int = 10) -> float:
        """The longest time without an acknowledged write, in seconds, from that moment of a fault to when so many more
        were acknowledged, for which it waits. What was under way and got through right after the fault is no recovery.
        """
        self.wait_for(writes)
        done = (event.answered for event in self.history if event.status in (200, 201))
        times = [moment, *sorted(answered for answered in done if answered is not None and answered > moment)]
        return max(later - earlier for earlier, later in pairwise(times))

    def last_lines(self) -> str:
        return "".join(f"\n{event}" for event in self.history[-5:])


class _Client:
    def __init__(
        self,
        load: Load,
        number: int,
        address: str,
        token: str,
        hospital: Hospital,
        clients: int,
        keys: bool,
        timeout: float,
        chance: random.Random,
    ) -> None:
        self.load, self.number, self.keys, self.chance = load, number, keys, chance
        self.http = Asker(address, token, timeout, chance, load.give_up)
        self.slots = hospital.slots
        self.patients = deque(hospital.patients[number::clients])  # who have no appointment
        self.visits: list[tuple[str, str]] = []  # patient and appointment

    def work(self, over: threading.Event) -> None:
        try:
            while not over.is_set():
                self.act(over)
        except BaseException as failure:
            self.load.failures.append(failure)
            raise
        finally:
            self.http.close()

    def act(self, over: threading.Event) -> None:
        if len(self.visits) < 2 or (len(self.visits) < MOST_VISITS and self.chance.random() < 0.5):
            self.book(over)
        elif self.chance.random() < 0.6:
            self.cancel()
        else:
            self.move()

    def book(self, over: threading.Event) -> None:
        patient = self.patients.popleft()
        while not over.is_set():
            slot = self.chance.choice(self.slots)
            status, body = self.ask("book", patient, slot, None)
            if status == 201:
                self.visits.append((patient, body["id"]))
            if status != 409:
                return

    def cancel(self) -> None:
        patient, appointment = self.visits.pop(self.chance.randrange(len(self.visits)))
        status, _ = self.ask("cancel", patient, None, appointment)
        if status == 200:
            self.patients.append(patient)

    def move(self) -> None:
        place = self.chance.randrange(len(self.visits))
        patient, appointment = self.visits[place]
        status, _ = self.ask("move", patient, self.chance.choice(self.slots), appointment)
        if status is None:
            del self.visits[place]

    def ask(self, kind: str, patient: str, slot: str | None, appointment: str | None) -> Answer:
        given = {"patient_id": patient if kind == "book" else None, "slot_id": slot, "appointment_id": appointment}
        body = {name: value for name, value in given.items() if value is not None} | {"reason": "Load"}
        key = str(uuid.UUID(int=self.chance.getrandbits(128))) if self.keys else None
        asked = time.monotonic()
        status, answer = self.http.ask(PATHS[kind], body, key)
        self.load.repeated += self.http.tries - 1
        self.load.history.append(
            Event(
                client=self.number,
                kind=kind,
                patient=patient,
                slot=slot,
                appointment=answer.get("id") or appointment,
                key=key,
                asked=asked,
                answered=None if status is None else time.monotonic(),
                status=status,
                code=answer.get("code"),
            )
        )
        return status, answer


class Asker:
    """One connection to the site, made anew when it is lost, and the patience to ask until there is an answer."""

    def __init__(
        self, address: str, token: str, timeout: float, chance: random.Random, give_up: threading.Event
    ) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.timeout, self.chance, self.give_up = timeout, chance, give_up
        self.tries = 0

    def ask(self, path: str, body: dict[str, Any], key: str | None) -> Answer:
        content, headers = json.dumps(body), self.headers | ({"Idempotency-Key": key} if key else {})
        until = time.monotonic() + PATIENCE
        timeout, pause, self.tries = self.timeout, PAUSE, 0
        while time.monotonic() < until and not self.give_up.is_set():
            self.tries += 1
            try:
                status, answer = self._once(path, content, headers, timeout)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self.close()
                timeout *= 1.5
            else:
                if status not in (502, 503) and answer.get("code") != "busy":
                    return status, answer
            time.sleep(self.chance.uniform(0, pause))
            pause = min(pause * 1.5, LONGEST_PAUSE)
        return None, {}

    def _once(self, path: str, content: str, headers: dict[str, str], timeout: float) -> tuple[int, dict[str, Any]]:
        self.connection.timeout = timeout
        if self.connection.sock is not None:
            self.connection.sock.settimeout(timeout)
        self.connection.request("POST", f"/api/v1/{path}", content, headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self.connection.sock is not None:
                self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()
