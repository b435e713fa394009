"""What a step on the page that books costs among a million seats: milliseconds of the whole request, and its queries.

    python bench/book_page.py [--slots 1000000] [--rounds 15]

The hospital of ``search.py``: 200 doctors in 20 departments. Each question is asked of the console as a script of the
page asks it, by somebody who sees everything, of as many departments or doctors as there are rounds. ``quickest`` is
that of the quickest round (others on the machine only lengthen it), ``median`` that of the middle one. Prints one JSON
object; exits with 1 when the quickest of a step takes longer than MOST_MS.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import own_server
import search
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from own_server import execute, machine

from booking_site.core.ids import uuid7

ADD = "/admin/appointments/appointment/add/"
FIND = "/admin/appointments/booking/find/"
MOST_MS = 400

Ask = Callable[[int], object]


def questions(client: Client) -> dict[str, Ask]:
    """By name, a request for the n-th department or doctor."""
    departments = [str(key) for (key,) in execute("SELECT id FROM departments ORDER BY id")]
    doctors = [key for (key,) in execute("SELECT id FROM doctors ORDER BY id")]
    day = execute("SELECT (now() + interval '20 days')::date")[0][0]

    def step(**sent: object) -> object:
        form = {"key": str(uuid7()), "look": "yes"} | sent
        answer = client.post(ADD, form, headers={"X-Part": "yes"})
        assert answer.status_code == 200, answer.content
        return answer

    def find(text: str) -> object:
        return client.post(FIND, {"what": "whose", "q": text})

    return {
        "first_of_doctor": lambda n: step(of=f"doctor:{doctors[n]}"),
        "first_of_department": lambda n: step(of=f"department:{departments[n]}"),
        "day_of_department": lambda n: step(of=f"department:{departments[n]}", day=f"{day}"),
        "weeks_of_department": lambda n: step(of=f"department:{departments[n]}", goto=f"{day}"),
        "first_of_visit_type": lambda n: step(of="visit_type:video"),
        "find_whose": lambda n: find(f"dr {n}"),
    }


def measure(rounds: int) -> dict[str, dict[str, float]]:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench", password=None))
    found: dict[str, dict[str, float]] = {}
    for name, ask in questions(client).items():
        ask(0)
        with CaptureQueriesContext(connection) as queries:
            ask(1)
            number = len(queries)  # the next request forgets them
        taken = []
        for n in range(rounds):
            began = time.perf_counter()
            ask(n)
            taken.append((time.perf_counter() - began) * 1000)
        found[name] = {
            "quickest": round(min(taken), 1),
            "median": round(statistics.median(taken), 1),
            "queries": number,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    own_server.prepare()
    search.load(options.slots)
    found = measure(options.rounds)
    missed = [name for name, figures in found.items() if figures["quickest"] > MOST_MS]
    print(json.dumps({"steps": found, "missed": missed, "machine": machine()}, indent=2))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
