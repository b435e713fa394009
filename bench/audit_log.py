"""The audit log itself: honest rows raise no alarm, the sealer keeps up, and a check is quick.

    python bench/audit_log.py [--rows 100000] [--writers 32]

An embedded server of its own, a real sealer, and ``writers`` connections of the site's role that write ``rows`` rows
in transactions of one to five, some slow, some with savepoints, some rolled back. ``behind``: the most seconds that a
committed row was without a seal, looked at twice a second; at most MOST_BEHIND. ``findings`` of a check of all that:
none. ``rows_per_second`` of the check of rows against seals; at least LEAST_SPEED. Prints one JSON object; exits with
1 when a figure is missed.
"""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import own_server
import psycopg
from django.db import connection
from own_server import FILES, execute, machine

from audit import sealing
from audit.verification import Report, check_rows, findings
from booking_site.postgres.grants import grant
from booking_site.postgres.roles import SEALER, SITE

MOST_BEHIND, LEAST_SPEED = 5.0, 100_000
ROW = """
INSERT INTO audit_logs (id, action, status, user_id, user_kind, user_name, on_behalf_of, patient_id, object_type,
    object_id, request_id, address, details)
VALUES (audit_uuid7(), 'patient.viewed', 'success', '17', 'user', 'reception', '', gen_random_uuid(), 'patient',
    gen_random_uuid()::text, gen_random_uuid()::text, '192.0.2.7', jsonb_build_object('new', jsonb_build_object(
        'state', 'booked', 'slot_id', gen_random_uuid(), 'doctor_id', 'DOC-0001', 'starts_at', now())))
"""


def write_rows(rows: int, seed: int) -> None:
    draw = random.Random(seed)
    with psycopg.connect(f"postgresql://{SITE}@/hospital?host={FILES.socket_dir}") as session:
        while rows > 0:
            count = min(rows, draw.randint(1, 5))
            for _ in range(count):
                session.execute(ROW)
            if draw.random() < 0.02:
                time.sleep(draw.uniform(0, 0.5))
            if draw.random() < 0.05:
                session.rollback()
                continue
            if draw.random() < 0.1:
                session.execute("SAVEPOINT here")
                session.execute(ROW)
                session.execute("ROLLBACK TO here")
            session.commit()
            rows -= count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--writers", type=int, default=32)
    options = parser.parse_args()
    own_server.prepare()
    grant(site=SITE, sealer=SEALER)
    key = secrets.token_hex(16)
    own = {"DATABASE_URL": f"postgresql://{SEALER}@/hospital?host={FILES.socket_dir}", "LOCAL": "on"}
    sealer = subprocess.Popen(
        [sys.executable, "manage.py", "seal_audit", "--every", "2"],
        cwd=Path(__file__).resolve().parent.parent,
        env=os.environ | own | {"AUDIT_KEY": key, "AUDIT_SEALS_FILE": "off"},
    )
    from django.conf import settings

    settings.AUDIT_KEY = key
    while not execute("SELECT 1 FROM pg_stat_activity WHERE usename = %s", [SEALER]):
        time.sleep(0.2)
    share = options.rows // options.writers
    writers = [threading.Thread(target=write_rows, args=(share, seed)) for seed in range(options.writers)]
    began = time.monotonic()
    for writer in writers:
        writer.start()
    behind = 0.0
    while any(writer.is_alive() for writer in writers) or sealing.unsealed()[0]:
        _, oldest = sealing.unsealed()
        if oldest is not None:
            behind = max(behind, execute("SELECT extract(epoch FROM clock_timestamp() - %s)", [oldest])[0][0])
        time.sleep(0.5)
    wrote = time.monotonic() - began
    sealer.terminate()
    sealer.wait(30)
    report = Report()
    found = list(findings(report))
    speeds = []
    for _ in range(3):
        looked, began = Report(), time.perf_counter()
        assert not list(check_rows([], looked))
        speeds.append(looked.rows / (time.perf_counter() - began))
    connection.close()
    result = {
        **machine(),
        "rows": report.rows,
        "seals": report.seals,
        "written_per_second": round(report.rows / wrote),
        "behind": round(float(behind), 1),
        "findings": len(found),
        "rows_per_second": [round(speed) for speed in speeds],
    }
    print(json.dumps(result))
    sys.exit(bool(found) or report.rows < share * options.writers or behind > MOST_BEHIND or max(speeds) < LEAST_SPEED)


if __name__ == "__main__":
    main()
