"""The hospital that is measured: 200 doctors in 20 departments, 50 seats a day each on 100 days, six in ten of them
booked by 50,000 patients; ten times the days and the patients as the larger size. The same rows each time.

It is made once, by the product's migrations and statements of one ``INSERT`` each, and then kept as a template of which
each run takes a copy. It is made anew when the tables of the product or the statements have changed, or when so many
days have passed that what is to come lies behind.

Nobody is in two places, by arithmetic: all doctors' visits begin at the same quarters of an hour. At each of them every
doctor's seat has a patient of its own to whom it belongs, booked or not: ``patient_of``.

Beside the tables of the product there is a schema ``bench``: ``to_book`` (free seats to come, each with its patient)
and ``to_cancel`` (appointments to come), both numbered from 0 in an order drawn at random, and ``made``.
"""

import contextlib
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql
from tqdm import tqdm

from bench.compare import cluster

DOCTORS, DEPARTMENTS, SEATS_A_DAY, BOOKED_A_DAY = 200, 20, 50, 30
DAYS_AHEAD = 80
GOOD_FOR = 7  # days; what a run writes to begins later than that
KEPT = 2  # templates of a size: that of another version of the tables stays
LOADED = ("patients", "available_slots", "appointments")
PART = 10  # doctors whose rows are written by one statement


@dataclass(frozen=True, slots=True)
class Size:
    name: str
    days: int
    patients: int

    @property
    def slots(self) -> int:
        return DOCTORS * SEATS_A_DAY * self.days


SIZES = {size.name: size for size in (Size("1m", 100, 50_000), Size("10m", 1000, 500_000))}

ID = "('019a0000-0000-7000-{kind}-' || lpad(to_hex({number}), 12, '0'))::uuid"
SLOT, APPOINTMENT, PATIENT = (
    ID.format(kind=kind, number=number) for kind, number in (("8001", "n"), ("8002", "n"), ("8003", "patient"))
)

HOSPITAL = """
INSERT INTO departments (id, name, site, time_zone, phone, is_active, created_at, updated_at)
SELECT ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Department ' || lpad(n::text, 2, '0'),
    (ARRAY['Harbour Hospital', 'River Clinic'])[1 + n %% 2], (ARRAY['Europe/Lisbon', 'Europe/Berlin'])[1 + n %% 2], '',
    TRUE, now(), now()
FROM generate_series(0, %(departments)s - 1) AS n;
INSERT INTO doctors (id, name, email, phone, department_id, specialization, is_active, created_at, updated_at)
SELECT 'DOC-' || lpad((n + 1)::text, 4, '0'), 'Dr ' || surname || ' ' || n, 'doctor' || n || '@hospital.example', '',
    ('019a0000-0000-7000-8000-' || lpad(to_hex(n %% %(departments)s), 12, '0'))::uuid,
    (ARRAY['Cardiology', 'Neurology', 'Paediatrics', 'Dermatology', 'Orthopaedics'])[1 + n %% 5], TRUE, now(), now()
FROM generate_series(0, %(doctors)s - 1) AS n,
    LATERAL (SELECT (ARRAY['García', 'Müller', 'Okafor', 'Nguyễn', 'Иванова', 'Silva'])[1 + n %% 6] AS surname) AS named
"""
PATIENTS = f"""
INSERT INTO patients (id, first_name, last_name, email, phone, dob, insurance_provider, insurance_id,
    preferred_language, remind_by_email, remind_by_sms, remind_by_phone, is_active, created_at, updated_at)
SELECT {PATIENT}, (ARRAY['Ana', 'José', '小明', 'فاطمة', 'Ольга', 'Zoë', 'Amara'])[1 + patient % 7],
    (ARRAY['Costa', 'O''Neill', '王', 'الحسن', 'Петрова', 'Schröder', 'Adeyemi', 'Lindqvist'])[1 + patient % 8]
        || ' ' || patient,
    'patient' || patient || '@example.org', '+351 9' || lpad(patient::text, 8, '0'),
    date '1930-01-01' + (patient * 31 % 33000), 'Aurora Mutual', 'A' || patient, 'pt', FALSE, FALSE, FALSE, TRUE, now(),
    now()
FROM generate_series(0, %(patients)s - 1) AS patient
""".replace(" % ", " %% ")

