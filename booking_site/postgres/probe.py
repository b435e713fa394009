"""Does the database answer? Known within two seconds, whatever it does.

A connection of its own, which no request shares, in a thread of its own, for a name may take long to be looked up. It
stays open from one question to the next: that the server has no connection left for others is not this process's
trouble. Each step is asked for without waiting, and where it stands when time is up tells a server that is away from
one that is there and does not answer.
"""

import re
import select
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from django.db import connection
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGconn

OK = "ok"
SLOW = "slow"  # it is there, and does not answer in time
EXHAUSTED = "exhausted"  # it has no connection left
UNAVAILABLE = "unavailable"

LIMIT = 1.6  # seconds for all
PATIENCE = 0.8  # of these for the connection that is there
REFUSED_AS_FULL = re.compile(
    "too many clients|too many connections|connection slots are reserved|no more connections allowed"
)
NOT_THERE = (pq.ConnStatus.BAD, pq.ConnStatus.ALLOCATED, pq.ConnStatus.NEEDED, pq.ConnStatus.STARTED)
KNOWN_TO_LIBPQ = frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())

_alone = threading.Lock()
_look: "Look | None" = None
_kept: PGconn | None = None


def ask() -> str:
    """What the database does right now. Who asks while somebody else does waits for the same answer."""
    global _look
    with _alone:
        if _look is None or not _look.is_alive():
            _look = Look()
            _look.start()
        look = _look
    look.join(LIMIT + 0.1)
    return look.finding


def hang_up() -> None:
    """Close the connection, where nobody is to be connected any more."""
    global _kept
    if _kept is not None:
        _kept.finish()
        _kept = None


class Look(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="probe", daemon=True)
        self.finding = UNAVAILABLE  # what is true if nothing more is heard
        self.params = connection.get_connection_params()

    def run(self) -> None:
        global _kept
        end = time.monotonic() + LIMIT
        if _kept is not None:
            try:
                _answers(_kept, time.monotonic() + PATIENCE)
                self.finding = OK
                return
            except (psycopg.Error, TimeoutError):
                hang_up()
        targets = list(_targets(self.params))
        for number, target in enumerate(targets):
            now, before = time.monotonic(), self.finding
            try:
                _kept = self._connected(target, now + (end - now) / (len(targets) - number))
                self.finding = OK
                return
            except (psycopg.Error, TimeoutError):
                if before != UNAVAILABLE:
                    self.finding = before  # of one that is there, whatever became of this one

    def _connected(self, conninfo: str, end: float) -> PGconn:
        session = pq.PGconn.connect_start(conninfo.encode())
        step: int = pq.PollingStatus.WRITING
        try:
            while session.status != pq.ConnStatus.BAD and step != pq.PollingStatus.FAILED:
                _wait(session, end, to_write=step == pq.PollingStatus.WRITING)
                step = session.connect_poll()
                if session.status not in NOT_THERE:
                    self.finding = SLOW
                if step == pq.PollingStatus.OK:
                    session.nonblocking = 1
                    _answers(session, end)
                    return session
            full = REFUSED_AS_FULL.search(session.get_error_message())
            self.finding = EXHAUSTED if full else UNAVAILABLE
            raise psycopg.OperationalError
        except BaseException:
            session.finish()
            raise


def _targets(params: dict[str, Any]) -> Iterator[str]:
    """One for each host: that the first is away must not hide that the second answers."""
    known = {name: value for name, value in params.items() if name in KNOWN_TO_LIBPQ and value is not None}
    hosts, ports = str(known.get("host", "")).split(","), str(known.get("port", "")).split(",")
    for number, host in enumerate(hosts):
        port = ports[number] if len(ports) > 1 else ports[0]
        one = known if len(hosts) == 1 else known | {"host": host, "port": port or None}
        yield make_conninfo(**one | {"application_name": "health"})


def _answers(session: PGconn, end: float) -> None:
    """TimeoutError or OperationalError when it does not."""
    session.send_query(b"SELECT 1")
    while session.flush():
        _wait(session, end, to_write=True)
    while True:
        while session.is_busy():
            _wait(session, end)
            session.consume_input()
        result = session.get_result()
        if result is None:
            return
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.OperationalError


def _wait(session: PGconn, end: float, *, to_write: bool = False) -> None:
    poll = select.poll()
    poll.register(session.socket, select.POLLOUT if to_write else select.POLLIN)
    if not poll.poll(max(0, end - time.monotonic()) * 1000):
        raise TimeoutError
