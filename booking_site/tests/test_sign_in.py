"""Signing in: the password, the second factor, where one comes from there, and what the log tells of it."""

import time

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from booking_site.accounts import guard
from booking_site.testing.factories import PASSWORD, staff
from booking_site.testing.second_factors import code, give_app, give_codes

pytestmark = pytest.mark.django_db
LOGIN, CONFIRM, ADD = "/admin/login/", "/admin/account/confirm/", "/admin/patients/patient/add/"
TYPED = {"first_name": "Eva", "last_name": "Nowak", "dob": "1980-02-29"}


def password(client, name="reception", given=PASSWORD, **more):
    return client.post(LOGIN, {"username": name, "password": given, **more})


def is_signed_in(client) -> bool:
    return "_auth_user_id" in client.session


def told(*actions: str) -> list[str]:
    return list(AuditLog.objects.filter(action__in=actions).order_by("seq").values_list("action", flat=True))


def test_without_a_second_factor_the_password_opens_and_is_told_once(client):
    user = staff("Reception")
    answer = password(client, next="/admin/account/sessions/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/account/sessions/")
    assert is_signed_in(client)
    row = AuditLog.objects.get(action="user.signed_in")
    assert (row.user_name, row.object_id) == ("reception", str(user.pk))


def test_with_a_second_factor_the_password_alone_opens_nothing(client):
    secret = give_app(staff("Reception"))
    answer = password(client, next=ADD)
    assert (answer.status_code, answer["Location"]) == (302, CONFIRM)
    assert not is_signed_in(client)
    assert client.get(ADD)["Location"].startswith(LOGIN)
    assert told("user.signed_in") == []
    answer = client.post(CONFIRM, {"code": code(secret)})
    assert (answer.status_code, answer["Location"]) == (302, ADD)
    assert client.get(ADD).status_code == 200
    assert told("user.signed_in") == ["user.signed_in"]


@pytest.mark.parametrize("wrong", ["000000", "", "x" * 41, "\x00", "12 34", "¹²³⁴⁵⁶"])
def test_a_wrong_code_opens_nothing_and_is_told_once(client, wrong):
    user = staff("Reception")
    give_app(user)
    password(client)
    assert client.post(CONFIRM, {"code": wrong}).status_code == 200
    assert not is_signed_in(client)
    looked_at = len(wrong) in range(1, 41) and "\x00" not in wrong
    expected = ["user.sign_in_failed", "user.second_factor_failed"] if looked_at else []
    assert told("user.sign_in_failed", "user.second_factor_failed") == expected
    if looked_at:
        assert AuditLog.objects.get(action="user.second_factor_failed").object_id == str(user.pk)


def test_a_code_opens_once(client):
    """Who has seen it typed cannot use it again."""
    secret = give_app(staff("Reception"))
    password(client)
    shown = code(secret)
    client.post(CONFIRM, {"code": shown})
    assert is_signed_in(client)
    other = Client()
    password(other)
    cache.clear()  # another process serves
    assert "has been used" in other.post(CONFIRM, {"code": shown}).content.decode()
    assert not is_signed_in(other)
    other.post(CONFIRM, {"code": code(secret, step=1)})
    assert is_signed_in(other)


def test_a_recovery_code_opens_once_and_is_told(client):
    user = staff("Reception")
    give_app(user)
    codes = give_codes(user)
    password(client)
    assert client.post(CONFIRM, {"code": codes[0]}).status_code == 302
    assert is_signed_in(client)
    assert AuditLog.objects.get(action="user.recovery_code_used").details == {"new": {"left": 9}}
    other = Client()
    password(other)
    assert client.post(CONFIRM, {"code": codes[0]}).status_code == 302  # the first is signed in, and led on
    assert other.post(CONFIRM, {"code": codes[0]}).status_code == 200
    assert not is_signed_in(other)


def test_the_second_step_is_open_to_those_only_who_have_passed_the_first(client):
    secret = give_app(staff("Reception"))
    for ask in (client.get, client.post):
        assert ask(CONFIRM, {"code": code(secret)})["Location"] == LOGIN
    assert not is_signed_in(client)


