"""Signing in through the hospital's own provider: a real one, over HTTP, that says true and false things."""

import re

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.urls import reverse

from audit.models import AuditLog
from booking_site.accounts.oidc import _user_named_by
from booking_site.testing.factories import staff
from booking_site.testing.fixtures import serving
from booking_site.testing.oidc_provider import Provider
from booking_site.testing.second_factors import code, give_app

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def _both(django_db_setup, django_db_blocker):
    """Served once: each test finds an empty database and an honest provider."""
    with django_db_blocker.unblock(), Provider() as provider, serving(**provider.environment) as site:
        yield provider, site


@pytest.fixture
def provider(_both):
    _both[0].begin_anew()
    return _both[0]


@pytest.fixture
def site(_both, transactional_db):
    return _both[1]


class Browser:
    def __init__(self, site: str) -> None:
        self.site, self.session = site, requests.Session()

    def sign_in(self, following: str = "/admin/"):
        """By the link of the sign-in page."""
        page = self.get(f"/admin/login/?next={following}").text
        link = re.search(r'href="(/admin/account/oidc/login/[^"]*)"', page)[1]
        return self.get(link.replace("&amp;", "&"))

    def get(self, path: str, **more):
        return self.session.get(f"{self.site}{path}", timeout=30, **more)

    @property
    def is_in(self) -> bool:
        return "Log out" in self.get("/admin/account/").text


def actions(*but: str) -> list[str]:
    return [action for action in AuditLog.objects.order_by("seq").values_list("action", flat=True) if action not in but]


def test_without_a_provider_nothing_is_offered(client):
    assert "oidc" not in client.get("/admin/login/").content.decode()
    client.force_login(staff("Reception"))
    assert client.get("/admin/account/oidc/login/").status_code == 404


def test_somebody_who_is_known_here_signs_in_and_goes_where_they_were_going(provider, site):
    user = staff("Reception")
    browser = Browser(site)
    assert "Sign in with Hospital &lt;ID&gt;" in browser.get("/admin/login/").text
    answer = browser.sign_in("/admin/account/sessions/")
    assert answer.url == f"{site}/admin/account/sessions/"
    assert browser.is_in
    assert actions() == ["user.provider_linked", "user.provider_used", "user.signed_in"]
    assert {row.object_id for row in AuditLog.objects.all()} == {str(user.pk)}
    [asked] = provider.asked
    for path in ("oidc/login/?process=connect", "another/login/"):  # to link the account of somebody else to one's own
        assert browser.get(f"/admin/account/{path}").status_code == 404
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    account = SocialAccount.objects.get()
    assert (account.user, account.uid, account.extra_data) == (user, "person-1", {})
    assert set(user.groups.values_list("name", flat=True)) == {"Reception"}


def test_the_next_time_the_key_of_the_person_counts_whatever_they_are_called(provider, site):
    user = staff("Reception")
    staff("Administrator")
    Browser(site).sign_in()
    provider.person = {"sub": "person-1", "preferred_username": "administrator"}
    browser = Browser(site)
    browser.sign_in()
    assert browser.is_in
    assert AuditLog.objects.filter(action="user.signed_in").last().object_id == str(user.pk)
    assert SocialAccount.objects.count() == 1


def test_who_gets_the_name_of_somebody_else_does_not_get_their_account(provider, site):
    staff("Reception")
    Browser(site).sign_in()
    provider.person = {"sub": "person-2", "preferred_username": "reception"}
    browser = Browser(site)
    answer = browser.sign_in()
    assert "no account here is yours" in answer.text
    assert not browser.is_in
    assert SocialAccount.objects.get().uid == "person-1"


STRANGERS = [
    {"preferred_username": "nobody here"},
    {"preferred_username": ""},
    {"preferred_username": None},
    {"preferred_username": ["reception"]},
    {"preferred_username": "reception\x00"},
    {"preferred_username": "Reception"},
    {"email": "reception@hospital.example", "email_verified": True},
    {},
]


def test_nobody_is_made_and_nobody_gets_in_by_another_claim(provider, site):
    staff("Reception", email="reception@hospital.example")
    for claims in STRANGERS:
        provider.person = {"sub": "person-1", **claims}
        browser = Browser(site)
        answer = browser.sign_in()
        assert (claims, answer.status_code) == (claims, 200)
        assert "no account here is yours. Ask an administrator." in answer.text, claims
        assert not browser.is_in, claims
    assert User.objects.count() == 1
    assert not SocialAccount.objects.exists()
    assert actions() == ["user.sign_in_failed"] * len(STRANGERS)


