"""The bare database: what the calls ask of it, as prepared statements, by PostgreSQL's own ``pgbench``.

Over a copy of the product's tables, with all their constraints, indexes and triggers. The statements, in
``bench/pgbench``, are the essential ones: no rules of visit types, no holds, no log of what has been read. Numbers come
back as they are in the database, where a system gives them to its clients as JSON.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from bench.compare import cluster
from bench.compare.driver import Outcome
from bench.compare.workloads import Parameters
from booking_site.postgres import embedded

SCRIPTS = cluster.ROOT / "bench" / "pgbench"
DATABASE = "work_pgbench"
SEQUENCES = """
CREATE SEQUENCE bench.next_booking MINVALUE 0 START 0;
CREATE SEQUENCE bench.next_cancellation MINVALUE 0 START 0
"""


def prepare(template: str) -> None:
    cluster.copy(template, DATABASE)
    cluster.rows(DATABASE, SEQUENCES)


def run(of: Parameters, workload: str, *, clients: int, seconds: float) -> Outcome:
    """What comes from its log of transactions: a line each, with its latency in microseconds in the third column."""
    values = {"first_day": of.first_day, "days": of.days, "patients": len(of.patients)}
    with tempfile.TemporaryDirectory() as folder:
        command = [embedded.program("pgbench"), "-h", str(cluster.FILES.socket_dir), "-U", embedded.SUPERUSER, "-n"]
        command += ["-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(max(1, round(seconds)))]
        command += ["-f", str(SCRIPTS / f"{workload}.sql"), "-l", "--log-prefix", f"{folder}/log"]
        command += [argument for name, value in values.items() for argument in ("-D", f"{name}={value}")]
        done = subprocess.run([*command, DATABASE], capture_output=True, text=True)
        if done.returncode or "failed" in done.stderr:
            raise SystemExit(f"pgbench, {workload}: {done.stderr.strip()}")
        latencies = [
            int(line.split()[2]) / 1000 for log in Path(folder).iterdir() for line in log.read_text().splitlines()
        ]
    speed = float(re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)[1])  # type: ignore[index]
    return Outcome(seconds=len(latencies) / speed, latencies=latencies)
