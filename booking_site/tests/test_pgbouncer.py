"""The site through PgBouncer in transaction mode: all works, and nothing of one client is left to the next."""

import contextlib
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from appointments.models import Appointment
from booking_site.postgres.roles import SITE
from booking_site.testing import pooler
from booking_site.testing.factories import PatientFactory, SlotFactory, staff
from booking_site.testing.fixtures import _start, serving, test_database_url
from booking_site.testing.racing import HttpClient, race, what_is_wrong
from booking_site.testing.visitors import Visitor

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(pooler.PROGRAM is None, reason="PgBouncer is not installed (Debian: apt-get install pgbouncer)"),
]
SIZE = 4  # connections to the server, for the eight threads of the site
KEPT_APART = {"TimeZone", "application_name", "client_encoding"}  # PgBouncer gives each client its own of these
OF_SESSIONS = """
SELECT (SELECT array_agg(name) FROM pg_settings WHERE source = 'session'),
    (SELECT count(*) FROM pg_prepared_statements) + (SELECT count(*) FROM pg_cursors),
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
    (SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema())
"""
COMMANDS = """
import sys, django
django.setup()
from django.core.management import call_command
for line in sys.stdin:
    call_command(*line.split())
"""


@pytest.fixture(scope="module")
def bouncer(django_db_setup, django_db_blocker):
    with pooler.PgBouncer(SIZE) as bouncer:
        yield bouncer


@pytest.fixture(scope="module")
def site(bouncer, django_db_setup, django_db_blocker):
    """With the time limits that the README says to give to the role, shorter."""
    role = connection.settings_dict["USER"] if settings.DATABASE_URL else SITE
    of_role = f"ALTER ROLE {role} IN DATABASE {connection.settings_dict['NAME']}"
    with psycopg.connect(test_database_url(), autocommit=True) as owner:
        owner.execute(f"{of_role} SET lock_timeout = '500ms'")
        try:
            with serving(DATABASE_URL=bouncer.url(SITE), PGBOUNCER="on") as address:
                yield address
        finally:
            owner.execute(f"{of_role} RESET lock_timeout")


def sessions(bouncer) -> list[tuple]:
    """What is left in each of the connections to the server that the site has used: all of them at once."""
    with contextlib.ExitStack() as stack:
        all_of_them = [
            stack.enter_context(psycopg.connect(bouncer.url(SITE), prepare_threshold=None)) for _ in range(SIZE)
        ]
        return [one.execute(OF_SESSIONS).fetchone() for one in all_of_them]  # each is in its transaction until the end


def is_left(found: tuple) -> bool:
    names, *counts = found
    return bool(set(names or ()) - KEPT_APART or any(counts))


def test_all_works_and_nothing_is_left_behind(bouncer, site, make_token):
    client = HttpClient(site, make_token())
    patient, slot = PatientFactory(), SlotFactory()
    assert client.get("/api/v1/available-slots").body["results"][0]["id"] == str(slot.pk)
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    answers = [client.post("/api/v1/book-appointment", body, Idempotency_Key="once") for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body["id"] == answers[1].body["id"]

    staff("Reception")
    visitor = Visitor()
    assert visitor.sign_in(site, "reception")
    assert visitor.is_in(site)
    assert patient.last_name in visitor.get(f"{site}/admin/patients/patient/")[1]

    commands = [
        "check_integrity",
        "generate_slots --dry-run",
        "mark_no_shows",
        "clear_expired",
        "seal_audit",
        "verify_audit",
    ]
    environment = {"DATABASE_URL": bouncer.url(), "PGBOUNCER": "on", "AUDIT_SEALS_FILE": "off"}
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = _start([sys.executable, "-c", COMMANDS], environment, **streams, text=True)
    said, complaints = process.communicate("\n".join(commands), timeout=60)
    assert process.returncode == 0, said + complaints

    assert not any(map(is_left, sessions(bouncer)))


def test_a_setting_of_a_session_would_be_left_to_others(bouncer, site):
    """The control of the one before: what it looks for is found."""
    with psycopg.connect(bouncer.url(SITE), autocommit=True) as one:
        one.execute("SET statement_timeout = '7s'")
    assert any(map(is_left, sessions(bouncer)))
    with psycopg.connect(bouncer.url(SITE), autocommit=True) as one:
        one.execute("RESET statement_timeout")


def test_one_of_many_gets_the_seat(bouncer, site, make_token):
    slot = SlotFactory()
    bodies = [{"patient_id": str(PatientFactory().pk), "slot_id": str(slot.pk)} for _ in range(16)]
    clients = [HttpClient(site, make_token(name=f"client {number}")) for number in range(16)]
    answers = race(
        [
            lambda client=client, body=body: client.post("/api/v1/book-appointment", body)
            for client, body in zip(clients, bodies, strict=True)
        ]
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 15
    assert what_is_wrong() == {}


def test_a_lock_is_waited_for_as_long_as_the_role_says(bouncer, site, make_token):
    client = HttpClient(site, make_token())
    slot, patient = SlotFactory(), PatientFactory()
    with psycopg.connect(test_database_url()) as other:
        other.execute("SELECT FROM available_slots WHERE id = %s FOR UPDATE", [slot.pk])
        begun = time.monotonic()
        answer = client.post("/api/v1/book-appointment", {"patient_id": str(patient.pk), "slot_id": str(slot.pk)})
        assert (answer.status, answer.code) == (409, "busy")
        assert 0.5 <= time.monotonic() - begun < 2.5


def test_started_anew_under_load_it_costs_503_and_no_booking(bouncer, site, make_token):
    token, stop = make_token(), threading.Event()
    work = [(str(PatientFactory().pk), [str(SlotFactory().pk) for _ in range(50)]) for _ in range(8)]

    def book(patient: str, slots: list[str]) -> list[tuple[int, str, bool]]:
        """Status and slot of each answer, and whether it came after the outage."""
        client, answers = HttpClient(site, token), []
        for slot in slots:
            is_after = stop.is_set()
            body = {"patient_id": patient, "slot_id": slot}
            answers.append((client.post("/api/v1/book-appointment", body, Idempotency_Key=slot).status, slot, is_after))
            time.sleep(0.03)
        return answers

    with ThreadPoolExecutor(len(work)) as pool:
        runs = [pool.submit(book, *one) for one in work]
        time.sleep(0.4)
        bouncer.stop()
        time.sleep(0.4)
        bouncer.start()
        time.sleep(0.2)
        stop.set()
        answers = [answer for run in runs for answer in run.result()]
    assert {status for status, _, _ in answers} == {201, 503}
    assert {status for status, _, is_after in answers if is_after} == {201}
    booked = {str(slot) for slot in Appointment.objects.values_list("slot_id", flat=True)}
    assert {slot for status, slot, _ in answers if status == 201} <= booked
    assert what_is_wrong() == {}
