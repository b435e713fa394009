"""Secrets that are changed, tokens that are renewed and ended; and that none of them is stored."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import get_access_token_model, get_grant_model, get_refresh_token_model

from audit.models import AuditLog
from booking_site.api.clients import issue_token, register
from booking_site.api.models import ApiClient
from booking_site.testing.factories import PatientFactory, staff
from booking_site.testing.fixtures import api_client
from booking_site.tests.test_access import everything_stored, oauth, token_request
from booking_site.tests.test_oauth_code_flow import app, code_for, request_for, token_for  # noqa: F401

pytestmark = pytest.mark.django_db
SLOTS = "/api/v1/available-slots"


@pytest.fixture
def portal():
    return register("portal", ["slots:read"], 0)


def rotate(capsys, client, *options):
    call_command("rotate_secret", client.client_id, *options)
    return json.loads(capsys.readouterr().out)


def gets_a_token(client, secret) -> bool:
    return token_request(client, secret).status_code == 200


# --- secrets -------------------------------------------------------------------------------------------------------


def test_both_secrets_are_good_while_they_overlap(capsys, portal):
    client, old = portal
    told = rotate(capsys, client, "--overlap-hours", "2")
    assert list(told) == ["client_id", "client_secret", "old_secret_until"]
    new, until = told["client_secret"], timezone.datetime.fromisoformat(told["old_secret_until"])
    assert timedelta(minutes=119) < until - timezone.now() <= timedelta(hours=2)
    assert new != old
    assert [gets_a_token(client, secret) for secret in (new, old, "wrong", "")] == [True, True, False, False]
    ApiClient.objects.update(previous_secret_until=timezone.now())
    assert [gets_a_token(client, secret) for secret in (new, old)] == [True, False]


def test_without_an_overlap_the_old_secret_is_good_no_longer(capsys, portal):
    client, old = portal
    told = rotate(capsys, client, "--overlap-hours", "0")
    assert told["old_secret_until"] is None
    assert [gets_a_token(client, secret) for secret in (told["client_secret"], old)] == [True, False]


def test_of_three_secrets_two_are_good(capsys, portal):
    client, first = portal
    second, third = (rotate(capsys, client)["client_secret"] for _ in range(2))
    assert [gets_a_token(client, secret) for secret in (first, second, third)] == [False, True, True]
    assert rotate(capsys, client, "--overlap-hours", "0")["client_secret"]
    assert [gets_a_token(client, secret) for secret in (first, second, third)] == [False] * 3


def test_the_old_secret_of_one_client_opens_no_other(capsys, portal):
    client, old = portal
    other, _secret = register("bot", ["slots:read"], 0)
    rotate(capsys, client)
    rotate(capsys, other)
    assert not gets_a_token(other, old)


def test_changing_a_secret_is_in_the_audit_log(capsys, portal):
    client, _old = portal
    rotate(capsys, client)
    row = AuditLog.objects.get(action="apiclient.secret_rotated")
    assert (row.user_kind, row.user_id, row.object_id) == ("command", "rotate_secret", str(client.pk))
    assert set(row.details["new"]) == {"previous_secret_until"}


@pytest.mark.parametrize("hours", ["-1", "nan", "99999"])
def test_rotate_secret_says_what_is_wrong(portal, hours):
    with pytest.raises(CommandError, match="overlap-hours"):
        call_command("rotate_secret", portal[0].client_id, "--overlap-hours", hours)


def test_commands_know_no_client_that_is_not_there_and_no_secret_of_an_app(app):  # noqa: F811
    for command in ("rotate_secret", "revoke_tokens"):
        with pytest.raises(CommandError, match="There is no API client with the id nobody"):
            call_command(command, "nobody")
    with pytest.raises(CommandError, match="without a secret"):
        call_command("rotate_secret", app.client_id)


def test_a_client_authenticates_in_one_way(portal):
    client, secret = portal
    answer = token_request(client, "wrong", client_id=client.client_id, client_secret=secret)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# --- tokens --------------------------------------------------------------------------------------------------------


def renewed(app, refresh_token):  # noqa: F811
    fields = {"grant_type": "refresh_token", "client_id": app.client_id, "refresh_token": refresh_token}
    return Client().post("/oauth/token", fields)


def opens(token) -> bool:
    return api_client(token).get(SLOTS).status_code == 200


def test_a_refresh_token_is_good_once_and_gives_another(client, app):  # noqa: F811
    first = token_for(client, app, code_for(client, app, "Reception")).json()
    second = renewed(app, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert [opens(each["access_token"]) for each in (first, second)] == [False, True]
    third = renewed(app, second["refresh_token"]).json()
    assert [opens(each["access_token"]) for each in (second, third)] == [False, True]


@pytest.mark.parametrize("stolen", [0, 1])
def test_a_refresh_token_that_comes_twice_ends_all_that_came_of_it(client, app, stolen):  # noqa: F811
    chain = [token_for(client, app, code_for(client, app, "Reception")).json()]
    for _ in range(2):
        chain.append(renewed(app, chain[-1]["refresh_token"]).json())
    assert opens(chain[-1]["access_token"])
    answer = renewed(app, chain[stolen]["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not opens(chain[-1]["access_token"])
    assert renewed(app, chain[-1]["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_refresh_token_of_another_app_is_refused(client, app):  # noqa: F811
    issued = token_for(client, app, code_for(client, app, "Reception")).json()
    other = ApiClient.objects.create(
        name="Other", client_type="public", authorization_grant_type="authorization-code", scopes="slots:read"
    )
    assert renewed(other, issued["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_token_that_is_ended_opens_nothing_from_the_next_call_on(client, app, kind):  # noqa: F811
    issued = token_for(client, app, code_for(client, app, "Reception")).json()
    assert opens(issued["access_token"])
    answer = Client().post("/oauth/revoke", {"client_id": app.client_id, "token": issued[kind]})
    assert answer.status_code == 200
    assert not opens(issued["access_token"])
    assert renewed(app, issued["refresh_token"]).json()["error"] == "invalid_grant"
    row = AuditLog.objects.get(action="token.revoked")
    assert (row.user_kind, row.user_id, row.object_id) == ("client", app.client_id, str(app.pk))


def test_nobody_ends_the_tokens_of_others(portal):
    client, _secret = portal
    token = issue_token(client, days=1)[0]
    other, secret = register("bot", ["slots:read"], 0)
    assert (
        oauth("revoke", other, secret, token=token).status_code == 200
    )  # RFC 7009: the same as of one that is nowhere
    assert oauth("revoke", client, "wrong", token=token).status_code == 401
    assert opens(token)
    assert not AuditLog.objects.filter(action="token.revoked").exists()


def test_all_tokens_of_a_client_end_at_once(capsys, client, app, portal):  # noqa: F811
    issued = token_for(client, app, code_for(client, app, "Reception")).json()
    pending = parse_qs(
        urlsplit(client.post("/oauth/authorize", {**request_for(app), "allow": "Allow"})["Location"]).query
    )["code"][0]
    kept = issue_token(portal[0], days=1)[0]
    call_command("revoke_tokens", app.client_id)
    assert capsys.readouterr().out == "Tokens of Ward <b>tablet</b> that ended: 1.\n"
    assert [opens(token) for token in (issued["access_token"], kept)] == [False, True]
    assert renewed(app, issued["refresh_token"]).json()["error"] == "invalid_grant"
    assert token_for(client, app, pending).json()["error"] == "invalid_grant"
    row = AuditLog.objects.get(action="apiclient.tokens_revoked")
    assert (row.user_id, row.object_id, row.details) == ("revoke_tokens", str(app.pk), {"new": {"tokens": 1}})


def test_the_administrator_ends_them_in_the_console(client, portal):
    registered, _secret = portal
    token = issue_token(registered, days=1)[0]
    client.force_login(staff("Administrator"))
    sent = {"action": "revoke_selected", "_selected_action": [str(registered.pk)]}
    page = client.post("/admin/api/apiclient/", sent, follow=True)
    assert [str(message) for message in page.context["messages"]] == ["portal: 1 token ended."]
    assert not opens(token)
    row = AuditLog.objects.get(action="apiclient.tokens_revoked")
    assert (row.user_kind, row.user_name) == ("user", "administrator")


def test_tokens_are_told_of_as_they_are_issued(client, app, portal):  # noqa: F811
    registered, secret = portal
    token_request(registered, secret)
    issued = token_for(client, app, code_for(client, app, "Reception")).json()
    renewed(app, issued["refresh_token"])
    rows = AuditLog.objects.filter(action="token.issued").order_by("seq")
    assert [(row.user_name, row.details["new"]["grant"], row.details["new"].get("person")) for row in rows] == [
        ("portal", "client_credentials", None),
        (app.name, "authorization_code", "reception"),
        (app.name, "refresh_token", "reception"),
    ]


# --- what is stored ------------------------------------------------------------------------------------------------


def test_no_secret_token_or_code_is_stored_as_it_is(capsys, client, app, portal):  # noqa: F811
    registered, old = portal
    secret = rotate(capsys, registered)["client_secret"]
    granted = token_request(registered, old).json()["access_token"]
    issued = issue_token(registered, days=1, patient_id=PatientFactory().pk)[0]
    person = token_for(client, app, code_for(client, app, "Reception")).json()
    again = renewed(app, person["refresh_token"]).json()
    answer = client.post("/oauth/authorize", {**request_for(app), "allow": "Allow"})
    code = parse_qs(urlsplit(answer["Location"]).query)["code"][0]
    hidden = [old, secret, granted, issued, code]
    hidden += [each[kind] for each in (person, again) for kind in ("access_token", "refresh_token")]
    stored = everything_stored()
    assert [text for text in hidden if text in stored] == []
    assert registered.client_id in stored  # the search does find what is there
    models = (get_grant_model(), get_access_token_model(), get_refresh_token_model())
    assert [model.objects.exists() for model in models] == [True] * 3
    assert token_for(client, app, code).status_code == 200
