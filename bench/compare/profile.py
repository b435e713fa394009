"""Where the processors' time goes in the processes that serve: samples of their stacks by py-spy, in a pass of its own.

A sample counts for the innermost function that belongs to one of ``GROUPS``: what the standard library does counts for
who has called it.
"""

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.compare import driver, reference
from bench.compare.systems import System
from bench.compare.workloads import Workload

RATE = 200  # samples a second
# The first that the path of a function's file matches.
GROUPS = {
    "audit log": r"/audit/",
    "authentication, throttle": r"/booking_site/api/(auth|scopes|throttling|clients|validator)|/oauth2_provider/",
    "operations and rules": r"/(appointments|scheduling|doctors|patients)/",
    "database: driver": r"/psycopg(_binary|_pool)?/",
    "database: ORM": r"/django/db/|/booking_site/postgres/|/booking_site/core/(sql|operations)",
    "API: reading and answering": r"/booking_site/api/|/rest_framework/|/django_filters/",
    "middleware": r"/booking_site/|/(whitenoise|corsheaders|csp|allauth)/",
    "Django": r"/django/",
    "HTTP server": r"/gunicorn/",
}
FRAME = re.compile(r" \((.+?)(:\d+)?\)$")


def of(system: System, workload: Workload, queue: Iterator[bytes], seconds: float) -> dict[str, float]:
    """The share of each group, largest first, of all samples of a thread that had the interpreter. Empty where the
    system does not let processes be looked into."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "stacks"
        spy = [
            str(reference.VENV / "bin" / "py-spy"),
            "record",
            "--pid",
            str(system.server.pid),
            "--subprocesses",
            "--gil",
        ]
        spy += ["--format", "raw", "--full-filenames", "--nonblocking", "--rate", str(RATE), "--output", str(raw)]
        with subprocess.Popen(
            [*spy, "--duration", str(max(1, round(seconds)))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as looking:
            outcome = driver.run(
                system.address, queue, clients=8, seconds=seconds, warm_up=0.5, expected=[workload.expected]
            )
            looking.wait()
        stacks = raw.read_text(errors="replace") if raw.exists() else ""
    assert not outcome.unexpected, outcome.unexpected[:1000]
    system.settle()
    return shares(stacks)


def shares(stacks: str) -> dict[str, float]:
    """From lines of ``outer;inner;innermost count``."""
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _blank, count = line.rpartition(" ")
        if "seal_audit" not in stack:
            found[group_of(stack.split(";"))] += int(count)
    total = sum(found.values())
    return {name: round(count / total, 3) for name, count in found.most_common()}


def group_of(frames: list[str]) -> str:
    for frame in reversed(frames):
        if place := FRAME.search(frame):
            for name, pattern in GROUPS.items():
                if re.search(pattern, place[1]):
                    return name
    return "interpreter"
