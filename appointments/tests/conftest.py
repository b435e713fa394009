import pytest

from booking_site.testing.factories import staff


@pytest.fixture
def reception(client):
    client.force_login(staff("Reception"))
    return client
