"""A hospital for loads, which every cluster of a test begins with: free seats two months ahead, and many patients."""

from dataclasses import dataclass
from typing import Any

import psycopg

DOCTORS, SLOTS, PATIENTS = 10, 320, 10_000
DEPARTMENT = """
INSERT INTO departments (id, name, site, time_zone, phone, is_active, created_at, updated_at)
VALUES (uuidv7(), 'Cardiology', '', 'Europe/Berlin', '', TRUE, now(), now())
"""
DOCTOR = """
INSERT INTO doctors (id, name, email, phone, department_id, specialization, is_active, created_at, updated_at)
SELECT 'T-' || n, 'Doctor ' || n, '', '', departments.id, '', TRUE, now(), now()
FROM departments, generate_series(1, %s) AS n
"""
# Of one doctor after the other, a quarter of an hour each.
SEATS = """
INSERT INTO available_slots (
    id, doctor_id, department_id, date, time, duration_minutes, status, starts_at, ends_at, seat, visit_type,
    held_by, hold_digest, created_at, updated_at
)
SELECT uuidv7(), doctors.id, department_id, (starts_at AT TIME ZONE time_zone)::date,
    (starts_at AT TIME ZONE time_zone)::time, 15, 'available', starts_at, starts_at + interval '15 minutes', 1,
    'consultation', '', '', now(), now()
FROM doctors JOIN departments ON departments.id = department_id, generate_series(0, %s) AS n,
    LATERAL (SELECT date_trunc('day', now()) + make_interval(days => 60, mins => n * 15) AS starts_at) AS moment
"""
PEOPLE = """
INSERT INTO patients (id, first_name, last_name, email, phone, insurance_provider, insurance_id, preferred_language,
    remind_by_email, remind_by_sms, remind_by_phone, is_active, created_at, updated_at)
SELECT uuidv7(), 'Patient', 'No ' || n, '', '', '', '', '', FALSE, FALSE, FALSE, TRUE, now(), now()
FROM generate_series(1, %s) AS n """


@dataclass(frozen=True, slots=True)
class Hospital:
    """Ids, as the API writes them."""

    patients: list[str]
    slots: list[str]


def build(session: "psycopg.Connection[Any]") -> None:
    """What is written here the audit log does not tell of."""
    with session.transaction():
        session.execute("SET LOCAL session_replication_role = replica")  # no triggers
        session.execute(DEPARTMENT)
        session.execute(DOCTOR, [DOCTORS])
        session.execute(SEATS, [SLOTS // DOCTORS - 1])
        session.execute(PEOPLE, [PATIENTS])
    session.execute("VACUUM ANALYZE")


def read(session: "psycopg.Connection[Any]") -> Hospital:
    patients, slots = (
        [key for (key,) in session.execute(f"SELECT id::text FROM {table} ORDER BY id")]  # type: ignore[arg-type]
        for table in ("patients", "available_slots")
    )
    return Hospital(patients, slots)
