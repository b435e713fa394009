"""Second factors: who needs one and what is closed without it, setting one up, losing one."""

import re
import uuid

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver, reverse

from audit.models import AuditLog
from booking_site.accounts.leading import PROVING, SETTING_UP
from booking_site.audience import CONSENT, FOR_PROGRAMS
from booking_site.console.middleware import ALWAYS_OPEN
from booking_site.testing.factories import PASSWORD, staff
from booking_site.testing.second_factors import code, give_app, give_codes, kinds

pytestmark = pytest.mark.django_db
INDEX, ADD_APP = "/admin/account/", "/admin/account/app/add/"


@pytest.fixture(autouse=True)
def _needed(settings):
    settings.MFA_ROLES = ["Administrator", "Auditor"]


def sign_in(client, name: str, secret: str = "", step: int = 0):
    answer = client.post("/admin/login/", {"username": name, "password": PASSWORD})
    if secret:
        answer = client.post("/admin/account/confirm/", {"code": code(secret, step)})
    assert "_auth_user_id" in client.session
    return answer


# --- what is closed --------------------------------------------------------------------------------------------------

VALUES = {"uuid": str(uuid.UUID(int=7)), "int": "7", "path": "7", "slug": "x", "str": "x"}


def addresses(patterns=None, before="", namespace=""):
    """(name, address) of all of the site, with something in the place of each variable part."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            inside = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from addresses(pattern.url_patterns, before + str(pattern.pattern), namespace + inside)
        else:
            route = re.sub(r"<(?:(\w+):)?\w+>", lambda part: VALUES[part[1] or "str"], before + str(pattern.pattern))
            route = re.sub(
                r"\(\?P<(\w+)>([^)]*)\)", lambda part: part[2].split("|")[0] if "|" in part[2] else "x", route
            )
            name = namespace + (pattern.name or "")
            yield name, "/" + re.sub(r"[$^\\?]", "", route).replace(".*", "x").replace("(/)", "/")


def pages() -> dict[str, str]:
    found = {}
    for name, address in addresses():
        if not address.startswith(FOR_PROGRAMS) or address.startswith(CONSENT):
            found[address] = name
    return found


def test_the_search_finds_the_pages():
    found = pages()
    assert len(found) > 100
    assert {"/admin/", "/admin/today/data/", "/oauth/authorize", "/admin/audit/auditlog/", "/"} <= found.keys()


@pytest.mark.parametrize("role", ["Administrator", "Auditor", "superuser"])
def test_without_the_second_factor_nothing_opens_but_what_leads_to_one(client, role):
    if role == "superuser":
        User.objects.create_superuser("superuser", password=PASSWORD)
    else:
        staff(role)
    answer = sign_in(client, role.lower())
    assert client.get(answer["Location"])["Location"] == f"{INDEX}?next=%2Fadmin%2F"
    before = AuditLog.objects.count()
    opened = {}
    for address, name in pages().items():
        if name in ALWAYS_OPEN | SETTING_UP:
            continue
        got = client.get(address)
        sent = client.post(address, {"last_name": "x"})
        script = client.get(address, headers={"Sec-Fetch-Dest": "empty"})
        led = [answer.headers.get("Location", "").startswith(INDEX) for answer in (got, sent)]
        if (led, script.status_code) != ([True, True], 403) or script.json()["code"] != "second_factor_required":
            opened[address] = (got.status_code, sent.status_code, script.status_code)
    assert opened == {}
    assert AuditLog.objects.count() == before


def test_the_control_opens_them_once_the_factor_is_shown(client):
    secret = give_app(staff("Administrator"))
    sign_in(client, "administrator", secret)
    for address in ("/admin/", "/admin/auth/user/", "/admin/today/data/?date=2026-11-23", "/admin/account/sessions/"):
        assert client.get(address).status_code == 200, address


def test_others_need_none_and_what_programs_ask_for_is_as_it_was(client, api):
    staff("Reception")
    sign_in(client, "reception")
    assert client.get("/admin/").status_code == 200
    assert api.get("/api/v1/doctors").status_code == 200


def test_a_role_that_is_given_closes_the_session_at_once(client):
    user = staff("Reception")
    sign_in(client, "reception")
    user.groups.add(Group.objects.get(name="Administrator"))
    assert client.get("/admin/")["Location"].startswith(INDEX)


def test_whoever_has_a_factor_shows_it_and_cannot_set_another_up_instead(client):
    """A session of a time before the factor: nobody who has learnt the password adds one of their own."""
    user = staff("Reception")
    sign_in(client, "reception")
    secret = give_app(user)
    user.groups.add(Group.objects.get(name="Administrator"))
    for name in SETTING_UP:
        assert client.get(reverse(name))["Location"].startswith(reverse("mfa_reauthenticate")), name
    for name in PROVING:
        assert client.get(reverse(name)).status_code in (200, 302)
    answer = client.post(reverse("mfa_reauthenticate"), {"code": code(secret), "next": "/admin/"})
    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_the_factor_of_one_person_opens_nothing_for_another(client):
    secret = give_app(staff("Administrator"))
    staff("Auditor")
    sign_in(client, "administrator", secret)
    client.post("/admin/login/", {"username": "auditor", "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(User.objects.get(username="auditor").pk)
    assert client.get("/admin/audit/auditlog/")["Location"].startswith(INDEX)


def test_the_answer_names_no_ways_that_are_closed(client):
    staff("Administrator")
    sign_in(client, "administrator")
    text = client.get(INDEX).content.decode()
    assert "Your role needs a second factor" in text
    assert reverse("admin:auth_user_changelist") not in text
    assert "Log out" in text


def test_it_costs_no_query_where_pages_ask_for_permissions(client, settings):
    staff("Reception")
    sign_in(client, "reception")
    counts = []
    for roles in ([], [], ["Administrator"]):
        settings.MFA_ROLES = roles
        with CaptureQueriesContext(connection) as taken:
            assert client.get("/admin/doctors/department/").status_code == 200
        counts.append(len(taken))
    assert counts[1] == counts[2]


# --- setting one up --------------------------------------------------------------------------------------------------


def secret_in(answer) -> str:
    return re.search(r'class="secret">([A-Z2-7]+)<', answer.content.decode())[1]


def test_an_app_is_set_up_and_recovery_codes_are_shown_once(client):
    user = staff("Administrator")
    sign_in(client, "administrator")
    secret = secret_in(client.get(ADD_APP))
    assert client.post(ADD_APP, {"code": "000000"}).status_code == 200
    assert kinds(user) == set()
    answer = client.post(ADD_APP, {"code": code(secret)})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    assert kinds(user) == {"totp", "recovery_codes"}
    assert client.get("/admin/").status_code == 200  # whoever set it up has shown it
    first = client.get(answer["Location"])
    codes = re.findall(r"<code>(\d{8})</code>", first.content.decode())
    assert len(set(codes)) == 10
    assert "no-store" in first["Cache-Control"]
    assert all(f"{each}%0A" in first.content.decode() for each in codes)  # to be saved
    second = client.get(answer["Location"]).content.decode()
    assert not any(each in second for each in codes)
    added = AuditLog.objects.filter(action="user.second_factor_added")
    assert sorted(row.details["new"]["kind"] for row in added) == ["recovery_codes", "totp"]
    assert {(row.user_name, row.object_id) for row in added} == {("administrator", str(user.pk))}

    other = Client()
    other.post("/admin/login/", {"username": "administrator", "password": PASSWORD})
    other.post("/admin/account/confirm/", {"code": codes[3]})
    assert "_auth_user_id" in other.session


def test_the_code_that_set_an_app_up_does_not_sign_in(client):
    staff("Administrator")
    sign_in(client, "administrator")
    shown = code(secret_in(client.get(ADD_APP)))
    client.post(ADD_APP, {"code": shown})
    other = Client()
    other.post("/admin/login/", {"username": "administrator", "password": PASSWORD})
    other.post("/admin/account/confirm/", {"code": shown})
    assert "_auth_user_id" not in other.session


def test_a_session_that_was_left_open_sets_nothing_up_without_the_password(client, time_machine):
    staff("Reception")
    time_machine.move_to(1_800_000_000)
    sign_in(client, "reception")
    time_machine.shift(301)
    for page in (ADD_APP, reverse("mfa_add_webauthn")):
        assert client.get(page)["Location"].startswith(reverse("account_reauthenticate"))
        assert client.post(page, {"code": "1"})["Location"].startswith(reverse("account_reauthenticate"))
    again = reverse("account_reauthenticate")
    assert client.post(again, {"password": "wrong", "next": ADD_APP}).status_code == 200
    assert client.post(again, {"password": PASSWORD, "next": ADD_APP})["Location"] == ADD_APP
    assert client.get(ADD_APP).status_code == 200
    assert AuditLog.objects.filter(action="user.sign_in_failed").count() == 1


def test_new_recovery_codes_end_the_old_ones(client):
    user = staff("Administrator")
    secret = give_app(user)
    old = give_codes(user)
    sign_in(client, "administrator", secret)
    client.post(reverse("mfa_generate_recovery_codes"))
    assert not set(old) & set(Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes())


# --- losing one ------------------------------------------------------------------------------------------------------


def test_the_last_factor_of_a_role_that_needs_one_stays(client):
    user = staff("Administrator")
    secret = give_app(user)
    sign_in(client, "administrator", secret)
    assert "add another" in client.get(reverse("mfa_deactivate_totp")).content.decode()
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 200
    assert kinds(user) == {"totp"}
    Authenticator.objects.filter(user=user).update(type="webauthn")
    key = Authenticator.objects.get(user=user).pk
    assert client.post(reverse("mfa_remove_webauthn", args=[key])).status_code == 403
    assert kinds(user) == {"webauthn"}


def test_others_take_theirs_away_and_it_is_told(client):
    user = staff("Reception")
    secret = give_app(user)
    give_codes(user)
    sign_in(client, "reception", secret)
    assert client.post(reverse("mfa_deactivate_totp"))["Location"] == INDEX
    assert kinds(user) == set()
    removed = AuditLog.objects.filter(action="user.second_factor_removed")
    assert sorted(row.details["old"]["kind"] for row in removed) == ["recovery_codes", "totp"]


def test_nobody_removes_the_key_of_somebody_else(client):
    other = give_app(staff("Scheduler")) and Authenticator.objects.get()
    Authenticator.objects.update(type="webauthn")
    staff("Reception")
    sign_in(client, "reception")
    assert client.post(reverse("mfa_remove_webauthn", args=[other.pk])).status_code == 404
    assert Authenticator.objects.count() == 1


def test_an_administrator_takes_lost_factors_away_and_the_sessions_with_them(client):
    user = staff("Auditor")
    secret = give_app(user)
    give_codes(user)
    theirs = Client()
    sign_in(theirs, "auditor", secret)
    sign_in(client, "administrator", give_app(staff("Administrator")))
    page = reverse("admin:auth_user_remove_factors", args=[user.pk])
    assert page in client.get(reverse("admin:auth_user_change", args=[user.pk])).content.decode()
    assert "TOTP Authenticator" in client.get(page).content.decode()
    assert kinds(user)
    assert client.post(page).status_code == 302
    assert kinds(user) == set()
    assert theirs.get("/admin/")["Location"].startswith("/admin/login/")
    removed = AuditLog.objects.filter(action="user.second_factor_removed")
    assert {(row.user_name, row.object_id) for row in removed} == {("administrator", str(user.pk))}
    assert AuditLog.objects.get(action="user.sessions_ended").user_name == "administrator"


def test_nobody_takes_away_their_own_there_nor_those_of_somebody_who_may_do_more(client):
    user = staff("Administrator")
    secret = give_app(user)
    superuser = User.objects.create_superuser("root", password=PASSWORD)
    give_app(superuser)
    sign_in(client, "administrator", secret)
    for target in (user, superuser):
        for page in ("auth_user_remove_factors", "auth_user_end_sessions"):
            assert client.post(reverse(f"admin:{page}", args=[target.pk])).status_code == 403
    assert kinds(user) == kinds(superuser) == {"totp"}
