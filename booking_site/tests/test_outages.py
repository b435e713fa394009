"""The site while its database is away, over HTTP: it says so, loses nothing, and goes on by itself."""

import pytest
from django.db import connection

from appointments.models import Appointment
from booking_site.testing.cable import Cable
from booking_site.testing.factories import PatientFactory, SlotFactory
from booking_site.testing.fixtures import serving
from booking_site.testing.racing import HttpClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cable():
    cable = Cable(str(connection.settings_dict["HOST"]), str(connection.settings_dict["PORT"]))
    yield cable
    cable.close()


def test_without_its_database_the_site_answers_503_and_recovers(cable, make_token):
    patient, slot = PatientFactory(), SlotFactory()
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    with serving(DATABASE_URL=cable.url(connection.settings_dict)) as address:
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
