"""The database guards what the models say, under the names that they say; and migrations go both ways."""

import os
import subprocess
import sys

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from booking_site.testing.fixtures import test_database_url

OURS = ("doctors", "patients", "scheduling", "appointments", "audit", "api", "booking_site", "console")
CONSTRAINTS = [
    (model, constraint)
    for label in OURS
    for model in apps.get_app_config(label).get_models()
    for constraint in model._meta.constraints
]


@pytest.mark.parametrize(("model", "constraint"), CONSTRAINTS, ids=lambda value: getattr(value, "name", ""))
def test_every_constraint_has_a_code_of_its_own(model, constraint):
    assert constraint.violation_error_code


@pytest.mark.django_db
def test_every_constraint_is_in_the_database():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE convalidated"
            " UNION SELECT indexname FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%'"
        )
        found = {name for (name,) in cursor.fetchall()}
    assert {constraint.name for _, constraint in CONSTRAINTS} <= found
    assert "appointment_follows_slot" in found
    names = [constraint.name for _, constraint in CONSTRAINTS]
    assert len(set(names)) == len(names) >= 25


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("idx_doctor_date_time", 'available_slots USING btree (doctor_id, date, "time")'),
        ("idx_status_date", "available_slots USING btree (status, date)"),
        ("idx_patient_status", "appointments USING btree (patient_id, status)"),
        ("idx_doctor_status", "appointments USING btree (doctor_id, status)"),
    ],
)
def test_the_indexes_that_others_rely_on(name, definition):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
        assert cursor.fetchone()[0].endswith(definition)


@pytest.mark.django_db
def test_every_table_of_the_design_has_its_columns():
    expected = {
        "doctors": "id name email phone specialization experience is_active created_at updated_at",
        "departments": "name site time_zone phone is_active",
        "patients": "id first_name last_name email phone dob insurance_provider insurance_id is_active created_at"
        " updated_at mrn",
        "available_slots": "id doctor_id date time duration_minutes status created_at updated_at starts_at ends_at"
        " seat visit_type schedule_id held_until",
        "appointments": "id patient_id doctor_id slot_id reason status requested_datetime created_at updated_at"
        " starts_at ends_at visit_type source booked_by",
        "audit_logs": "id action appointment_id timestamp user_id details status",
    }
    with connection.cursor() as cursor:
        for table, columns in expected.items():
            found = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            assert set(columns.split()) <= found, table
        cursor.execute("SELECT data_type FROM information_schema.columns WHERE column_name IN ('starts_at', 'ends_at')")
        assert {kind for (kind,) in cursor.fetchall()} == {"timestamp with time zone"}


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


# --- migrations, on a database of their own --------------------------------------------------------------------


@pytest.fixture
def scratch(django_db_setup):
    """The URL of an empty database on the server of the tests."""
    own = test_database_url()
    name = f"{connection.settings_dict['NAME']}_scratch"
    with psycopg.connect(own, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}"')
        yield own.replace(connection.settings_dict["NAME"], name)
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def migrate(url, *targets):
    """Migrate to each target in turn (``"app zero"``), or to the newest state; in a process of its own."""
    code = "import django, sys; django.setup(); from django.core.management import call_command as call\n"
    code += "for target in sys.argv[1:]: call('migrate', *target.split(), verbosity=0)"
    environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY}
    command = [sys.executable, "-c", code, *(targets or [""])]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


STRUCTURE = """
SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal
UNION ALL SELECT 'function', '', proname, '' FROM pg_proc AS function WHERE pronamespace = 'public'::regnamespace
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = function.oid AND deptype = 'e')
UNION ALL SELECT 'sequence', '', sequencename, '' FROM pg_sequences
ORDER BY 1, 2, 3, 4
"""


def structure(url):
    with psycopg.connect(url) as database:
        return database.execute(STRUCTURE).fetchall()


@pytest.mark.django_db
def test_all_migrations_run_backwards_to_nothing_and_forwards_again(scratch):
    migrate(scratch)
    before = structure(scratch)
    assert len(before) > 200
    order = ("console", "oauth2_provider", "api", "audit", "appointments", "scheduling", "patients", "doctors")
    migrate(scratch, *(f"{label} zero" for label in (*order, "booking_site")))
    left = structure(scratch)
    tables = {model._meta.db_table for label in OURS for model in apps.get_app_config(label).get_models()}
    assert not {row[1] for row in left} & tables
    assert not [row for row in left if row[0] in ("trigger", "function")]
    migrate(scratch)
    assert structure(scratch) == before


