"""A load of HTTP requests from one process: sockets that never block, and connections that are kept.

Closed loop: each client sends its next request when the answer to the one before is there, whole. Requests come ready
as bytes, and of an answer only the status and the length are read, so that the driver takes little of the processors
that the systems share with it.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

READ = 1 << 18  # bytes at once
PATIENCE = 30  # seconds without any answer


class DriverError(Exception):
    """The load could not be put on, or was not answered as it should be."""


@dataclass(slots=True)
class Outcome:
    """``latencies``: in milliseconds, of the requests that were answered in the time that counts, ``seconds``.
    ``statuses``: of all answers, those before and after that time too. ``unexpected``: the first that was not meant to
    be."""

    seconds: float = 0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    unexpected: bytes = b""

    @property
    def rps(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The nearest rank: the least latency that ``share`` of all do not exceed."""
        ordered = sorted(self.latencies)
        return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0


class _Connection:
    __slots__ = ("received", "sent_at", "socket", "total")

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = b""
        self.total = 0  # bytes of the answer, once its head is there
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.received, self.total = b"", 0
        self.sent_at = time.perf_counter()
        if self.socket.send(request) != len(request):
            raise DriverError("The server does not take a request in one piece.")

    def receive(self) -> int:
        """The status of the answer once it is there, whole; before that 0."""
        data = self.socket.recv(READ)
        if not data:
            raise DriverError(f"The server closed a connection that was in use: {self.received[:300]!r}")
        self.received += data
        if not self.total:
            end = self.received.find(b"\r\n\r\n") + 4
            if end < 4:
                return 0
            self.total = end + _body_length(self.received[:end].lower())
        if len(self.received) > self.total:
            raise DriverError(f"More than one answer to a request: {self.received[:300]!r}")
        return int(self.received[9:12]) if len(self.received) == self.total else 0


def _body_length(head: bytes) -> int:
    begin = head.find(b"content-length:")
    if begin < 0:
        raise DriverError(f"An answer that does not say its length: {head!r}")
    return int(head[begin + 15 : head.find(b"\r", begin)])


class _Load:
    """Clients, and what they have been answered. ``counted``: where latencies go, when they count."""

    def __init__(self, address: str, requests: Iterator[bytes], expected: frozenset[int]) -> None:
        self.address, self.requests, self.expected = address, requests, expected
        self.outcome = Outcome()
        self.counted: list[float] | None = None
        self.selector = selectors.DefaultSelector()
        self.connections: list[_Connection] = []
        self.waiting = 0  # answers that are to come

    def connect(self) -> None:
        connection = _Connection(self.address)
        self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        self.connections.append(connection)

    def ask(self, connection: _Connection) -> None:
        request = next(self.requests, None)
        if request is None:
            raise DriverError("There are no more requests: the data set is too small for so long a run.")
        connection.send(request)
        self.waiting += 1

    def listen(self, timeout: float) -> list[_Connection]:
        """The clients that have been answered by now."""
        done = []
        for key, _events in self.selector.select(timeout):
            connection = key.data
            if status := connection.receive():
                if self.counted is not None:
                    self.counted.append(1000 * (time.perf_counter() - connection.sent_at))
                self.outcome.statuses[status] += 1
                if status not in self.expected and not self.outcome.unexpected:
                    self.outcome.unexpected = connection.received
                self.waiting -= 1
                done.append(connection)
        return done

    def work(self, seconds: float) -> float:
        """Let each client ask again as soon as it is answered. Returns how long that was."""
        began = answered = now = time.perf_counter()
        while now < began + seconds:
            for connection in self.listen(0.1):
                self.ask(connection)
                answered = now
            now = time.perf_counter()
            if now > answered + PATIENCE:
                raise DriverError(f"No answer within {PATIENCE} seconds.")
        return now - began

    def finish(self) -> None:
        """Wait for what has been asked."""
        deadline = time.perf_counter() + PATIENCE
        while self.waiting:
            self.listen(0.1)
            if time.perf_counter() > deadline:
                raise DriverError(f"No answer within {PATIENCE} seconds.")

    def close(self) -> None:
        for connection in self.connections:
            connection.socket.close()
        self.selector.close()


def _nothing() -> None:
    pass


def run(
    address: str,
    requests: Iterator[bytes],
    *,
    clients: int,
    seconds: float,
    warm_up: float = 0,
    expected: Collection[int] = (200,),
    at_start: Callable[[], None] = _nothing,
    at_end: Callable[[], None] = _nothing,
) -> Outcome:
    """Put ``clients`` on the server for ``warm_up`` seconds and then for ``seconds`` that count.

    They come one after another in the first half of the warm-up, while those before them are at work: a process of the
    server that has enough to do leaves new connections to the others. ``at_start`` and ``at_end`` are called around the
    time that counts. Raises DriverError when a connection breaks or when there are no more requests.
    """
    load = _Load(address, requests, frozenset(expected))
    try:
        for _client in range(clients):
            load.connect()
            load.ask(load.connections[-1])
            load.work(warm_up / 2 / clients)
        load.work(warm_up / 2)
        at_start()
        load.counted = load.outcome.latencies
        load.outcome.seconds = load.work(seconds)
        load.counted = None
        at_end()
        load.finish()
    finally:
        load.close()
    return load.outcome


def volley(address: str, requests: Sequence[bytes], *, expected: Collection[int]) -> Outcome:
    """Send all of them at the same moment, each on a connection of its own, and wait for every answer."""
    load = _Load(address, iter(requests), frozenset(expected))
    try:
        for _request in requests:
            load.connect()
        load.counted = load.outcome.latencies
        began = time.perf_counter()
        for connection in load.connections:
            load.ask(connection)
        load.finish()
        load.outcome.seconds = time.perf_counter() - began
    finally:
        load.close()
    return load.outcome