def test_a_closed_account_stays_closed(provider, site):
    user = staff("Reception")
    Browser(site).sign_in()
    for closed in ({"is_active": False, "is_staff": True}, {"is_active": True, "is_staff": False}):
        User.objects.filter(pk=user.pk).update(**closed)
        browser = Browser(site)
        assert "no account here is yours" in browser.sign_in().text, closed
        assert not browser.is_in, closed


def test_the_second_factor_is_asked_for_as_after_a_password(provider, site):
    secret = give_app(staff("Reception"))
    browser = Browser(site)
    page = browser.sign_in()
    assert page.url == f"{site}/admin/account/confirm/"
    assert not browser.is_in
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    sent = {"code": code(secret), "csrfmiddlewaretoken": token}
    answer = browser.session.post(page.url, sent, headers={"Origin": site}, timeout=30)
    assert answer.url == f"{site}/admin/"
    assert browser.is_in
    assert AuditLog.objects.filter(action="user.signed_in").count() == 1


HONEST = {"sub": "person-1", "preferred_username": "reception"}
LIES = [
    {"forged": True},
    {"claimed_issuer": "http://evil.example"},
    {"person": HONEST | {"aud": "another site"}},
    {"person": HONEST | {"iss": "http://evil.example"}},
    {"person": HONEST | {"exp": 1}},
    {"userinfo": HONEST | {"sub": "person-2"}},
    {"userinfo": {"preferred_username": "reception"}},
    {"refuses": True},
    {"is_down": True},
]


def test_what_does_not_hold_opens_nothing_and_breaks_nothing(provider, site):
    staff("Reception")
    for lie in LIES:
        provider.begin_anew()
        for name, value in lie.items():
            setattr(provider, name, value)
        browser = Browser(site)
        answer = browser.sign_in()
        assert (lie, answer.status_code) == (lie, 200)
        assert "did not confirm who you are" in answer.text, lie
        assert not browser.is_in, lie
    provider.begin_anew()
    browser = Browser(site)
    browser.sign_in()
    assert browser.is_in  # the truth


def test_an_answer_that_was_not_asked_for_opens_nothing(provider, site):
    """Somebody gives another their own answer of the provider, or an old one again."""
    staff("Reception")
    one = Browser(site)
    at_provider = one.get("/admin/account/oidc/login/", allow_redirects=False).headers["Location"]
    back = requests.get(at_provider, allow_redirects=False, timeout=30).headers["Location"]
    another = Browser(site)
    assert "did not confirm who you are" in another.session.get(back, timeout=30).text
    assert not another.is_in
    one.session.get(back, timeout=30)
    assert one.is_in
    assert "did not confirm" in another.session.get(back, timeout=30).text
    for path in ("/admin/account/oidc/login/callback/", "/admin/account/oidc/login/callback/?code=x&state=y"):
        assert another.get(path).status_code == 200
    assert not another.is_in


def test_nobody_is_led_elsewhere(provider, site):
    staff("Reception")
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        assert Browser(site).sign_in(elsewhere).url == f"{site}/admin/", elsewhere


def test_an_administrator_ends_the_link(client):
    user = staff("Reception")
    SocialAccount.objects.create(user=user, provider="oidc", uid="person-1")
    client.force_login(staff("Administrator"))
    client.post(reverse("admin:auth_user_remove_factors", args=[user.pk]))
    assert not SocialAccount.objects.exists()
    assert AuditLog.objects.get(action="user.provider_unlinked").object_id == str(user.pk)


# --- by an address ---------------------------------------------------------------------------------------------------


def test_by_an_address_only_a_verified_one_of_one_person_counts(settings):
    settings.OIDC_MATCH = "email"
    user = staff("Reception", email="reception@hospital.example")

    def named(**claims):
        return _user_named_by({"email": "Reception@hospital.example", "email_verified": True} | claims)

    assert named() == user
    for not_verified in (False, None, "true", 1):
        assert named(email_verified=not_verified) is None
    assert named(email="other@hospital.example", preferred_username="reception") is None
    assert named(email="") is None
    staff("Scheduler", email="reception@HOSPITAL.example")
    assert named() is None