def test_the_second_step_waits_for_a_quarter_of_an_hour(client, time_machine):
    secret = give_app(staff("Reception"))
    time_machine.move_to(timezone.now())
    password(client)
    time_machine.shift(14 * 60)
    assert client.get(CONFIRM).status_code == 200
    time_machine.shift(2 * 60)
    assert client.post(CONFIRM, {"code": code(secret)})["Location"] == LOGIN
    assert not is_signed_in(client)


def test_nonsense_instead_of_the_answer_of_a_key_is_refused(client):
    give_app(staff("Reception"))
    password(client)
    for nonsense in ("[]", "{}", "null", "{", '{"id": 1}', '{"response": {"clientDataJSON": "e30"}}', '"x"'):
        assert client.post(CONFIRM, {"credential": nonsense}).status_code in (200, 429)
    assert not is_signed_in(client)


# --- where one comes from there ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", r"\\evil.example", "javascript:alert(1)", "http:///evil.example"],
)
@pytest.mark.parametrize("has_factor", [False, True])
def test_nobody_is_led_elsewhere(client, elsewhere, has_factor):
    user = staff("Reception")
    secret = give_app(user) if has_factor else ""
    answer = password(client, next=elsewhere)
    if has_factor:
        answer = client.post(CONFIRM, {"code": code(secret), "next": elsewhere})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_the_stock_addresses_are_where_they_were(client):
    user = staff("Reception")
    page = client.get(LOGIN)
    for field in ("username", "password", "next"):
        assert f'name="{field}"' in page.content.decode()
    password(client)
    assert client.get(LOGIN)["Location"] == "/admin/"
    assert client.post("/admin/logout/").status_code == 200
    assert not is_signed_in(client)
    assert [row.object_id for row in AuditLog.objects.filter(action="user.signed_out")] == [str(user.pk)]


@pytest.mark.parametrize("page", ["signup/", "password/reset/", "email/", "accounts/signup/"])
def test_nobody_registers_and_nothing_goes_by_mail(client, page):
    client.force_login(staff("Reception"))
    assert client.get(f"/admin/account/{page}").status_code == 404


# --- who gets in ---------------------------------------------------------------------------------------------------


def test_a_closed_account_and_one_that_is_no_staff_get_the_same_answer_as_a_wrong_password(client):
    staff("Reception", is_active=False)
    User.objects.create_user("patient", password=PASSWORD)
    said = set()
    for name, given in (("reception", PASSWORD), ("patient", PASSWORD), ("nobody", PASSWORD), ("reception", "x")):
        answer = Client().post(LOGIN, {"username": name, "password": given})
        said.add((answer.status_code, answer.context["form"].non_field_errors()[0]))
    assert len(said) == 1
    assert told("user.sign_in_failed") == ["user.sign_in_failed"] * 4


def test_a_session_ends_with_the_right_to_the_console(client):
    user = staff("Reception")
    password(client)
    assert client.get("/admin/").status_code == 200
    User.objects.filter(pk=user.pk).update(is_staff=False)
    assert client.get("/admin/")["Location"].startswith(LOGIN)


