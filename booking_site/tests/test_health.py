"""Health checks while the database is well, dead, slow or full: an answer within two seconds, and the right one."""

import contextlib
import socket
import threading
import time

import psycopg
import pytest
from django.db import connection

from booking_site.postgres import probe
from booking_site.postgres.roles import SITE
from booking_site.testing.fixtures import serving, test_database_url
from booking_site.testing.racing import HttpClient
from booking_site.testing.relays import Relay

LIMIT = 2  # seconds


@pytest.fixture
def leads_to(monkeypatch, db):
    """Let the probe look elsewhere."""
    connection.ensure_connection()

    def lead(**settings: object) -> None:
        for name, value in settings.items():
            monkeypatch.setitem(connection.settings_dict, name, value)

    yield lead
    probe.hang_up()


@pytest.fixture
def cable():
    cable = Relay(str(connection.settings_dict["HOST"]), str(connection.settings_dict["PORT"]))
    yield cable
    cable.close()


def found() -> str:
    began = time.monotonic()
    finding = probe.ask()
    assert time.monotonic() - began < LIMIT
    return finding


@contextlib.contextmanager
def nobody_accepts():
    """A port that connections wait for: as with a host that is away."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(door.getsockname())
        yield door.getsockname()[1]
        for one in waiting:
            one.close()


def test_a_database_that_is_well(leads_to):
    assert [found(), found()] == ["ok", "ok"]


def test_a_port_that_refuses(leads_to):
    with socket.socket() as probe_of_port:
        probe_of_port.bind(("127.0.0.1", 0))
        leads_to(HOST="127.0.0.1", PORT=probe_of_port.getsockname()[1])
        assert found() == "unavailable"


def test_a_host_that_does_not_answer(leads_to):
    with nobody_accepts() as port:
        leads_to(HOST="127.0.0.1", PORT=port)
        with pytest.raises(TimeoutError):  # the control
            socket.create_connection(("127.0.0.1", port), timeout=0.3)
        assert found() == "unavailable"


def test_a_server_that_is_there_and_says_nothing(leads_to, cable):
    leads_to(HOST="127.0.0.1", PORT=cable.port)
    cable.fall_silent()
    assert found() == "slow"
    cable.passes.set()
    assert found() == "ok"
    cable.fall_silent()
    assert found() == "slow"  # over the connection that was well


def test_a_server_that_hangs_up(leads_to, cable):
    leads_to(HOST="127.0.0.1", PORT=cable.port)
    assert found() == "ok"
    cable.set_cut(True)
    assert found() == "unavailable"
    cable.set_cut(False)
    assert found() == "ok"


def test_a_server_without_a_connection_left(leads_to):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")  # within the test's transaction, which nobody else sees
    with psycopg.connect(**_superuser(), autocommit=True) as other:
        other.execute("DROP ROLE IF EXISTS crowded")
        other.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
        try:
            leads_to(USER="crowded")
            assert found() == "exhausted"
        finally:
            other.execute("DROP ROLE crowded")


def _superuser() -> dict[str, object]:
    params = connection.get_connection_params()
    return {name: params[name] for name in ("host", "port", "user", "password", "dbname") if params.get(name)}


def test_the_second_host_answers_while_the_first_is_away(leads_to, cable):
    with nobody_accepts() as port:
        leads_to(HOST="127.0.0.1,127.0.0.1", PORT=f"{port},{cable.port}")
        assert found() == "ok"
        leads_to(HOST="127.0.0.1,127.0.0.1", PORT=f"{cable.port},{port}")
        cable.fall_silent()
        assert found() == "slow"


def test_many_who_ask_at_once_are_answered_by_one_look(leads_to, cable):
    leads_to(HOST="127.0.0.1", PORT=cable.port)
    cable.fall_silent()
    findings: list[str] = []
    askers = [threading.Thread(target=lambda: findings.append(found())) for _ in range(8)]
    for asker in askers:
        asker.start()
    assert probes() == 1
    for asker in askers:
        asker.join()
    assert findings == ["slow"] * 8
    assert probes() == 0


def probes() -> int:
    return sum(thread.name == "probe" for thread in threading.enumerate())


@pytest.mark.django_db(transaction=True)
def test_health_is_answered_while_every_thread_waits_for_the_database(cable, make_token):
    token = make_token()
    with serving(
        DATABASE_URL=test_database_url(SITE).split("@")[0]
        + f"@127.0.0.1:{cable.port}/{connection.settings_dict['NAME']}"
    ) as address:
        callers = [HttpClient(address, token) for _ in range(12)]  # two workers of four threads
        assert callers[0].get("/api/v1/doctors").status == 200
        cable.fall_silent()
        answers: list[int] = []
        stuck = [
            threading.Thread(target=lambda one=one: answers.append(one.get("/api/v1/doctors").status))
            for one in callers
        ]
        for thread in stuck:
            thread.start()
        time.sleep(0.5)
        for path, status, finding in [
            ("/health/live", 200, None),
            ("/health/ready", 503, "slow"),
            ("/api/v1/health/live", 200, None),
            ("/api/v1/health", 503, "slow"),
        ]:
            began = time.monotonic()
            answer = HttpClient(address).get(path)
            assert time.monotonic() - began < LIMIT
            assert (answer.status, answer.body.get("database")) == (status, finding)
            assert answer.headers["Retry-After"] == ("2" if status == 503 else None)
        assert answers == []  # the control: nobody else was answered
        cable.passes.set()
        for thread in stuck:
            thread.join(30)
        assert answers == [200] * 12
        assert HttpClient(address).get("/health").body["database"] == "ok"
