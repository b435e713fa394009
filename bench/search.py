"""What a search costs in the database: the API's own SQL against the best by hand, in an embedded server of its own.

    python bench/search.py [--slots 1000000 [10000000 ...]] [--seconds 5] [--rounds 3]

The hospital: 200 doctors in 20 departments, 50 seats a day each, 60 % of them booked, 92 days ahead and as many days
back as the number of slots asks for; a database for each number. ``pgbench`` asks for random departments, by prepared
statements and by plain ones (which is what Django sends), with one client and with eight; rounds go over all
questions and databases in turn, and each figure is the median of its rounds. Prints one JSON object, transactions per
second; exits with 1 when a figure is missed.

``first``: the first 20 free seats of a department from now, as ``GET /available-slots`` runs it. ``by_hand``: the same
rows with nothing but the seat's status and the clock. ``ratio``: by hand to first, so what the rules of booking cost;
at most 3. ``deep``: the page that begins 8,000 seats later. ``limited``: first, when the visit types have limits per
doctor and day. ``calendar``: how many seats of a department are free on each day of three months, at most 50 ms of the
server's processor (others on the machine do not lengthen that); ``calendar_limited``: with limits. ``growth``:
``first`` in the largest database to that in the smallest, at least 0.9.
"""

import argparse
import io
import json
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from typing import Any

import own_server
import psutil
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from own_server import FILES, VAR_DIR, execute

from booking_site.api.pagination import MAX_PAGE_SIZE
from booking_site.demo.hospital import SITES
from booking_site.postgres import embedded

MOST_RATIO, MOST_CALENDAR_MS, LEAST_GROWTH = 3, 50, 0.9
DAYS_AHEAD, SEATS_A_DAY, DOCTORS, DEPARTMENTS = 92, 50, 200, 20
WAYS = {"prepared, 1 client": ("prepared", 1), "prepared, 8 clients": ("prepared", 8), "plain, 1 client": ("simple", 1)}
DEEP = 8_000
PAGE = 20

HOSPITAL = """
INSERT INTO visit_types (code, name, duration_minutes, latest_minutes, is_public, instructions, is_active, created_at,
    updated_at)
SELECT code, code, 15, 0, TRUE, '', TRUE, now(), now() FROM unnest(ARRAY['follow_up', 'video']) AS code;
INSERT INTO departments (id, name, site, time_zone, phone, is_active, created_at, updated_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'Department ' || n, '', (ARRAY[%(zones)s])[1 + n %% 2], '', TRUE, now(), now()
FROM generate_series(1, %(departments)s) AS n;
INSERT INTO doctors (id, name, email, phone, department_id, specialization, is_active, created_at, updated_at)
SELECT 'DOC-' || lpad(n::text, 4, '0'), 'Dr ' || n, '', '', lpad(to_hex(1 + n %% %(departments)s), 32, '0')::uuid, '',
    TRUE, now(), now()
FROM generate_series(1, %(doctors)s) AS n;
"""
# Doctor by doctor, fifty seats a day from seven o'clock UTC on; six in ten are booked, drawn from day and seat.
SLOTS = """
INSERT INTO available_slots (
    id, doctor_id, department_id, date, time, duration_minutes, status, starts_at, ends_at, seat, visit_type,
    held_by, hold_digest, created_at, updated_at
)
SELECT uuidv7(), doctors.id, department_id, (starts_at AT TIME ZONE time_zone)::date,
    (starts_at AT TIME ZONE time_zone)::time, 15,
    CASE WHEN hashtextextended(doctors.id, day * 50 + n) & 1023 < 614 THEN 'booked' ELSE 'available' END,
    starts_at, starts_at + interval '15 minutes', 1,
    CASE WHEN n < 30 THEN 'consultation' WHEN n < 42 THEN 'follow_up' ELSE 'video' END, '', '', now(), now()
FROM doctors JOIN departments ON departments.id = department_id,
    generate_series(%(first)s, %(last)s) AS day, generate_series(0, 49) AS n,
    LATERAL (SELECT date_trunc('day', now()) + make_interval(days => day, mins => 420 + n * 15) AS starts_at) AS moment
ORDER BY doctors.id, starts_at
"""
# What is dropped while loading, and how to make it again. The exclusion constraint stays away: no search reads it, and
# over ten million seats it took longer to make than all the rest.
INDEXES = """
SELECT format('DROP INDEX %I', indexname), indexdef FROM pg_indexes
WHERE tablename = 'available_slots' AND indexdef NOT LIKE 'CREATE UNIQUE %'
    AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
MOST_VISITS = 18  # of a type per doctor and day, where limited: every other day is full for consultations

FIRST_BY_HAND = """
SELECT slot.id, slot.doctor_id, slot.department_id, slot.date, slot.time, slot.starts_at, slot.ends_at,
    slot.duration_minutes, slot.visit_type, slot.seat, doctor.name AS doctor_name, doctor.specialization,
    department.name AS department_name, department.time_zone
