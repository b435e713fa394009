"""The product does what the model says, whatever it is asked and in whatever order. ``make soak`` tries far more.

Each control takes one guarantee away, and the machine must find that; the last one such that matters only when many
ask at the same moment.
"""

import pytest
from django.db import connection

from booking_site.testing import cleaning, machine
from booking_site.testing.agreement import MODEL
from booking_site.testing.fixtures import serving

pytestmark = pytest.mark.django_db(transaction=True)

TRIGGER = """
CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
CREATE TRIGGER a_sabotage BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION sabotage();
"""
SABOTAGE = {
    "a repeated request is done again": (
        *("UPDATE", "idempotency_keys"),
        "IF OLD.appointment_id IS NOT NULL THEN NEW.appointment_id := NULL; END IF;",
        "order",
    ),
    "a cancelled visit keeps its seat": (
        *("UPDATE", "available_slots"),
        "IF OLD.status = 'booked' AND NEW.status = 'available' THEN NEW.status := 'booked'; END IF;",
        "lost",
    ),
    "a hold holds nothing": (
        *("UPDATE", "available_slots"),
        "IF NEW.status = 'held' THEN NEW.held_until := clock_timestamp() - interval '1 second'; END IF;",
        "lost",
    ),
    "a change leaves the version": ("UPDATE", "appointments", "NEW.updated_at := OLD.updated_at;", "order"),
    "a check-in is not told of": (
        *("INSERT", "audit_logs"),
        "IF NEW.action = 'appointment.checked_in' AND NEW.status = 'success' THEN RETURN NULL; END IF;",
        "audit",
    ),
}
CONSTRAINT = "appointment_patient_not_twice"


@pytest.fixture(scope="module")
def site(django_db_setup):
    with serving() as address:
        yield address


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def kind_found(site):
    [finding] = machine.check(site, 60, derandomize=True).findings
    return finding.partition(":")[0]


def test_every_step_agrees_with_the_model(site):
    report = machine.check(site, 8, derandomize=True)
    assert report.findings == []
    assert report.acknowledged > 50
    assert report.at_once > 100


@pytest.mark.parametrize("name", SABOTAGE)
def test_control_what_a_trigger_spoils_is_found(site, name):
    what, table, body, kind = SABOTAGE[name]
    execute(TRIGGER.format(what=what, table=table, body=body))
    try:
        assert kind_found(site) in (kind, "order")
    finally:
        execute("DROP FUNCTION sabotage() CASCADE")


def test_control_without_its_constraint_a_patient_is_in_two_places(site):
    (definition,) = execute(f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{CONSTRAINT}'")
    execute(f"ALTER TABLE appointments DROP CONSTRAINT {CONSTRAINT}")
    try:
        assert kind_found(site) == "order"
    finally:
        cleaning.restore()
        execute(f"ALTER TABLE appointments ADD CONSTRAINT {CONSTRAINT} {definition}")


def test_control_who_looks_and_then_books_is_found():
    assert MODEL.run_control(MODEL.control_short).losses > 0
