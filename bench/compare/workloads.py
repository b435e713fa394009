"""What is asked: the calls of the API by their documented addresses, the same ones in the same order of each system."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from bench.compare import cluster, dataset

VARIETY = 4_000  # different requests of a kind that reads, then the same again
DAYS = 14  # that W1a looks at
W1B_PAGE, W1A_PAGE = 20, 50
RACERS, SEATS, CONTESTS = 64, 16, 30  # W3; how many seats are contested one by one

# Seats that a number of patients can race for, each with patients who are nowhere else then: their visits by
# arithmetic begin a quarter later.
RACES = """
SELECT seat.slot_id::text, array_agg(other.patient_id::text ORDER BY other.n)
FROM bench.to_book AS seat JOIN bench.to_book AS other ON other.starts_at = seat.starts_at + interval '15 minutes'
WHERE seat.n IN (SELECT max(n) FROM bench.to_book GROUP BY starts_at)
    AND NOT EXISTS (SELECT FROM appointments WHERE patient_id = other.patient_id AND starts_at = seat.starts_at)
    AND NOT EXISTS (SELECT FROM bench.to_book WHERE patient_id = other.patient_id AND starts_at = seat.starts_at)
GROUP BY seat.n, seat.slot_id HAVING count(*) >= %s ORDER BY seat.n DESC LIMIT %s
"""


@dataclass(frozen=True)
class Parameters:
    """What requests are made of, from the data set."""

    template: str

    def _column(self, query: str) -> list[str]:
        return [str(value) for (value,) in cluster.rows(self.template, query)]

    @cached_property
    def doctors(self) -> list[str]:
        return self._column("SELECT id FROM doctors ORDER BY id")

    @cached_property
    def departments(self) -> list[str]:
        return self._column("SELECT id FROM departments ORDER BY id")

    @cached_property
    def patients(self) -> list[str]:
        return self._column("SELECT id FROM bench.patients ORDER BY n")

    @cached_property
    def to_book(self) -> list[tuple[Any, ...]]:
        return cluster.rows(self.template, "SELECT slot_id, patient_id FROM bench.to_book ORDER BY n")

    @cached_property
    def to_cancel(self) -> list[str]:
        return self._column("SELECT appointment_id FROM bench.to_cancel ORDER BY n")

    @cached_property
    def races(self) -> list[tuple[str, list[str]]]:
        """Seats with RACERS patients each."""
        found = cluster.rows(self.template, RACES, [RACERS, SEATS + CONTESTS])
        assert len(found) == SEATS + CONTESTS
        return [(slot, patients[:RACERS]) for slot, patients in found]

    @cached_property
    def first_day(self) -> date:
        """The first on which nothing is past, and from which on is written."""
        return cluster.rows(self.template, "SELECT today FROM bench.made")[0][0] + timedelta(days=dataset.GOOD_FOR + 1)

    @cached_property
    def days(self) -> int:
        """From the first day on."""
        return dataset.DAYS_AHEAD - dataset.GOOD_FOR - 1


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    says: str
    make: Callable[[Parameters, "Caller"], Iterator[bytes]]
    expected: int = 200
    least: float | None = None  # asked-for ratio of throughput to the FastAPI build's, at 8 clients


@dataclass(frozen=True, slots=True)
class Caller:
    """Puts requests into bytes."""

    token: str

    def get(self, path: str) -> bytes:
        return f"GET /api/v1/{path} HTTP/1.1\r\n{self._headers()}\r\n".encode()

    def post(self, path: str, body: str) -> bytes:
        head = f"POST /api/v1/{path} HTTP/1.1\r\n{self._headers()}Content-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()

    def _headers(self) -> str:
        return f"Host: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\nAccept: application/json\r\n"

    def book(self, slot: object, patient: object) -> bytes:
        return self.post("book-appointment", f'{{"patient_id":"{patient}","slot_id":"{slot}","reason":"Follow-up"}}')


def _drawn(seed: str, one: Callable[[random.Random], bytes]) -> Iterator[bytes]:
    drawn = random.Random(seed)
    return itertools.cycle([one(drawn) for _ in range(VARIETY)])


def _free_of_doctor(of: Parameters, caller: Caller) -> Iterator[bytes]:
    def one(drawn: random.Random) -> bytes:
        first = of.first_day + timedelta(days=drawn.randrange(of.days - DAYS + 1))
        period = f"date_from={first}&date_to={first + timedelta(days=DAYS - 1)}"
        return caller.get(f"available-slots?doctor={drawn.choice(of.doctors)}&{period}&page_size={W1A_PAGE}")

    return _drawn("W1a", one)


def _free_of_department(of: Parameters, caller: Caller) -> Iterator[bytes]:
    def one(drawn: random.Random) -> bytes:
        return caller.get(f"available-slots?department={drawn.choice(of.departments)}&page_size={W1B_PAGE}")

    return _drawn("W1b", one)


def _book(of: Parameters, caller: Caller) -> Iterator[bytes]:
    return (caller.book(slot, patient) for slot, patient in of.to_book)


def _of_patient(of: Parameters, caller: Caller) -> Iterator[bytes]:
    return _drawn("W4p", lambda drawn: caller.get(f"appointments?patient={drawn.choice(of.patients)}"))


def _of_doctor(of: Parameters, caller: Caller) -> Iterator[bytes]:
    def one(drawn: random.Random) -> bytes:
        day = of.first_day + timedelta(days=drawn.randrange(of.days))
        return caller.get(f"appointments?doctor={drawn.choice(of.doctors)}&date={day}")

    return _drawn("W4d", one)


def _one(of: Parameters, caller: Caller) -> Iterator[bytes]:
    return _drawn("W4g", lambda drawn: caller.get(f"appointments/{drawn.choice(of.to_cancel)}"))


def _cancel(of: Parameters, caller: Caller) -> Iterator[bytes]:
    return (caller.post("cancel-appointment", f'{{"appointment_id":"{key}"}}') for key in of.to_cancel)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("W1a", "free slots of a doctor, 14 days, page of 50", _free_of_doctor, least=3),
        Workload("W1b", "first 20 free slots of a department from now", _free_of_department, least=2.5),
        Workload("W2", "book", _book, expected=201, least=3),
        Workload("W4p", "appointments of a patient", _of_patient, least=2.5),
        Workload("W4d", "appointments of a doctor for a day", _of_doctor, least=2.5),
        Workload("W4g", "one appointment", _one, least=2),
        Workload("W5", "cancel", _cancel, least=3),
    )
}


def race(of: Parameters, caller: Caller) -> list[bytes]:
    """W3: 64 clients race for 16 seats, four for each."""
    each = RACERS // SEATS
    return [caller.book(slot, patient) for slot, patients in of.races[:SEATS] for patient in patients[:each]]


def contests(of: Parameters, caller: Caller) -> list[list[bytes]]:
    """64 clients race for one seat, and then for the next."""
    return [[caller.book(slot, patient) for patient in patients] for slot, patients in of.races[SEATS:]]
