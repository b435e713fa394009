"""Who gets in, and how far."""

import base64
import json
import time
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from audit.models import AuditLog
from booking_site.api.clients import issue_token, register
from booking_site.api.models import ApiClient, ThrottleWindow
from booking_site.api.router import CALLS
from booking_site.api.throttling import ClientThrottle
from booking_site.testing.factories import PatientFactory
from booking_site.testing.fixtures import api_client
from booking_site.testing.racing import HttpClient, race

pytestmark = pytest.mark.django_db

# Each call of the router, as (method, address, scope): a new call is in here by itself.
EACH_CALL = [
    (method, f"/api/v1/{pattern}", viewset.scopes.get(action))
    for pattern, viewset, actions in CALLS
    for method, action in actions.items()
]


def address(pattern):
    """The pattern with its named groups filled: an id that nobody has."""
    while "(?P<" in pattern:
        start = pattern.index("(?P<")
        end, depth = start + 1, 1
        while depth:
            depth += {"(": 1, ")": -1}.get(pattern[end], 0)
            end += 1
        value = "T-0000" if "doctor" in pattern[:end] else str(uuid.UUID(int=7))
        pattern = pattern[:start] + value + pattern[end:]
    return pattern


def call(client, method, pattern):
    return getattr(client, method)(address(pattern), *([{}] if method in ("post", "patch") else []))


@pytest.mark.parametrize(("method", "pattern", "scope"), EACH_CALL)
def test_every_call_needs_a_token(client, method, pattern, scope):
    answer = getattr(client, method)(address(pattern))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert (answer["Content-Type"], answer.json()["code"]) == ("application/problem+json", "not_authenticated")


@pytest.mark.parametrize(("method", "pattern", "scope"), EACH_CALL)
def test_every_call_needs_its_scope_and_no_other(make_token, method, pattern, scope):
    assert scope in settings.SCOPES
    without = api_client(make_token(*(name for name in settings.SCOPES if name != scope)))
    answer = call(without, method, pattern)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert scope in answer.json()["detail"]
    row = AuditLog.objects.get()
    assert (row.action, row.status, row.user_kind, row.user_name) == (
        "access.denied",
        "denied",
        "client",
        "test client",
    )
    assert row.details == {"method": method.upper(), "path": address(pattern), "code": "insufficient_scope"}

    assert call(api_client(make_token(scope)), method, pattern).status_code in (200, 400, 404)


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/api/v1/health", "/openapi.json", "/docs"]
)
def test_health_and_documents_need_no_token(client, path):
    assert client.get(path).status_code == 200


# --- tokens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Bearer ", "bearer", "Bearer a b", "Bearer \u00e9"])
def test_an_unknown_token_is_refused(client, authorization):
    answer = client.get("/api/v1/doctors", HTTP_AUTHORIZATION=authorization)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Digest"])
def test_another_scheme_is_refused(client, make_token, scheme):
    assert client.get("/api/v1/doctors", HTTP_AUTHORIZATION=f"{scheme} {make_token()}").status_code == 401


def test_a_scheme_is_recognised_in_any_case(client, make_token):
    assert client.get("/api/v1/doctors", HTTP_AUTHORIZATION=f"bEARER {make_token()}").status_code == 200


def test_an_expired_token_is_refused(make_token):
    api = api_client(make_token())
    assert api.get("/api/v1/doctors").status_code == 200
    get_access_token_model().objects.update(expires=timezone.now() - timedelta(seconds=1))
    answer = api.get("/api/v1/doctors")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


def oauth(path, client, secret, **fields):
    credentials = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    return Client().post(f"/oauth/{path}", fields, HTTP_AUTHORIZATION=f"Basic {credentials}")


def token_request(client, secret, **fields):
    return oauth("token", client, secret, **{"grant_type": "client_credentials"} | fields)


def test_a_revoked_token_is_refused():
    client, secret = register("portal", ["doctors:read"], 0)
    token = token_request(client, secret).json()["access_token"]
    assert api_client(token).get("/api/v1/doctors").status_code == 200
    assert oauth("revoke", client, secret, token=token).status_code == 200
    assert api_client(token).get("/api/v1/doctors").status_code == 401


