"""Sessions: where one is signed in, ending them, and how they end by themselves."""

import json
import os
import subprocess
import sys

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from booking_site.testing.factories import PASSWORD, staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/account/sessions/"
BOARD = "/admin/today/data/?date=2026-11-23"
HOUR = 3600


def signed_in(name: str = "reception", agent: str = "Browser", address: str = "192.0.2.1") -> Client:
    client = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    client.post("/admin/login/", {"username": name, "password": PASSWORD})
    assert is_open(client)
    return client


def is_open(client: Client) -> bool:
    return client.get("/admin/account/").status_code == 200


# --- the list --------------------------------------------------------------------------------------------------------


def test_one_sees_ones_own_sessions_and_ends_one_of_them():
    user = staff("Reception")
    staff("Scheduler")
    here, there, elsewhere = signed_in(agent="Here <b>"), signed_in(agent="There"), signed_in(agent="Elsewhere")
    other = signed_in("scheduler", agent="Others")
    text = here.get(PAGE).content.decode()
    assert "Here &lt;b&gt;" in text
    assert "There" in text
    assert "192.0.2.1" in text
    assert "Others" not in text
    key = UserSession.objects.get(user_agent="There").pk
    assert here.post(PAGE, {"session": key}).status_code == 302
    assert [is_open(each) for each in (here, there, elsewhere, other)] == [True, False, True, True]
    assert "There" not in here.get(PAGE).content.decode()
    row = AuditLog.objects.get(action="user.sessions_ended")
    assert (row.user_name, row.object_id, row.details) == ("reception", str(user.pk), {"new": {"count": 1}})


def test_all_others_are_ended_at_once():
    staff("Reception")
    clients = [signed_in() for _ in range(4)]
    clients[0].post(PAGE, {"session": "others"})
    assert [is_open(each) for each in clients] == [True, False, False, False]
    assert AuditLog.objects.get(action="user.sessions_ended").details == {"new": {"count": 3}}


def test_nobody_ends_the_session_of_somebody_else():
    staff("Reception")
    staff("Scheduler")
    mine, other = signed_in(), signed_in("scheduler")
    for key in (UserSession.objects.get(user__username="scheduler").pk, "x", "", "²", "9" * 40, "-1", "1 OR 1=1"):
        assert mine.post(PAGE, {"session": key}).status_code == 302
    assert is_open(other)
    assert not AuditLog.objects.filter(action="user.sessions_ended").exists()


def test_an_administrator_ends_all_sessions_of_a_user():
    user = staff("Reception")
    staff("Administrator")
    theirs, admin = [signed_in(), signed_in()], signed_in("administrator")
    page = reverse("admin:auth_user_end_sessions", args=[user.pk])
    assert "is signed in in 2 places" in admin.get(page).content.decode()
    assert admin.post(page).status_code == 302
    assert [is_open(each) for each in (*theirs, admin)] == [False, False, True]
    row = AuditLog.objects.get(action="user.sessions_ended")
    assert (row.user_name, row.object_id) == ("administrator", str(user.pk))


def test_a_request_on_its_way_does_not_bring_an_ended_session_back(time_machine):
    time_machine.move_to(timezone.now())
    staff("Reception")
    client = signed_in()
    kept = client.session  # loaded, as by a request that is being served
    assert kept["seen"]
    Session.objects.all().delete()
    kept["seen"] = 0
    with pytest.raises(UpdateError):
        kept.save()
    assert not is_open(client)


# --- how they end by themselves --------------------------------------------------------------------------------------


@pytest.fixture
def idle(settings, time_machine):
    settings.SESSION_IDLE_MINUTES = 30
    time_machine.move_to(timezone.now())
    return time_machine


def test_an_idle_session_ends(idle):
    staff("Reception")
    client = signed_in()
    idle.shift(29 * 60)
    assert is_open(client)
    idle.shift(29 * 60)
    assert is_open(client)
    idle.shift(31 * 60)
    assert not is_open(client)
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_a_board_that_refreshes_itself_does_not_keep_a_session_alive(idle):
    staff("Reception")
    client = signed_in()
    answers = []
    for _ in range(62):
        idle.shift(30)
        answers.append(client.get(BOARD, headers={"Sec-Fetch-Dest": "empty"}).status_code)
    assert answers == [200] * 59 + [401] * 3
    assert not is_open(client)


def test_no_session_lives_longer_than_a_working_day(idle):
    staff("Reception")
    client = signed_in()
    for _ in range(47):
        idle.shift(15 * 60)
        assert is_open(client)
    idle.shift(15 * 60 + 1)
    assert not is_open(client)


def test_a_session_is_written_once_a_minute_at_most_and_never_by_a_refresh(idle):
    staff("Reception")
    client = signed_in()

    def written(page: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200
        return sum("UPDATE" in query["sql"] and "django_session" in query["sql"] for query in queries)

    idle.shift(61)
    assert [written(BOARD), written("/admin/"), written("/admin/"), written(BOARD)] == [0, 1, 0, 0]
    idle.shift(61)
    assert written("/admin/") == 1


def test_the_row_says_when_it_ends(idle):
    staff("Reception")
    signed_in()
    left = Session.objects.get().expire_date - timezone.now()
    assert 29 * 60 < left.total_seconds() <= 30 * 60


# --- cookies ---------------------------------------------------------------------------------------------------------


def test_cookies_end_with_the_browser_and_are_no_scripts_business():
    staff("Reception")
    client = Client()
    client.get("/admin/login/")
    client.post("/admin/login/", {"username": "reception", "password": PASSWORD})
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        cookie = client.cookies[name]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")
    assert client.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == ""


def settings_with(**environment: str) -> dict:
    names = [
        *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "DEVICE_COOKIE_NAME", "SESSION_COOKIE_SECURE"),
        *("CSRF_COOKIE_SECURE", "SESSION_IDLE_MINUTES", "MFA_ROLES", "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN"),
    ]
    script = f"import json; from booking_site import settings as s; print(json.dumps([getattr(s, n) for n in {names}]))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MFA_", "SESSION_", "OIDC_"))}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return dict(zip(names, json.loads(done.stdout), strict=True)) if done.returncode == 0 else {"error": done.stderr}


DEPLOYMENT = {
    "DATABASE_URL": "postgresql://h@127.0.0.1:1/h",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789",
    "LOCAL": "off",
    "DEBUG": "off",
}


def test_a_deployment_is_strict_and_a_local_installation_works_at_once():
    assert settings_with(**DEPLOYMENT, HTTPS="on") == {
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
        "DEVICE_COOKIE_NAME": "__Host-device",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_IDLE_MINUTES": 30,
        "MFA_ROLES": ["Administrator", "Auditor"],
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": False,
    }
    local = settings_with(**DEPLOYMENT | {"LOCAL": "on", "HTTPS": "off"})
    assert (local["MFA_ROLES"], local["SESSION_IDLE_MINUTES"], local["SESSION_COOKIE_NAME"]) == ([], 720, "sessionid")


def test_a_provider_without_https_or_with_an_unknown_match_is_refused_at_the_start():
    oidc = {**DEPLOYMENT, "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "y"}
    plain = settings_with(**oidc, HTTPS="on", OIDC_ISSUER="http://id.example")
    assert "OIDC_ISSUER does not begin with https://" in plain["error"]
    match = settings_with(**oidc, HTTPS="on", OIDC_ISSUER="https://id.example", OIDC_MATCH="nickname")
    assert "OIDC_MATCH is nickname" in match["error"]
