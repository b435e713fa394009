"""The site while its database is away, over HTTP: it says so, loses nothing, and goes on by itself."""

import contextlib
import socket
import threading
from urllib.parse import quote

import pytest
from django.db import connection

from appointments.models import Appointment
from booking_site.testing.factories import PatientFactory, SlotFactory
from booking_site.testing.fixtures import serving
from booking_site.testing.racing import HttpClient

pytestmark = pytest.mark.django_db(transaction=True)


class Cable:
    """The way from the site to the real server, which can be cut: a port of ours that passes bytes on."""

    def __init__(self, host: str, port: str) -> None:
        self.target = f"{host}/.s.PGSQL.{port or 5432}" if host.startswith("/") else (host, int(port or 5432))
        self.ends: list[socket.socket] = []
        self.cut = False
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.door.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            if isinstance(self.target, str):
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
            else:
                far = socket.create_connection(self.target)
            self.ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        hang_up(one, other)

    def set_cut(self, cut: bool) -> None:
        self.cut = cut
        if cut:
            hang_up(*self.ends)
            self.ends = []

    def close(self) -> None:
        self.set_cut(True)
        self.door.close()


def hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):  # the other side was faster
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cable():
    cable = Cable(str(connection.settings_dict["HOST"]), str(connection.settings_dict["PORT"]))
    yield cable
    cable.close()


def test_without_its_database_the_site_answers_503_and_recovers(cable, make_token):
    settings = connection.settings_dict
    password = f":{quote(settings['PASSWORD'])}" if settings["PASSWORD"] else ""
    url = f"postgresql://{quote(settings['USER'])}{password}@127.0.0.1:{cable.port}/{quote(settings['NAME'])}"
    patient, slot = PatientFactory(), SlotFactory()
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    with serving(DATABASE_URL=url) as address:
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