# The seats of some doctors: ``n`` is the number of a seat, ``quarter`` that of its time, ``patient`` whose it is.
# In a block of quarters each patient comes up once; from block to block with another doctor.
SEATS = f"""
SELECT doctor.number * %(days)s * {SEATS_A_DAY} + quarter AS n, doctor.*, quarter,
    %(first_day)s::date + quarter / {SEATS_A_DAY} AS day,
    (%(first_day)s::date + quarter / {SEATS_A_DAY} + time '07:00') AT TIME ZONE 'UTC'
        + make_interval(mins => quarter %% {SEATS_A_DAY} * 15) AS starts_at,
    (quarter * {DOCTORS} + (doctor.number + 37 * (quarter / (%(patients)s / {DOCTORS}))) %% {DOCTORS}) * 7919::bigint
        %% %(patients)s AS patient,
    row_number() OVER (
        PARTITION BY doctor.number, quarter / {SEATS_A_DAY}
        ORDER BY hashint8extended(doctor.number * 1000000 + quarter, 6)
    ) <= {BOOKED_A_DAY} AS is_booked
FROM (
    SELECT row_number() OVER (ORDER BY doctors.id) - 1 AS number, doctors.id AS doctor_id, department_id, time_zone
    FROM doctors JOIN departments ON departments.id = department_id
) AS doctor, generate_series(0, %(days)s * {SEATS_A_DAY} - 1) AS quarter
WHERE doctor.number BETWEEN %(from)s AND %(to)s
"""
LOCAL = "(starts_at AT TIME ZONE time_zone)::date, (starts_at AT TIME ZONE time_zone)::time"
SLOTS = f"""
INSERT INTO available_slots (id, doctor_id, department_id, date, time, duration_minutes, status, starts_at, ends_at,
    seat, visit_type, held_by, hold_digest, created_at, updated_at)
SELECT {SLOT}, doctor_id, department_id, {LOCAL}, 15, CASE WHEN is_booked THEN 'booked' ELSE 'available' END, starts_at,
    starts_at + interval '15 minutes', 1, 'consultation', '', '', now(), now()
FROM ({SEATS}) AS seats ORDER BY n
"""
APPOINTMENTS = f"""
INSERT INTO appointments (id, patient_id, doctor_id, department_id, slot_id, reason, status, date, time, starts_at,
    ends_at, visit_type, source, booked_by, cancellation_reason, booked_at, checked_in_at, started_at, completed_at,
    created_at, updated_at)
SELECT {APPOINTMENT}, {PATIENT}, doctor_id, department_id, {SLOT}, 'Follow-up',
    CASE WHEN is_past THEN 'completed' ELSE 'booked' END, {LOCAL}, starts_at, starts_at + interval '15 minutes',
    'consultation', 'demo', 'client:bench', '', starts_at - interval '30 days', arrived,
    arrived + interval '5 minutes', arrived + interval '20 minutes', now(), now()
FROM ({SEATS}) AS seats,
    LATERAL (SELECT day < %(today)s::date AS is_past) AS past,
    LATERAL (SELECT CASE WHEN is_past THEN starts_at - interval '5 minutes' END AS arrived) AS moment
WHERE is_booked ORDER BY n
"""
ASIDE = f"""
CREATE SCHEMA bench;
CREATE TABLE bench.made AS SELECT %(today)s::date AS today, %(first_day)s::date AS first_day;
CREATE TABLE bench.to_book AS
SELECT (row_number() OVER (ORDER BY hashtextextended(slots.id::text, 7)) - 1)::integer AS n, slots.id AS slot_id,
    {PATIENT} AS patient_id, slots.starts_at
FROM available_slots AS slots JOIN ({SEATS}) AS seats
    ON slots.doctor_id = seats.doctor_id AND slots.starts_at = seats.starts_at
WHERE slots.status = 'available' AND day > %(today)s::date + {GOOD_FOR};
CREATE TABLE bench.to_cancel AS
SELECT (row_number() OVER (ORDER BY hashtextextended(id::text, 8)) - 1)::integer AS n, id AS appointment_id
FROM appointments WHERE date > %(today)s::date + {GOOD_FOR};
CREATE TABLE bench.patients AS SELECT (row_number() OVER (ORDER BY id) - 1)::integer AS n, id FROM patients;
ALTER TABLE bench.to_book ADD PRIMARY KEY (n);
ALTER TABLE bench.to_cancel ADD PRIMARY KEY (n);
ALTER TABLE bench.patients ADD PRIMARY KEY (n)
"""
# While rows are loaded, no index of their tables is kept; then each is built at once, and is the one that it was.
# (Dropped and made by their definitions they would not: PostgreSQL writes some conditions in another way.) Triggers are
# silent in a session that replicates.
INDEXES_OFF = """
UPDATE pg_index SET indisready = FALSE, indisvalid = FALSE WHERE indrelid = ANY(%s::regclass[])
"""
INDEXES = """
SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = ANY(%s::regclass[]) ORDER BY 1
"""