FROM available_slots AS slot
JOIN doctors AS doctor ON doctor.id = slot.doctor_id
JOIN departments AS department ON department.id = slot.department_id
WHERE slot.department_id = '{department}' AND slot.status = 'available' AND slot.starts_at > now()
ORDER BY slot.starts_at, slot.id
LIMIT {limit}
"""


def load(slots: int) -> None:
    days = slots // (DOCTORS * SEATS_A_DAY)
    for setting in ("maintenance_work_mem = '1GB'", "work_mem = '256MB'", "session_replication_role = replica"):
        execute(f"SET {setting}")
    zones = {f"'{zone}'" for _site, zone in SITES}
    execute(HOSPITAL % {"zones": ", ".join(sorted(zones)), "departments": DEPARTMENTS, "doctors": DOCTORS})
    execute("ALTER TABLE available_slots DROP CONSTRAINT slot_no_overlap")
    indexes = execute(INDEXES)
    for drop, _make in indexes:
        execute(drop)
    execute(SLOTS, {"first": DAYS_AHEAD - days, "last": DAYS_AHEAD - 1})
    for _drop, make in indexes:
        execute(make)
    execute("VACUUM (ANALYZE)")
    execute("CHECKPOINT")
    connection.close()  # and its settings with it


def questions() -> dict[str, list[str]]:
    """By name, the statement for each department."""
    departments = [str(department) for (department,) in execute("SELECT id FROM departments ORDER BY id")]
    client = client_of_api()
    first = [f"/api/v1/available-slots?department={department}&page_size={PAGE}" for department in departments]
    return {
        "first": [statement_of(client, address) for address in first],
        "by_hand": [FIRST_BY_HAND.format(department=department, limit=PAGE + 1) for department in departments],
        "deep": [statement_of(client, deep_page(client, department)) for department in departments],
        "calendar": [
            statement_of(client, f"/api/v1/available-slots/calendar?department={department}")
            for department in departments
        ],
    }


def client_of_api() -> Client:
    printed = io.StringIO()
    call_command("create_client", "bench", scopes="slots:read", stdout=printed)
    token = json.loads(printed.getvalue())["access_token"]
    return Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {token}"})


def statement_of(client: Client, address: str) -> str:
    """The statement about slots that the API runs to answer."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return next(query["sql"] for query in reversed(queries) if '"available_slots"' in query["sql"])