FIRST_STATE = ("scheduling 0001", "appointments 0002", "patients", "audit 0003", "api", "console 0001")
OLD_ROWS = """
INSERT INTO departments (id, name, site, time_zone, phone, is_active, created_at, updated_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'Cardiology', '', 'Europe/Berlin', '', TRUE, now(), now());
INSERT INTO doctors (id, name, email, phone, department_id, specialization, is_active, created_at, updated_at)
VALUES ('D-1', 'Doctor', '', '', '00000000-0000-7000-8000-000000000001', '', TRUE, now(), now());
INSERT INTO schedules (id, name, recurrence, starts_on, start_time, end_time, slot_minutes, visit_type, is_active,
    department_id, doctor_id, created_at, updated_at)
VALUES (gen_random_uuid(), 'Clinic', 'FREQ=DAILY', '2027-01-01', '9:00', '12:00', 45, 'Group Session', TRUE,
    '00000000-0000-7000-8000-000000000001', 'D-1', now(), now());
INSERT INTO available_slots (id, date, time, duration_minutes, status, starts_at, ends_at, seat, visit_type, held_by,
    hold_digest, department_id, doctor_id, created_at, updated_at)
SELECT gen_random_uuid(), '2027-01-04', '9:00', minutes, status, '2027-01-04 8:00Z',
    '2027-01-04 8:00Z'::timestamptz + make_interval(mins => minutes), row_number() OVER (), kind, '', '',
    '00000000-0000-7000-8000-000000000001', 'D-1', now(), now()
FROM (VALUES
    ('Follow-Up!', 20, 'available'), ('Follow-Up!', 20, 'booked'), ('Follow-Up!', 40, 'available'),
    ('', 15, 'withdrawn'), ('__MRI', 60, 'withdrawn'), ('Ärztlich', 30, 'available'), ('follow_up', 10, 'available'),
    ('consultation', 25, 'available')
) AS old (kind, minutes, status);
INSERT INTO patients (id, first_name, last_name, email, phone, insurance_provider, insurance_id, preferred_language,
    remind_by_email, remind_by_sms, remind_by_phone, is_active, created_at, updated_at)
VALUES ('00000000-0000-7000-8000-000000000002', 'Ada', 'Ito', '', '', '', '', '', FALSE, FALSE, FALSE, TRUE,
    now(), now());
INSERT INTO appointments (id, patient_id, doctor_id, department_id, slot_id, reason, status, date, time, starts_at,
    ends_at, visit_type, source, booked_by, cancellation_reason, booked_at, created_at, updated_at)
SELECT gen_random_uuid(), '00000000-0000-7000-8000-000000000002', doctor_id, department_id, id, '', 'booked', date,
    time, starts_at, ends_at, visit_type, 'api', '', '', now(), now(), now()
FROM available_slots WHERE status = 'booked'
"""


@pytest.mark.django_db
def test_a_database_of_the_first_release_comes_through(scratch):
    """Free texts become visit types, with codes in shape; what was withdrawn was so by hand; and back again."""
    migrate(scratch, *FIRST_STATE)
    with psycopg.connect(scratch) as database:
        for statement in OLD_ROWS.split(";"):
            database.execute(statement)
    migrate(scratch)
    with psycopg.connect(scratch) as database:
        assert database.execute("SELECT code, name, duration_minutes FROM visit_types ORDER BY 1").fetchall() == [
            ("consultation", "Consultation", 30),
            ("follow-up_", "Follow Up", 20),  # as long as most
            ("follow_up", "Follow Up", 10),
            ("group_session", "Group Session", 45),
            ("mri", "Mri", 60),
            ("rztlich", "Rztlich", 30),
        ]
        kinds = "SELECT seat, visit_type, status, by_hand, retiring, is_public, note FROM available_slots ORDER BY seat"
        assert database.execute(kinds).fetchall() == [
            (1, "follow-up_", "available", False, False, True, ""),
            (2, "follow-up_", "booked", False, False, True, ""),
            (3, "follow-up_", "available", False, False, True, ""),
            (4, "consultation", "withdrawn", True, False, True, ""),
            (5, "mri", "withdrawn", True, False, True, ""),
            (6, "rztlich", "available", False, False, True, ""),
            (7, "follow_up", "available", False, False, True, ""),
            (8, "consultation", "available", False, False, True, ""),
        ]
        assert database.execute("SELECT visit_type, seats, buffer_minutes, is_public FROM schedules").fetchall() == [
            ("group_session", 1, 0, True)
        ]
        assert database.execute("SELECT visit_type FROM appointments").fetchall() == [("follow-up_",)]
    migrate(scratch, "appointments 0002", "scheduling 0001")
    with psycopg.connect(scratch) as database:
        assert database.execute("SELECT count(*), max(visit_type) FROM available_slots").fetchone() == (8, "rztlich")
        assert database.execute("SELECT to_regclass('visit_types'), to_regclass('closures')").fetchone() == (None, None)
    migrate(scratch)
    with psycopg.connect(scratch) as database:
        assert database.execute("SELECT count(*) FROM visit_types").fetchone() == (6,)
