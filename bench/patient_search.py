"""What finding a patient costs, and how often the right one is there: over 200,000 patients in an embedded server.

    python bench/patient_search.py [--patients 200000] [--each 100] [--missed]

Reads the names and phones of ``SHARED_DATA`` and ends at once where there are none. Names repeat as in life: given and
family names of one language are combined, some far more common than others. Each question is what a clerk types about
one of the patients, with one kind of slip (``booking_site/testing/clerks.py``). A question counts as answered when the
patient is among the first five; of a name alone anybody of exactly that name counts, of a surname and a year anybody
with both. ``p50_ms``, ``p95_ms``: of the whole of ``find``, as a page calls it, in milliseconds of the processor, its
own and the database's together (others on the machine do not lengthen that; Linux only). ``clock_p95_ms``: by the clock
on the wall. Prints one JSON object; exits with 1 when a figure is missed: 30 ms at the 95th percentile of all
questions, 95 % of them answered.

``typing``: letter by letter from the second on, twenty wanted, the time only. ``similar_to``: the look for duplicates
of a person who is registered again, with a letter of the last name missing and the phone written otherwise.
"""

import argparse
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import own_server
from django.conf import settings
from django.db import connection
from own_server import execute

from booking_site.testing.clerks import COLUMNS, Person, answers, dropped, population, questions
from patients.duplicates import similar_to
from patients.finding import find

MOST_MS, LEAST_ANSWERED, FIRST = 30, 0.95, 5
Times = tuple[float, float]  # of the processor and of the clock, in milliseconds
SHARED = Path(os.environ.get("SHARED_DATA", settings.BASE_DIR.parent / "shared" / "data"))


def load(people: list[Person]) -> float:
    began = time.monotonic()
    with connection.cursor() as cursor, cursor.copy(f"COPY patients ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for person in people:
            copy.write_row(person.row())
    execute("VACUUM ANALYZE patients")
    return time.monotonic() - began


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Times, Any]:
    began, clock = processor_ms(), time.perf_counter()
    result = function(*arguments)
    return (processor_ms() - began, (time.perf_counter() - clock) * 1000), result


def processor_ms() -> float:
    """Of this process and of the database's that serves it, since they began."""
    served = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()
    return time.process_time() * 1000 + int(served[0]) / 1e6


def summary(times: list[Times], answered: list[bool] | None = None) -> dict[str, float]:
    processor, clock = (statistics.quantiles(column, n=20) for column in zip(*times, strict=True))
    shown = {
        "questions": len(times),
        "p50_ms": round(processor[9], 1),
        "p95_ms": round(processor[18], 1),
        "clock_p95_ms": round(clock[18], 1),
    }
    return shown if answered is None else shown | {"answered": round(sum(answered) / len(answered), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=200_000)
    parser.add_argument("--each", type=int, default=100, help="questions of each kind")
    parser.add_argument("--missed", action="store_true", help="print the questions that were not answered, too")
    options = parser.parse_args()
    if not (SHARED / "names").is_dir():
        print(f"skipped: no names at {SHARED} (set SHARED_DATA)")
        return
    own_server.prepare()
    people = population(SHARED, options.patients)
    loading = load(people)
    times: dict[str, list[Times]] = defaultdict(list)
    hits: dict[str, list[bool]] = defaultdict(list)
    for person in people[:50]:  # the first connection, plans and pages
        find(person.last)
    for question in questions(people, options.each):
        ms, found = timed(find, question.text, FIRST)
        times[question.kind].append(ms)
        hits[question.kind].append(answers(question, found))
        if options.missed and not hits[question.kind][-1]:
            person = question.person
            print(
                question.kind,
                "|",
                question.text,
                "|",
                person.first,
                person.last,
                person.dob,
                person.phone,
                [str(p) for p in found],
            )
    typing = [
        timed(find, person.last[:length], 20)[0]
        for person in people[: options.each]
        for length in range(2, len(person.last) + 1)
    ]
    figures = {kind: summary(times[kind], hits[kind]) for kind in times}
    overall = summary([ms for kind in times.values() for ms in kind], [hit for kind in hits.values() for hit in kind])
    twice = duplicates(people, options.each)
    indexes = execute(
        "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes WHERE relname = 'patients'"
    )
    print(
        json.dumps(
            {
                "machine": own_server.machine(),
                "patients": options.patients,
                "loading_seconds": round(loading, 1),
                "index_mb": {name: round(size / 1e6, 1) for name, size in indexes},
                "kinds": figures,
                "all": overall,
                "typing": summary(typing),
                "similar_to": twice,
            },
            indent=2,
            ensure_ascii=False,
        )
    )
    if overall["p95_ms"] > MOST_MS or overall["answered"] < LEAST_ANSWERED or twice["p95_ms"] > MOST_MS:
        raise SystemExit(1)


def duplicates(people: list[Person], each: int) -> dict[str, float]:
    """Somebody registered again: the last name with a letter less and the same date of birth."""
    times, hits, rng = [], [], Random(3)
    while len(times) < each:
        person = rng.choice(people)
        if last := dropped(person.last, rng):
            ms, found = timed(similar_to, person.first, last, person.dob, person.other_phone)
            times.append(ms)
            hits.append(person.key in [candidate.patient.pk for candidate in found])
    return summary(times, hits)


if __name__ == "__main__":
    main()