def deep_page(client: Client, department: str) -> str:
    """The address of a page deep down in the list of free seats."""
    address = f"/api/v1/available-slots?department={department}&page_size={MAX_PAGE_SIZE}"
    for _page in range(DEEP // MAX_PAGE_SIZE):
        address = client.get(address).json()["next"]
    return address.replace(f"page_size={MAX_PAGE_SIZE}", f"page_size={PAGE}")


def limit(visits: int | None) -> None:
    execute("UPDATE visit_types SET limit_per_doctor_day = %s", [visits])


def ask(name: str, statements: list[str], mode: str, clients: int, seconds: int) -> float:
    """Transactions per second of random ones of these statements."""
    files = []
    for number, statement in enumerate(statements):
        file = VAR_DIR / f"{name}-{number}.sql"
        file.write_text(statement.strip() + ";\n")
        files += ["-f", str(file)]
    command = [embedded.program("pgbench"), "-h", str(FILES.socket_dir), "-U", embedded.SUPERUSER, "-n"]
    command += ["-M", mode, "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds), *files]
    printed = subprocess.run(
        [*command, connection.settings_dict["NAME"]], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"^tps = ([0-9.]+)", printed, re.MULTILINE)[1])


def cpu_milliseconds(statements: list[str]) -> float:
    """Processor time of the server for one of these statements, once their rows are in memory."""
    server = psutil.Process(execute("SELECT pg_backend_pid()")[0][0])
    for statement in statements:
        execute(statement)
    before = server.cpu_times()
    for statement in statements * 3:
        execute(statement)
    after = server.cpu_times()
    return 1000 * (after.user + after.system - before.user - before.system) / (3 * len(statements))


def speeds(asked: dict[int, dict[str, list[str]]], rounds: int, seconds: int) -> dict[tuple[str, str, int], float]:
    """Of each question, way of asking and size of the database: the median of the rounds."""
    found: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for _round in range(rounds):
        for way, (mode, clients) in WAYS.items():
            for name in ("first", "by_hand", "deep", "calendar", "limited", "calendar_limited"):
                for slots, statements in asked.items():
                    own_server.enter(f"hospital_{slots}")
                    limit(MOST_VISITS if name.endswith("limited") else None)
                    question = "first" if name == "limited" else name.removesuffix("_limited")
                    found[name, way, slots].append(ask(name, statements[question], mode, clients, seconds))
    return {key: statistics.median(rates) for key, rates in found.items()}


def measure(sizes: list[int], rounds: int, seconds: int) -> dict[str, Any]:
    """The figures, and which of them are missed."""
    asked, calendars = {}, {}
    for slots in sizes:
        own_server.enter(f"hospital_{slots}")
        load(slots)
        asked[slots] = questions()
        for name, visits in (("calendar", None), ("calendar_limited", MOST_VISITS)):
            limit(visits)
            calendars[f"{name}, {slots}"] = round(cpu_milliseconds(asked[slots]["calendar"]), 1)
    speed = speeds(asked, rounds, seconds)
    ratios = {
        f"{way}, {slots}": round(speed["by_hand", way, slots] / speed["first", way, slots], 2)
        for way in WAYS
        for slots in sizes
    }
    growth = {way: round(speed["first", way, max(sizes)] / speed["first", way, min(sizes)], 2) for way in WAYS}
    missed = [f"ratio, {key}" for key, ratio in ratios.items() if key.startswith("prepared") and ratio > MOST_RATIO]
    missed += [f"calendar, {slots}" for slots in sizes if calendars[f"calendar, {slots}"] > MOST_CALENDAR_MS]
    missed += [f"growth, {way}" for way in WAYS if way.startswith("prepared") and growth[way] < LEAST_GROWTH]
    return {
        "transactions_per_second": {", ".join(map(str, key)): round(rate, 1) for key, rate in speed.items()},
        "ratio": ratios,
        "growth": growth,
        "calendar_cpu_milliseconds": calendars,
        "missed": missed,
        "machine": own_server.machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, nargs="+", default=[1_000_000], help="not below 1000000")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    own_server.prepare()
    found = measure(options.slots, options.rounds, options.seconds)
    print(json.dumps(found, indent=2))
    sys.exit(bool(found["missed"]))


if __name__ == "__main__":
    main()
