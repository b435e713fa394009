"""The FastAPI build of the same calls, with packages in an environment of its own and tables of its own that hold the
rows of the data set."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from psycopg import sql

from bench.compare import cluster, dataset

SOURCE = cluster.ROOT / "bench" / "reference_fastapi"
VENV = cluster.HOME / "venv"
REQUIREMENTS = (SOURCE / "requirements.txt", Path(__file__).with_name("requirements.txt"))
PATIENT = "id, first_name, last_name, email, phone, dob, insurance_provider, insurance_id, is_active"
VISIT = "id, doctor_id, department_id, date, time, starts_at, ends_at, visit_type, status"
# What is taken of each table of the product's, by the same names.
TABLES = {
    "departments": "id, name, site, time_zone, phone, is_active",
    "doctors": "id, name, email, phone, department_id, specialization, is_active",
    "patients": PATIENT,
    "available_slots": f"{VISIT}, duration_minutes, seat",
    "appointments": f"{VISIT}, patient_id, slot_id, reason, requested_datetime, source, booked_by, is_urgent, "
    "needs_new_time_since, needs_new_time_because, cancellation_code, cancellation_reason, booked_at, checked_in_at, "
    "started_at, completed_at, cancelled_at, no_show_at",
}


def install() -> None:
    """The packages of the reference and of the profiler, once."""
    stamp = VENV / ".packages"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing the packages of the reference, once ...", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    files = [argument for path in REQUIREMENTS for argument in ("-r", str(path))]
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *files]
    if subprocess.run(pip).returncode:
        raise SystemExit("The packages of the reference could not be installed. --systems ours,pgbench needs none.")
    stamp.write_text(wanted)


def environment(database: str) -> dict[str, str]:
    path = cluster.FILES.socket_dir
    return os.environ | {"REFERENCE_DATABASE_URL": f"postgresql+asyncpg://postgres@/{database}?host={path}"}


def python(*arguments: str) -> list[str]:
    return [str(VENV / "bin" / "python"), *arguments]


def template(source: str) -> str:
    """The name of the database that holds the rows of ``source`` in the tables of the reference; made when there is
    none."""
    tables = b"".join(path.read_bytes() for path in (SOURCE / "models.py", SOURCE / "database.py", Path(__file__)))
    prefix = source.replace("data_", "reference_")
    name = f"{prefix}_{hashlib.sha256(tables).hexdigest()[:6]}"
    same = cluster.rows("hospital", "SELECT datname FROM pg_database WHERE starts_with(datname, 'reference_')")
    if (name,) in same and _made(name) == _made(source):
        return name
    kept = {row[0] for row in cluster.rows("hospital", "SELECT datname FROM pg_database")}
    for (other,) in same:
        if other.startswith(prefix) or "_".join(["data", *other.split("_")[1:3]]) not in kept:
            cluster.drop(other)
    print("Copying the data set into the tables of the reference ...", file=sys.stderr)
    _make("draft_reference", source)
    rename = sql.SQL("ALTER DATABASE draft_reference RENAME TO {}").format(sql.Identifier(name))
    cluster.rows("hospital", rename)
    return name


def _made(database: str) -> object:
    return cluster.rows(database, "SELECT today FROM bench.made")


def _make(draft: str, source: str) -> None:
    cluster.drop(draft)
    cluster.rows("hospital", f"CREATE DATABASE {draft}")
    subprocess.run(python("-m", "database"), cwd=SOURCE, env=environment(draft), check=True)
    with cluster.connect(source) as one, cluster.connect(draft) as other:
        with dataset.unindexed(other, list(TABLES)):
            for table, columns in TABLES.items():
                out = one.cursor().copy(f"COPY (SELECT {columns} FROM {table} ORDER BY id) TO STDOUT")
                with out as read, other.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as write:
                    for data in read:
                        write.write(data)
        other.execute("CREATE SCHEMA bench")
        other.execute("CREATE TABLE bench.made (today date)")
        other.execute("INSERT INTO bench.made VALUES (%s)", one.execute("SELECT today FROM bench.made").fetchone())
        other.execute("VACUUM (ANALYZE)")
        other.execute("CHECKPOINT")