def fingerprint(size: Size) -> str:
    """Of all that the rows follow from: the statements above, and the tables of this checkout."""
    statements = (HOSPITAL, PATIENTS, SLOTS, APPOINTMENTS, ASIDE)
    digest = hashlib.sha256(repr((size, DAYS_AHEAD, statements)).encode())
    migrations = sorted(path for ending in ("py", "sql") for path in cluster.ROOT.glob(f"**/migrations/*.{ending}"))
    own = [path for path in migrations if not {".venv", "var"} & set(path.relative_to(cluster.ROOT).parts)]
    for path in own:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def template(size: Size) -> str:
    """The name of the database that holds it; made when there is none that is good."""
    name = f"data_{size.name}_{fingerprint(size)}"
    if not _is_good(name):
        _make_room(size)
        _make(name, size)
    return name


def _is_good(name: str) -> bool:
    known = cluster.rows("hospital", "SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if not known:
        return False
    made = cluster.rows(name, "SELECT today FROM bench.made")[0][0]
    return made <= _today() <= made + timedelta(days=GOOD_FOR - 1)


def _today() -> date:
    return cluster.rows("hospital", "SELECT (now() AT TIME ZONE 'UTC')::date")[0][0]


def _make_room(size: Size) -> None:
    """Templates are numbered by the order of their making: PostgreSQL's own numbers."""
    pattern = f"data\\_{size.name}\\_%"
    names = cluster.rows(
        "hospital", "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY oid DESC", [pattern]
    )
    for (name,) in names[KEPT - 1 :]:
        cluster.drop(name)


def _make(name: str, size: Size) -> None:
    draft = f"draft_{size.name}"
    cluster.drop(draft)
    cluster.drop(name)
    with tqdm(total=100, desc=f"Making {size.slots:,} slots", unit="%", file=sys.stderr, bar_format=BAR) as bar:
        cluster.rows("hospital", f"CREATE DATABASE {draft}")
        cluster.manage(draft, "migrate", "--verbosity", "0")
        bar.update(5)
        with cluster.connect(draft) as connection:
            _load(connection, size, bar)
            bar.update(100 - bar.n)
        cluster.rows("hospital", sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (draft, name))))


BAR = "{desc}: {percentage:3.0f}% |{bar:30}| {elapsed}"


def _load(connection: "psycopg.Connection[Any]", size: Size, bar: Any) -> None:
    today = _today()
    values: dict[str, Any] = {
        "days": size.days,
        "patients": size.patients,
        "doctors": DOCTORS,
        "departments": DEPARTMENTS,
        "today": today,
        "first_day": today + timedelta(days=DAYS_AHEAD - size.days),
        "from": 0,
        "to": DOCTORS - 1,
    }
    run = psycopg.ClientCursor(connection).execute  # several statements at once, with parameters
    with unindexed(connection, list(LOADED), lambda share: bar.update(35 * share)):
        run(HOSPITAL, values)
        run(PATIENTS, values)
        bar.update(5)
        for first in range(0, DOCTORS, PART):
            part = values | {"from": first, "to": first + PART - 1}
            run(SLOTS, part)
            run(APPOINTMENTS, part)
            bar.update(40 * PART / DOCTORS)
    run(ASIDE, values)
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")


@contextlib.contextmanager
def unindexed(
    connection: "psycopg.Connection[Any]", tables: list[str], built: Callable[[float], object] = lambda _share: None
) -> Iterator[None]:
    """Load rows into tables: indexes are built at the end. ``built`` is told the share of each."""
    for setting in ("session_replication_role = replica", "maintenance_work_mem = '512MB'", "work_mem = '256MB'"):
        connection.execute(f"SET {setting}")
    connection.execute(INDEXES_OFF, [tables])
    yield
    indexes = connection.execute(INDEXES, [tables]).fetchall()
    for (index,) in indexes:
        connection.execute(f"REINDEX INDEX {index}")
        built(1 / len(indexes))
    connection.execute("RESET session_replication_role")