def test_a_client_gets_a_token_by_its_secret():
    client, secret = register("portal", ["doctors:read", "slots:read"], 0)
    answer = token_request(client, secret)
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    assert set(body["scope"].split()) == {"doctors:read", "slots:read"}
    assert "no-store" in answer["Cache-Control"]
    assert api_client(body["access_token"]).get("/api/v1/doctors").status_code == 200


def test_a_client_may_ask_for_less():
    client, secret = register("portal", ["doctors:read", "slots:read"], 0)
    body = token_request(client, secret, scope="slots:read").json()
    assert body["scope"] == "slots:read"
    assert api_client(body["access_token"]).get("/api/v1/available-slots").status_code == 200
    assert api_client(body["access_token"]).get("/api/v1/doctors").status_code == 403


@pytest.mark.parametrize("scope", ["patients:read", "slots:read patients:read", "nonsense"])
def test_a_client_may_not_ask_for_more(scope):
    client, secret = register("portal", ["slots:read"], 0)
    answer = token_request(client, secret, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert not get_access_token_model().objects.exists()


def test_a_wrong_secret_is_refused():
    client, secret = register("portal", ["slots:read"], 0)
    for wrong in ("", "wrong", secret[:-1], secret + "x"):
        answer = token_request(client, wrong)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert not get_access_token_model().objects.exists()


def test_a_backend_gets_no_token_by_another_grant():
    client, secret = register("portal", ["slots:read"], 0)
    get_user_model().objects.create_user("eva", password="a long passphrase")
    for fields in ({"grant_type": "password", "username": "eva", "password": "a long passphrase"}, {"grant_type": "x"}):
        answer = token_request(client, secret, **fields)
        assert answer.status_code in (400, 401)
    assert not get_access_token_model().objects.exists()


def test_a_scope_taken_from_a_client_is_lost_at_once():
    client, _secret = register("portal", ["doctors:read", "slots:read"], 0)
    api = api_client(issue_token(client, days=1)[0])
    ApiClient.objects.filter(pk=client.pk).update(scopes="slots:read")
    assert api.get("/api/v1/doctors").status_code == 403
    assert api.get("/api/v1/available-slots").status_code == 200


def test_a_token_of_a_person_opens_no_more_than_the_person_may():
    client, _ = register("app", ["patients:read", "doctors:read"], 0)
    user = get_user_model().objects.create_user("eva")
    token, _ = issue_token(client, days=1)
    get_access_token_model().objects.update(user=user)
    api = api_client(token)
    answer = api.get("/api/v1/patients")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert AuditLog.objects.get().on_behalf_of == "eva"

    user.user_permissions.add(Permission.objects.get(codename="view_patient"))
    assert api.get("/api/v1/patients").status_code == 200
    assert api.get("/api/v1/doctors").status_code == 403

    get_user_model().objects.update(is_active=False)
    assert api.get("/api/v1/patients").status_code == 401


def everything_stored():
    """All values of all tables, as one text."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {connection.ops.quote_name(table)} AS t")
            found.append(cursor.fetchone()[0] or "")
    return "\n".join(found)


def test_neither_secrets_nor_tokens_are_stored(api):
    client, secret = register("portal", ["slots:hold", "slots:read"], 0)
    issued = issue_token(client, days=1)[0]
    granted = token_request(client, secret).json()["access_token"]
    stored = everything_stored()
    assert client.client_id in stored  # the search does find what is there
    for hidden in (secret, issued, granted):
        assert hidden not in stored


# --- the command that registers a client -------------------------------------------------------------------------


def create_client(capsys, *arguments):
    call_command("create_client", *arguments)
    return json.loads(capsys.readouterr().out)


def test_create_client_prints_what_a_client_needs(capsys):
    made = create_client(capsys, "portal", "--scopes", "patients:read doctors:read", "--token-days", "2")
    assert list(made) == ["client_id", "client_secret", "access_token", "expires_at"]
    assert api_client(made["access_token"]).get("/api/v1/doctors").status_code == 200
    assert api_client(made["access_token"]).get("/api/v1/available-slots").status_code == 403
    left = timezone.datetime.fromisoformat(made["expires_at"]) - timezone.now()
    assert timedelta(days=1, hours=23) < left <= timedelta(days=2)
    client = ApiClient.objects.get(client_id=made["client_id"])
    assert client.name == "portal"
    assert token_request(client, made["client_secret"]).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["portal", "--scopes", "slots:read wings:fly"], "Unknown scope: wings:fly. Scopes are: doctors:read"),
        (["portal", "--scopes", " "], "Unknown scope: (none given)"),
        (["portal", "--scopes", "slots:read", "--token-days", "0"], "--token-days"),
        (["portal", "--scopes", "slots:read", "--token-days", "-1"], "--token-days"),
        (["portal", "--scopes", "slots:read", "--token-days", "nan"], "--token-days"),
        (["portal", "--scopes", "slots:read", "--token-days", "99999"], "--token-days"),
        (["portal", "--scopes", "slots:read", "--requests-per-minute", "-1"], "requests"),
        (["portal", "--scopes", "slots:read", "--requests-per-minute", "99999999999"], "requests"),
        (["", "--scopes", "slots:read"], "name"),
        (["x" * 256, "--scopes", "slots:read"], "name"),
    ],
)
def test_create_client_says_what_is_wrong(arguments, words):
    with pytest.raises(CommandError) as error:
        call_command("create_client", *arguments)
    assert words in str(error.value)
    assert not ApiClient.objects.exists()


# --- so many requests a minute -----------------------------------------------------------------------------------


@pytest.fixture
def early_in_the_minute():
    """A window must not end under a test that counts."""
    if time.time() % 60 > 40:
        time.sleep(61 - time.time() % 60)


@pytest.mark.usefixtures("early_in_the_minute")
@pytest.mark.parametrize("limit", [1, 7, 8, 9, 40])
def test_a_client_gets_exactly_its_requests(make_token, limit):
    api = api_client(make_token(requests_per_minute=limit))
    other = api_client(make_token(requests_per_minute=limit))
    answers = [api.get("/api/v1/doctors") for _ in range(limit + 3)]
    assert [answer.status_code for answer in answers] == [200] * limit + [429] * 3
    last = answers[-1]
    assert 1 <= int(last["Retry-After"]) <= 60
    assert (last["Content-Type"], last.json()["code"]) == ("application/problem+json", "throttled")
    assert other.get("/api/v1/doctors").status_code == 200


@pytest.mark.usefixtures("early_in_the_minute")
def test_refused_calls_count_too(make_token):
    """A client without the scope must not fill the audit log at any speed."""
    api = api_client(make_token("slots:read", requests_per_minute=3))
    assert [api.get("/api/v1/doctors").status_code for _ in range(5)] == [403, 403, 403, 429, 429]
    assert AuditLog.objects.filter(action="access.denied").count() == 3


@pytest.mark.usefixtures("early_in_the_minute")
def test_the_next_minute_begins_anew(make_token):
    api = api_client(make_token(requests_per_minute=1))
    assert [api.get("/api/v1/doctors").status_code for _ in range(2)] == [200, 429]
    ThrottleWindow.objects.update(minute=1)  # as if the minute had been another
    ClientThrottle._spent.clear()
    assert api.get("/api/v1/doctors").status_code == 200


def test_without_a_limit_nothing_is_counted(make_token):
    api = api_client(make_token(requests_per_minute=0))
    assert {api.get("/api/v1/doctors").status_code for _ in range(40)} == {200}
    assert not ThrottleWindow.objects.exists()


def test_the_general_limit_holds_for_clients_without_one_of_their_own(make_token, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    api = api_client(make_token(requests_per_minute=None))
    assert 429 in [api.get("/api/v1/doctors").status_code for _ in range(6)]


@pytest.mark.usefixtures("early_in_the_minute")
@pytest.mark.django_db(transaction=True)
def test_two_processes_of_several_threads_share_one_limit(server, make_token):
    """Never more than the limit; and no fewer than the limit less one lease for the other process."""
    token, other = make_token(requests_per_minute=200), make_token(requests_per_minute=200)
    clients = [HttpClient(server, token) for _ in range(16)]

    def twenty(client):
        return [client.get("/api/v1/doctors").status for _ in range(20)]

    answers = [status for part in race([lambda client=client: twenty(client) for client in clients]) for status in part]
    assert set(answers) == {200, 429}
    assert 200 - 25 <= answers.count(200) <= 200
    assert HttpClient(server, other).get("/api/v1/doctors").status == 200


def test_a_patient_that_nobody_has_is_not_found(api):
    PatientFactory()
    answer = api.get(f"/api/v1/patients/{uuid.UUID(int=7)}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
