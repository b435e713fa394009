import pytest

from booking_site.testing.factories import staff


@pytest.fixture
def scheduler(client):
    client.force_login(staff("Scheduler"))
    return client
