"""So many failures to authenticate a minute, of an address: who guesses is stopped, and nobody else."""

import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import AuditLog
from booking_site import middleware
from booking_site.api import failures
from booking_site.api.clients import register
from booking_site.api.models import ThrottleWindow
from booking_site.testing.fixtures import api_client, serving
from booking_site.testing.problems import check
from booking_site.testing.racing import HttpClient, race
from booking_site.tests.test_access import early_in_the_minute, token_request  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("early_in_the_minute")]
DOCTORS = "/api/v1/doctors"


@pytest.fixture(autouse=True)
def few(settings):
    settings.API_FAILURES_PER_MINUTE = 3


def tries(count, address="198.51.100.7", token="guessed"):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return [Client().get(DOCTORS, REMOTE_ADDR=address, headers=headers) for _ in range(count)]


def statuses(answers):
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("token", ["guessed", "", None])
def test_failures_of_an_address_end_in_429(token):
    answers = tries(5, token=token)
    assert statuses(answers) == [401, 401, 401, 429, 429]
    check(answers[-1], 429, code="throttled")
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    row = AuditLog.objects.get(action="access.blocked")
    assert (row.user_kind, row.address, row.status) == ("anonymous", "198.51.100.7", "denied")


def test_another_address_is_another_matter():
    assert statuses(tries(4)) == [401, 401, 401, 429]
    assert statuses(tries(1, "198.51.100.8")) == [401]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("198.51.100.7", "::ffff:198.51.100.7", True),
    ],
)
def test_of_ipv6_the_network_of_64_bits_counts(first, second, together):
    assert statuses(tries(3, first)) == [401] * 3
    assert statuses(tries(1, second)) == [429 if together else 401]


def test_the_next_minute_begins_anew():
    assert statuses(tries(4)) == [401, 401, 401, 429]
    ThrottleWindow.objects.update(minute=1)
    failures._blocked.clear()
    assert statuses(tries(1)) == [401]


def test_a_valid_token_passes_from_the_same_address_and_asks_nothing_more(make_token):
    api = api_client(make_token("doctors:read"))
    with CaptureQueriesContext(connection) as before:
        assert api.get(DOCTORS, REMOTE_ADDR="198.51.100.7").status_code == 200
    assert statuses(tries(4)) == [401, 401, 401, 429]
    with CaptureQueriesContext(connection) as after:
        assert api.get(DOCTORS, REMOTE_ADDR="198.51.100.7").status_code == 200
    assert len(before) == len(after)
    assert not any("api_throttle" in query["sql"] for query in after)


def test_the_address_is_the_one_that_a_trusted_proxy_names(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    middleware._proxies.cache_clear()
    try:
        for guesser in ("203.0.113.1", "203.0.113.2"):
            headers = {"X-Forwarded-For": f"6.6.6.6, {guesser}"}
            answers = [Client().get(DOCTORS, REMOTE_ADDR="10.1.1.1", headers=headers) for _ in range(4)]
            assert statuses(answers) == [401, 401, 401, 429]
    finally:
        middleware._proxies.cache_clear()


def test_wrong_secrets_end_in_429_before_the_right_one_is_looked_at():
    client, secret = register("portal", ["doctors:read"], 0)
    answers = [token_request(client, "wrong") for _ in range(4)]
    assert statuses(answers) == [401, 401, 401, 429]
    last = token_request(client, secret)
    assert last.status_code == 429
    assert set(last.json()) == {"error", "error_description"}
    assert last.json()["error"] == "temporarily_unavailable"
    assert 1 <= int(last["Retry-After"]) <= 60
    refused = AuditLog.objects.filter(action="client.sign_in_failed")
    assert [(row.object_id, row.details, row.status) for row in refused] == [
        (str(client.pk), {"code": "invalid_client"}, "failure")
    ] * 3
    ThrottleWindow.objects.all().delete()
    failures._blocked.clear()
    assert token_request(client, secret).status_code == 200


def test_codes_and_refresh_tokens_that_are_guessed_count_and_honest_mistakes_do_not():
    client, secret = register("portal", ["doctors:read"], 0)
    for _ in range(5):
        assert token_request(client, secret, scope="patients:read").status_code == 400
    app, _secret = register("app", ["doctors:read"], 0)
    app.client_type, app.authorization_grant_type = "public", "authorization-code"
    app.save()
    guess = {"grant_type": "refresh_token", "client_id": app.client_id, "refresh_token": "guessed"}
    answers = [Client().post("/oauth/token", guess) for _ in range(4)]
    assert statuses(answers) == [400, 400, 400, 429]
    assert token_request(client, secret).status_code == 429


def test_what_was_typed_for_a_client_is_not_kept():
    Client().post("/oauth/token", {"grant_type": "client_credentials", "client_id": "my secret", "client_secret": "x"})
    row = AuditLog.objects.get()
    assert (row.action, row.object_id, row.details) == ("client.sign_in_failed", "", {"code": "invalid_client"})


def test_without_a_limit_nothing_is_counted(settings):
    settings.API_FAILURES_PER_MINUTE = 0
    assert statuses(tries(10)) == [401] * 10
    assert not ThrottleWindow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_processes_count_together(make_token):
    """Exactly the limit, whichever process answers; valid tokens pass meanwhile."""
    token = make_token("doctors:read")
    with serving(API_FAILURES_PER_MINUTE="20") as server:
        if time.time() % 60 > 50:
            time.sleep(61 - time.time() % 60)
        guessers = [HttpClient(server, f"guess-{number}") for number in range(8)]

        def ten(client):
            return [client.get(DOCTORS).status for _ in range(10)]

        parts = race([lambda client=client: ten(client) for client in guessers])
        answers = [status for part in parts for status in part]
        assert (answers.count(401), answers.count(429)) == (20, 60)
        assert HttpClient(server, token).get(DOCTORS).status == 200
