"""What stands before the site: whose word counts about the client's address and about HTTPS."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from booking_site import middleware


@pytest.fixture
def seen(settings):
    """``seen(peer, **headers)``: the address and the scheme that the site sees behind proxies in 10.0.0.0/8."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    middleware._proxies.cache_clear()

    def see(peer: str, **headers: str) -> tuple[str, str]:
        found = []

        def respond(request):
            found.append((request.client_address, request.scheme))
            return HttpResponse()

        middleware.RequestContextMiddleware(respond)(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))
        return found[0]

    yield see
    middleware._proxies.cache_clear()


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "6.6.6.6, 203.0.113.9", "203.0.113.9"),  # what the client itself wrote does not count
        ("10.1.2.3", "203.0.113.9, 10.9.9.9", "203.0.113.9"),  # two proxies of ours
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # no proxy of ours
        ("10.1.2.3", "nonsense", ""),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),  # as a socket of both kinds writes it
        ("::ffff:198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("10.1.2.3", "::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "203.0.113.9", "fe80::1"),
    ],
)
def test_the_address_of_the_client(seen, peer, forwarded, address):
    assert seen(peer, **{"X-Forwarded-For": forwarded}) == (address, "http")


def test_https_is_believed_of_trusted_proxies_only(seen):
    assert seen("10.1.2.3", **{"X-Forwarded-Proto": "https"}) == ("10.1.2.3", "https")
    assert seen("198.51.100.7", **{"X-Forwarded-Proto": "https"}) == ("198.51.100.7", "http")
