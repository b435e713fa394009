"""Many clients at once: over real HTTP, and over the database alone for the controls of what a guard prevents."""

import http.client
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.db import connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: Any

    @property
    def code(self) -> str:
        """What a problem document says, or the empty string."""
        return self.body.get("code", "") if self.headers.get_content_type() == "application/problem+json" else ""


class HttpClient:
    """One client of a served site, on a connection of its own."""

    def __init__(self, address: str, token: str = "") -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.call("POST", path, body, headers)

    def call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """Header names are written with underscores, as keyword arguments are."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body)
        self.connection.request(method, path, content, self.headers | given)
        response = self.connection.getresponse()
        content = response.read()
        return Answer(response.status, response.headers, json.loads(content) if content else None)


def race(runners: Sequence[Callable[[], T]]) -> list[T]:
    """Run them all at the same moment, each in a thread of its own; what each returned, in their order."""
    line = threading.Barrier(len(runners))

    def run(runner: Callable[[], T]) -> T:
        line.wait(60)
        return runner()

    with ThreadPoolExecutor(len(runners)) as pool:
        return list(pool.map(run, runners))


WAITING = """
SELECT EXISTS (
    SELECT FROM pg_locks AS wanted JOIN pg_locks AS had USING (pid) JOIN pg_database ON had.database = pg_database.oid
    WHERE NOT wanted.granted AND datname = current_database()
)
"""


def somebody_waits() -> bool:
    """For a lock, in this database: others of the server belong to other tests. What the table of locks says is of this
    moment, also within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])


SEATS_IN_DISAGREEMENT = """
SELECT id FROM available_slots AS slot
WHERE (slot.status = 'booked') <> EXISTS (
    SELECT 1 FROM appointments
    WHERE slot_id = slot.id AND status NOT IN ('cancelled', 'no_show')
)
"""
SEATS_SHARED = """
SELECT slot_id FROM appointments WHERE status NOT IN ('cancelled', 'no_show') GROUP BY slot_id HAVING count(*) > 1
"""
PATIENTS_IN_TWO_PLACES = """
SELECT one.id FROM appointments AS one JOIN appointments AS other
    ON one.patient_id = other.patient_id AND one.id < other.id
    AND one.starts_at < other.ends_at AND other.starts_at < one.ends_at
WHERE one.status IN ('booked', 'checked_in', 'in_progress') AND other.status IN ('booked', 'checked_in', 'in_progress')
"""


def what_is_wrong() -> dict[str, list[Any]]:
    """The rows that break a rule, by rule. Empty when all is well. Follows the search_path, for the controls."""
    rules = {"disagree": SEATS_IN_DISAGREEMENT, "shared": SEATS_SHARED, "twice": PATIENTS_IN_TWO_PLACES}
    found = {}
    with connection.cursor() as cursor:
        for rule, query in rules.items():
            cursor.execute(query)
            if rows := cursor.fetchall():
                found[rule] = [row[0] for row in rows]
    return found
