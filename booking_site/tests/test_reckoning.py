"""The reckoning after a fault finds what it looks for, each kind by itself."""

import uuid

import pytest

from booking_site.testing import hospitals, reckoning
from booking_site.testing.clusters import Cluster, scratch
from booking_site.testing.model import Event

TELL = """
INSERT INTO audit_logs (action, status, user_kind, user_id, user_name, object_type, appointment_id, details)
VALUES ('appointment.booked', 'success', 'command', '', '', 'appointment', %s, '{}')
"""


@pytest.fixture(scope="module")
def cluster():
    with scratch() as folder:
        cluster = Cluster(folder / "pg")
        cluster.start()
        yield cluster
        cluster.kill()


def write(cluster, statement, *parameters):
    with cluster.connect() as session, session.transaction():
        session.execute("SET LOCAL session_replication_role = replica")
        session.execute(statement, parameters)


def kinds(cluster, history=()):
    return set(reckoning.count(reckoning.of_tables(cluster, list(history))))


def test_each_kind_is_found(cluster):
    with cluster.connect() as session:
        hospital = hospitals.read(session)
    slot = hospital.slots[0]
    told = Event(0, "book", hospital.patients[0], slot, str(uuid.uuid4()), "k", 1.0, 2.0, 201)
    assert kinds(cluster) == set()
    assert kinds(cluster, [told]) == {"lost"}
    assert [line for line in reckoning._order(cluster, [told]) if line.startswith("order: lost booking")]
    assert kinds(cluster, [Event(0, "book", hospital.patients[0], slot, None, "k", 1.0, 2.0, 500)]) == {"broken"}

    write(cluster, "UPDATE available_slots SET status = 'booked' WHERE id = %s", slot)
    assert kinds(cluster) == {"between"}
    write(cluster, "UPDATE available_slots SET status = 'available' WHERE id = %s", slot)

    write(cluster, TELL, uuid.uuid4())
    assert kinds(cluster) == {"audit"}
    commands = reckoning._commands(cluster, {})
    assert any("told_booking_exists" in line or "verify_audit" in line for line in commands), commands


def test_rows_that_nobody_asked_for_are_double(cluster):
    visits = reckoning.known([Event(0, "book", "p", "s", "a", "k", 1.0, 2.0, 201)])[0]
    rows = [("a", "p", "s", "booked"), ("b", "p", "t", "booked"), ("c", "q", "s", "booked")]
    assert len(list(reckoning._double(visits, [], rows[:1]))) == 0
    assert len(list(reckoning._double(visits, [], rows[:2]))) == 1
    assert len(list(reckoning._double(visits, [], rows))) == 3
    unknown = Event(0, "book", "p", "t", None, "k", 1.0)
    assert list(reckoning._double(visits, [unknown], rows[:2])) == []
