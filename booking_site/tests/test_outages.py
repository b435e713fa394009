"""The site while its database is away, over HTTP: it says so, loses nothing, and goes on by itself."""

import http.client
import threading
import time
from collections import Counter
from urllib.parse import quote, urlencode, urlsplit

import psycopg
import pytest
from django.db import connection
from django.test import Client

from appointments.models import Appointment
from booking_site.testing.factories import PatientFactory, SlotFactory, staff
from booking_site.testing.fixtures import serving, test_database_url
from booking_site.testing.racing import HttpClient
from booking_site.testing.relays import Relay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cable():
    cable = Relay(str(connection.settings_dict["HOST"]), str(connection.settings_dict["PORT"]))
    yield cable
    cable.close()


def url_through(cable: Relay) -> str:
    settings = connection.settings_dict
    password = f":{quote(settings['PASSWORD'])}" if settings["PASSWORD"] else ""
    return f"postgresql://{quote(settings['USER'])}{password}@127.0.0.1:{cable.port}/{quote(settings['NAME'])}"


def test_without_its_database_the_site_answers_503_and_recovers(cable, make_token):
    patient, slot = PatientFactory(), SlotFactory()
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    with serving(DATABASE_URL=url_through(cable)) as address:
        client = HttpClient(address, make_token())
        assert client.get("/api/v1/doctors").status == 200
        for _ in range(2):
            cable.set_cut(True)
            answers = [
                client.post("/api/v1/book-appointment", body, Idempotency_Key="once"),
                client.get("/api/v1/doctors"),
                client.get("/api/v1/available-slots"),
                client.post(f"/api/v1/available-slots/{slot.pk}/hold", {}),
            ]
            for answer in answers:
                assert (answer.status, answer.code) == (503, "unavailable")
                assert int(answer.headers["Retry-After"]) > 0
                assert "Traceback" not in str(answer.body)
            health = client.get("/health")
            assert (health.status, health.body["status"], health.body["database"]) == (
                503,
                "unavailable",
                "unavailable",
            )
            assert client.get("/health/live").status == 200
            cable.set_cut(False)
            # The first request after the outage is served: a connection is tried before it is trusted.
            assert client.get("/health").status == 200
            assert client.post("/api/v1/book-appointment", body, Idempotency_Key="once").status == 201
    assert Appointment.objects.count() == 1


class Person:
    """Somebody at the console, with a browser that keeps their session, or none."""

    def __init__(self, address: str, session: str = "") -> None:
        self.address = urlsplit(address).netloc
        self.headers = {"Accept": "text/html", "Cookie": f"csrftoken={'c' * 32}"}
        if session:
            self.headers["Cookie"] += f"; sessionid={session}"

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, Retry-After, page."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        if form is None:
            connection.request("GET", path, headers=self.headers)
        else:
            body = urlencode(form | {"csrfmiddlewaretoken": "c" * 32})
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, body, self.headers | kind)
        response = connection.getresponse()
        return response.status, response.headers.get("Retry-After", ""), response.read().decode()


def receptionist() -> tuple[str, dict[str, str]]:
    """The key of a session, and what signs in."""
    user = staff("Reception")
    user.set_password("correct horse battery")
    user.save()
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value, {"username": user.username, "password": "correct horse battery"}


PAGES = (
    "/admin/",
    "/admin/patients/patient/",
    "/admin/appointments/appointment/",
    "/admin/appointments/appointment/add/",
)
CLEAR = "Not reachable right now"


def test_people_see_a_clear_page_while_the_database_is_away(cable, make_token):
    session, credentials = receptionist()
    with serving(DATABASE_URL=url_through(cable)) as address:
        signed_in, stranger = Person(address, session), Person(address)
        assert [signed_in.ask(path)[0] for path in PAGES] == [200] * len(PAGES)  # the control
        cable.set_cut(True)
        for status, wait, page in (
            *(signed_in.ask(path) for path in PAGES),
            signed_in.ask("/admin/login/"),
            stranger.ask("/admin/login/", credentials),
            stranger.ask(PAGES[1], credentials),
            signed_in.ask("/admin/logout/", {}),
        ):
            assert status in (200, 302) or (status, wait, CLEAR in page) == (503, "2", True)
            assert "Traceback" not in page
        assert stranger.ask("/admin/login/", credentials)[0] == signed_in.ask(PAGES[1])[0] == 503
        assert stranger.ask("/admin/login/")[0] == 200  # asks the database for nothing
        cable.set_cut(False)
        assert [signed_in.ask(path)[0] for path in PAGES] == [200] * len(PAGES)
        assert stranger.ask("/admin/login/", credentials)[0] == 302


OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> ALL(%s) AND backend_type = 'client backend'
"""


def test_backends_that_end_in_the_middle_of_requests_crash_nothing(make_token):
    """57P01: as an operator ends them, or a server that is restarted."""
    session, credentials = receptionist()
    token = make_token()
    patients, slots = PatientFactory.create_batch(40), SlotFactory.create_batch(40)
    bodies = [
        {"patient_id": str(patient.pk), "slot_id": str(slot.pk)} for patient, slot in zip(patients, slots, strict=True)
    ]
    seen: list[tuple[str, int]] = []
    over = threading.Event()

    def reads(address: str) -> None:
        person, stranger = Person(address, session), Person(address)
        while not over.is_set():
            for path in PAGES:
                seen.append((path, person.ask(path)[0]))
            seen.append(("sign in", stranger.ask("/admin/login/", credentials)[0]))
            seen.append(("list", HttpClient(address, token).get("/api/v1/appointments").status))

    def books(address: str) -> None:
        for number, body in enumerate(bodies):
            status = 503
            while status == 503:
                answer = HttpClient(address, token).post("/api/v1/book-appointment", body, Idempotency_Key=f"{number}")
                status = answer.status
                seen.append(("book", status))
                assert status != 503 or "Retry-After" in answer.headers

    with serving() as address, psycopg.connect(test_database_url(), autocommit=True) as operator:
        workers = [threading.Thread(target=work, args=[address]) for work in (reads, reads, books)]
        for worker in workers:
            worker.start()
        connection.ensure_connection()
        spared = [operator.info.backend_pid, connection.connection.info.backend_pid]
        until = time.monotonic() + 4
        ended = 0
        while time.monotonic() < until or workers[-1].is_alive():
            if time.monotonic() < until:
                ended += operator.execute(OTHERS, [spared]).fetchone()[0]
            time.sleep(0.05)
        over.set()
        for worker in workers:
            worker.join()
    assert ended > 20  # the control
    answers = Counter(seen)
    waits = {("sign in", 429)}  # a try that could not be taken back counts, and too many of them are told to wait
    assert {status for _, status in set(answers) - waits} <= {200, 201, 302, 503}, answers
    assert any(status == 503 for _, status in answers)
    assert answers["sign in", 302] > 0
    assert answers["book", 201] == Appointment.objects.count() == len(bodies)