def test_known_and_unknown_names_take_the_same_time(client, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    staff("Reception")
    measured: dict[str, list[float]] = {"reception": [], "nobody at all": []}
    for _ in range(3):
        for name, took in measured.items():
            start = time.perf_counter()
            Client().post(LOGIN, {"username": name, "password": "wrong"})
            took.append(time.perf_counter() - start)
    known, unknown = (min(took) for took in measured.values())
    assert known > 0.02  # a hash was computed
    assert 0.7 < known / unknown < 1.4


def test_the_key_of_a_session_changes_at_the_sign_in(client):
    secret = give_app(staff("Reception"))
    password(client)
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post(CONFIRM, {"code": code(secret)})
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != before


def test_the_key_of_an_app_is_stored_encrypted_and_opens_after_the_secret_key_has_changed(client, settings):
    user = staff("Reception")
    secret = give_app(user)
    stored = Authenticator.objects.get(user=user).data["secret"]
    assert secret not in stored
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-more-than-fifty-characters-0123456789-abcdef"
    password(client)
    client.post(CONFIRM, {"code": code(secret)})
    assert is_signed_in(client)


# --- in the middle of a form -----------------------------------------------------------------------------------------


def test_in_the_middle_of_a_form_the_second_factor_is_asked_for_as_well(client):
    secret = give_app(staff("Reception"))
    first = client.post(ADD, TYPED | {"sign_in-username": "reception", "sign_in-password": PASSWORD})
    text = first.content.decode()
    assert 'name="sign_in-code"' in text
    assert 'name="last_name" value="Nowak"' in text
    assert "sign_in-password" not in text
    assert not is_signed_in(client)
    assert not AuditLog.objects.filter(action__in=["patient.created", "user.signed_in"]).exists()
    wrong = client.post(ADD, TYPED | {"sign_in-code": "000000"})
    assert 'name="sign_in-code"' in wrong.content.decode()
    assert not is_signed_in(client)
    done = client.post(ADD, TYPED | {"sign_in-code": code(secret)})
    assert done.status_code == 302
    assert told("patient.created", "user.signed_in") == ["user.signed_in", "patient.created"]


def test_a_code_without_the_password_does_nothing_in_the_middle_of_a_form(client):
    secret = give_app(staff("Reception"))
    answer = client.post(ADD, TYPED | {"sign_in-code": code(secret)})
    assert 'name="sign_in-username"' in answer.content.decode()
    assert told("patient.created", "user.signed_in") == []


def test_in_the_middle_of_a_form_a_missing_second_factor_leads_to_the_set_up_and_does_nothing(client, settings):
    settings.MFA_ROLES = ["Reception"]
    staff("Reception")
    answer = client.post(ADD, TYPED | {"sign_in-username": "reception", "sign_in-password": PASSWORD})
    assert answer["Location"].startswith(reverse("mfa_index"))
    assert told("patient.created") == []


# --- passwords -------------------------------------------------------------------------------------------------------


WEAK = ["short-one", "123456789012", "password1234", "reception.desk"]


@pytest.mark.parametrize("weak", WEAK)
def test_weak_passwords_are_refused_on_every_way(client, weak):
    user = staff("Reception")
    User.objects.filter(pk=user.pk).update(email="reception.desk@hospital.example")
    password(client)
    own = {"old_password": PASSWORD, "new_password1": weak, "new_password2": weak}
    assert client.post("/admin/password_change/", own).status_code == 200
    client.force_login(staff("Administrator"))
    new = {"password1": weak, "password2": weak, "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{user.pk}/password/", new).status_code == 200
    added = {"username": "desk", "email": "reception.desk@hospital.example", **new}
    none = {"staff_profile-TOTAL_FORMS": "0", "staff_profile-INITIAL_FORMS": "0"}
    assert client.post("/admin/auth/user/add/", added | none).status_code == 200
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
    assert not User.objects.filter(username="desk").exists()


def test_a_new_password_needs_the_old_one_ends_the_other_sessions_and_is_told(client):
    user = staff("Reception")
    other = Client()
    for each in (client, other):
        password(each)
    new = {"new_password1": "quite another phrase", "new_password2": "quite another phrase"}
    assert client.post("/admin/password_change/", new | {"old_password": "wrong"}).status_code == 200
    assert other.get("/admin/").status_code == 200
    assert client.post("/admin/password_change/", new | {"old_password": PASSWORD}).status_code == 302
    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/")["Location"].startswith(LOGIN)
    assert "This one" in client.get("/admin/account/sessions/").content.decode()
    row = AuditLog.objects.get(action="user.updated")
    assert (row.object_id, row.details["new"]) == (str(user.pk), {"password": "***"})


def test_nobody_tries_old_passwords_in_a_session_that_was_left_open(client):
    staff("Reception")
    password(client)
    new = {"new_password1": "quite another phrase", "new_password2": "quite another phrase"}
    for _ in range(20):
        client.post("/admin/password_change/", new | {"old_password": "wrong"})
    looked_at = guard.LIMITS["device"].most + guard.LIMITS["account"].most
    assert told("user.sign_in_failed") == ["user.sign_in_failed"] * looked_at
    answer = client.post("/admin/password_change/", new | {"old_password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many tries" in answer.content.decode()
    assert User.objects.get().check_password(PASSWORD)
