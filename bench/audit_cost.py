"""What the audit log and its sealer cost bookings over HTTP: the same site with and without them, in turns.

    python bench/audit_cost.py [--runs 10] [--bookings 800] [--clients 8]

An embedded server of its own with 200 doctors; two sites under gunicorn, two workers each, over the one database. One
is the product with its sealer beside it. The other writes no audit rows, and while it is at work the triggers of the
backstop are off. Each run books the same number of free seats for as many patients, by ``clients`` connections that are
kept open; the sites take turns. ``ratio``: the median of bookings per second with audit to that without. Prints one
JSON object; exits with 1 when the ratio is below LEAST.
"""

import argparse
import itertools
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import own_server
import search
from own_server import FILES, execute, machine

from booking_site.api.clients import issue_token, register
from booking_site.postgres.grants import grant
from booking_site.postgres.roles import SEALER, SITE
from booking_site.testing.racing import HttpClient

LEAST = 0.95
HERE = Path(__file__).resolve().parent
PATIENTS = """
INSERT INTO patients (id, first_name, last_name, email, phone, insurance_provider, insurance_id, preferred_language,
    remind_by_email, remind_by_sms, remind_by_phone, is_active, created_at, updated_at)
SELECT uuidv7(), 'Patient', 'No ' || n, '', '', '', '', '', FALSE, FALSE, FALSE, TRUE, now(), now()
FROM generate_series(1, %s) AS n RETURNING id
"""
SLOTS_PER_DAY = search.DOCTORS * search.SEATS_A_DAY
SWITCH = "ALTER TABLE {table} {state} TRIGGER audit_backstop"


class Site:
    """The site under gunicorn, as the role that owns nothing."""

    def __init__(self, application: str, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"postgresql://{SITE}@/hospital?host={FILES.socket_dir}"
        own = {"DATABASE_URL": url, "LOCAL": "on", "HTTPS": "off", "AUDIT_SEALS_FILE": "off"}
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "-c", "python:booking_site.gunicorn"),
                *("--bind", f"127.0.0.1:{port}", application),
            ],
            cwd=HERE.parent,
            env=os.environ | own | {"PYTHONPATH": str(HERE)} | environment,
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=5)
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the site did not answer")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def book_all(site: Site, token: str, pairs: list[tuple[str, str]], clients: int) -> float:
    """Bookings per second."""
    left = iter(pairs)
    lock = threading.Lock()
    failures = []

    def work() -> None:
        client = HttpClient(site.address, token)
        while True:
            with lock:
                pair = next(left, None)
            if pair is None:
                return
            patient, slot = pair
            answer = client.post(
                "/api/v1/book-appointment", {"patient_id": patient, "slot_id": slot, "reason": "Bench"}
            )
            if answer.status != 201:
                failures.append(answer)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if failures:
        raise SystemExit(f"{len(failures)} bookings failed, the first with {failures[0]}")
    return len(pairs) / seconds


def wait_until_sealed() -> None:
    from audit import sealing

    while sealing.unsealed()[0]:
        time.sleep(0.2)


def switch(state: str) -> None:
    for table in ("patients", "available_slots", "appointments"):
        execute(SWITCH.format(table=table, state=state))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--bookings", type=int, default=800)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    own_server.prepare()
    wanted = options.bookings * 2 * (options.runs + 1)
    search.load(-(-wanted // SLOTS_PER_DAY) * SLOTS_PER_DAY)
    execute("SET session_replication_role = replica")
    execute("UPDATE available_slots SET status = 'available'")
    execute("SET session_replication_role = origin")
    patients = [str(key) for (key,) in execute(PATIENTS, [wanted])]
    execute("VACUUM ANALYZE")
    slots = [str(key) for (key,) in execute("SELECT id FROM available_slots ORDER BY md5(id::text)")]
    pairs = iter(zip(patients, slots, strict=False))
    grant(site=SITE, sealer=SEALER)
    client, _ = register("bench", ["appointments:write"], requests_per_minute=0)
    token, _ = issue_token(client, days=1)
    secret = {"SECRET_KEY": secrets.token_urlsafe(50)}
    sealer = {"SEALER": "on", "SEALER_DATABASE_URL": f"postgresql://{SEALER}@/hospital?host={FILES.socket_dir}"}
    sites = {
        "with_audit": Site("booking_site.wsgi:application", **secret, **sealer),
        "without": Site("unaudited:application", **secret, SEALER="off"),
    }
    found: dict[str, list[float]] = {name: [] for name in sites}
    try:
        for run in range(options.runs + 1):  # the first one warms up
            for name in sorted(sites, reverse=bool(run % 2)):
                switch("ENABLE" if name == "with_audit" else "DISABLE")
                before = execute("SELECT count(*) FROM audit_logs")[0][0]
                speed = book_all(sites[name], token, list(itertools.islice(pairs, options.bookings)), options.clients)
                told = execute("SELECT count(*) FROM audit_logs")[0][0] - before
                assert told == (options.bookings if name == "with_audit" else 0), told
                wait_until_sealed()
                if run:
                    found[name].append(round(speed, 1))
    finally:
        for site in sites.values():
            site.stop()
    medians = {name: statistics.median(speeds) for name, speeds in found.items()}
    ratio = round(medians["with_audit"] / medians["without"], 3)
    pairwise = [round(one / other, 3) for one, other in zip(found["with_audit"], found["without"], strict=True)]
    print(json.dumps({**machine(), "bookings_per_second": found, "ratio": ratio, "ratios": pairwise, "least": LEAST}))
    sys.exit(ratio < LEAST)


if __name__ == "__main__":
    main()
