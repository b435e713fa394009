"""What the board of the day costs: in an embedded server of its own, through the whole site, and in a real browser.

    python bench/today.py [--doctors 20] [--visits 400] [--rounds 60]

A department with so many doctors, who have so many visits today: of twenty nine are done, one is with the doctor, two
wait, one was missed, seven are to come. A quarter as many seats are free. Prints one JSON object; exits with 1 when a
figure is missed.

``milliseconds``: of the whole request in this process, middleware included, median and 95th percentile: of the page, of
a refresh after a change (``data``), of one that changed nothing (``unchanged``, 304), and, to compare machines, of the
page to sign in on; at most 60 ms for page and data and 10 ms for unchanged, by the median, on a machine with nothing
else to do. ``cpu_milliseconds``: the processor time of this process in it. ``queries``: of each; at most 12.
``usable_milliseconds``: from asking for the page until the board is drawn and answers to a click in headless Chromium,
served by gunicorn, median of five; at most 1,000.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from typing import Any

import own_server
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from own_server import execute

from doctors.models import Department, Doctor, StaffProfile
from scheduling.models import VisitType

MOST_MS = {"page": 60, "data": 60, "unchanged": 10}
MOST_QUERIES, MOST_USABLE_MS = 12, 1000
PASSWORD = "a long pass phrase"
DATA = "/admin/today/data/"
# Visits of twenty minutes from six o'clock UTC on, and beside every fourth a seat that is free.
SEATS = """
INSERT INTO available_slots (
    id, doctor_id, department_id, date, time, duration_minutes, status, starts_at, ends_at, seat, visit_type, held_by,
    hold_digest, created_at, updated_at
)
SELECT uuidv7(), doctors.id, department_id, starts_at::date, starts_at::time, 20,
    CASE seat WHEN 1 THEN 'booked' ELSE 'available' END,
    starts_at, starts_at + interval '20 minutes', seat, 'consultation', '', '', now(), now()
FROM doctors, generate_series(0, %(each)s - 1) AS n, generate_series(1, 2) AS seat,
    LATERAL (SELECT date_trunc('day', now()) + make_interval(mins => 360 + n * 20) AS starts_at) AS moment
WHERE seat = 1 OR n %% 4 = 0
"""
VISITS = """
INSERT INTO appointments (
    id, patient_id, doctor_id, department_id, slot_id, reason, status, date, time, starts_at, ends_at, visit_type,
    source, booked_by, is_urgent, cancellation_reason, booked_at, checked_in_at, started_at, completed_at, no_show_at,
    created_at, updated_at
)
SELECT uuidv7(), patients.id, doctor_id, department_id, slot.id, 'Follow-up', state.status, date, time, starts_at,
    ends_at, visit_type, 'demo', '', number %% 20 = 0, '', now(),
    CASE WHEN state.status IN ('checked_in', 'in_progress', 'completed') THEN now() - interval '40 minutes' END,
    CASE WHEN state.status IN ('in_progress', 'completed') THEN now() - interval '20 minutes' END,
    CASE WHEN state.status = 'completed' THEN now() END, CASE WHEN state.status = 'no_show' THEN now() END,
    now(), now()
FROM (SELECT *, row_number() OVER (ORDER BY id) AS number FROM available_slots WHERE status = 'booked') AS slot
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number FROM patients) AS patients USING (number),
    LATERAL (SELECT CASE WHEN number %% 20 < 9 THEN 'completed' WHEN number %% 20 = 9 THEN 'in_progress'
        WHEN number %% 20 < 12 THEN 'checked_in' WHEN number %% 20 = 12 THEN 'no_show' ELSE 'booked' END AS status
    ) AS state
"""
FREED = """
UPDATE available_slots SET status = 'available'
WHERE id IN (SELECT slot_id FROM appointments WHERE status = 'no_show')
"""
PATIENTS = """
INSERT INTO patients (id, first_name, last_name, dob, email, phone, insurance_provider, insurance_id,
    preferred_language, remind_by_email, remind_by_sms, remind_by_phone, is_active, created_at, updated_at)
SELECT uuidv7(), 'First' || n, 'Last' || n, '1980-01-01', '', '', '', '', '', FALSE, FALSE, FALSE, TRUE, now(), now()
FROM generate_series(1, %s) AS n
"""


def load(doctors: int, visits: int) -> str:
    """The hospital; returns the query of its board."""
    VisitType.objects.get_or_create(code="consultation", defaults={"name": "Consultation", "duration_minutes": 20})
    department = Department.objects.create(name="Outpatients", time_zone="UTC")
    Doctor.objects.bulk_create(
        Doctor(id=f"DOC-{n:04}", name=f"Dr Number {n}", department=department) for n in range(doctors)
    )
    execute(PATIENTS, [visits])
    execute(SEATS, {"each": visits // doctors})
    execute(VISITS, {})
    execute(FREED)
    execute("VACUUM (ANALYZE)")
    user = User.objects.create_user("bench", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="Reception"))
    StaffProfile.objects.create(user=user).departments.add(department)
    return f"department={department.pk}&date={timezone.now():%Y-%m-%d}"


def ask(client: Client, address: str, status: int, **headers: str) -> tuple[float, float, Any]:
    """Milliseconds by the clock and of the processor, and the answer."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = client.get(address, headers=headers)
    passed = 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)
    assert answer.status_code == status, answer.content
    return *passed, answer


def served(person: Client, query: str, rounds: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    etag = person.get(f"{DATA}?{query}")["ETag"]
    ways = {
        "sign_in": ("/admin/login/", 200, {}),
        "page": (f"/admin/?{query}", 200, {}),
        "data": (f"{DATA}?{query}", 200, {}),
        "unchanged": (f"{DATA}?{query}", 304, {"If-None-Match": etag}),
    }
    wall, cpu, queries = {}, {}, {}
    for name, (address, status, headers) in ways.items():
        client = Client(SERVER_NAME="localhost") if name == "sign_in" else person
        ask(client, address, status, **headers)  # once for what is made at the first time
        with CaptureQueriesContext(connection) as captured:
            ask(client, address, status, **headers)
        queries[name] = len(captured)
        taken = [ask(client, address, status, **headers)[:2] for _round in range(rounds)]
        wall[name], cpu[name] = (spread(column) for column in zip(*taken, strict=True))
    return wall, cpu, queries


def spread(values: Any) -> dict[str, float]:
    return {
        "best": round(min(values), 1),
        "p50": round(statistics.median(values), 1),
        "p95": round(statistics.quantiles(values, n=20)[-1], 1),
    }


def usable(query: str) -> float | None:
    """None where there is no Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "LOCAL": "on", "HTTPS": "off"}
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:booking_site.gunicorn", "--bind", f"127.0.0.1:{port}"]
    server = subprocess.Popen(gunicorn, env=environment)
    try:
        for _attempt in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except OSError:
                time.sleep(0.1)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1600, "height": 900})
            page.goto(f"http://127.0.0.1:{port}/admin/login/?next=/admin/%3F{query.replace('&', '%26')}")
            page.get_by_label("Username").fill("bench")
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.locator(".ec-event").first.wait_for()
            taken = []
            for _round in range(5):
                began = time.perf_counter()
                page.goto(f"http://127.0.0.1:{port}/admin/?{query}", wait_until="commit")
                page.wait_for_function("document.querySelector('.ec-event[tabindex=\"0\"]')", polling="raf")
                taken.append(1000 * (time.perf_counter() - began))
            browser.close()
            return round(statistics.median(taken))
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doctors", type=int, default=20)
    parser.add_argument("--visits", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    own_server.prepare()
    call_command("collectstatic", interactive=False, verbosity=0)
    query = load(options.doctors, options.visits)
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="bench"))
    client.get(f"/admin/?{query}")  # is remembered
    wall, cpu, queries = served(client, query, options.rounds)
    drawn = usable(query)
    missed = [name for name, most in MOST_MS.items() if wall[name]["p50"] > most]
    missed += [f"{name}, queries" for name, number in queries.items() if number > MOST_QUERIES]
    missed += ["usable"] if drawn is not None and drawn > MOST_USABLE_MS else []
    found = {
        "milliseconds": wall,
        "cpu_milliseconds": cpu,
        "queries": queries,
        "usable_milliseconds": drawn,
        "missed": missed,
        "machine": own_server.machine(),
    }
    print(json.dumps(found, indent=2))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
