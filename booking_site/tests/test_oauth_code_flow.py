"""An app that acts for a signed-in person: authorization code with PKCE (RFC 7636), from page to booking."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.api.models import ApiClient
from booking_site.testing.factories import PatientFactory, SlotFactory, booked, staff
from booking_site.testing.fixtures import api_client

pytestmark = pytest.mark.django_db
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
BACK = "https://app.example/back"


@pytest.fixture
def app():
    return ApiClient.objects.create(
        name="Ward <b>tablet</b>",
        client_type=ApiClient.CLIENT_PUBLIC,
        authorization_grant_type=ApiClient.GRANT_AUTHORIZATION_CODE,
        redirect_uris=BACK,
        scopes="slots:read appointments:read appointments:write",
    )


def request_for(app, scope: str = "appointments:write appointments:read slots:read") -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": BACK,
        "scope": scope,
        "state": "xyz",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def code_for(client, app, role: str) -> str:
    client.force_login(staff(role))
    page = client.get("/oauth/authorize", request_for(app))
    assert page.status_code == 200
    answer = client.post("/oauth/authorize", {**request_for(app), "allow": "Allow"})
    assert answer.status_code == 302, answer.content
    assert answer["Location"].startswith(BACK)
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["state"] == ["xyz"]
    return query["code"][0]


def token_for(client, app, code: str, verifier: str = VERIFIER):
    return client.post(
        "/oauth/token",
        {
            "grant_type": "authorization_code",
            "client_id": app.client_id,
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": verifier,
        },
    )


def test_only_a_signed_in_person_is_asked(client, app):
    answer = client.get("/oauth/authorize", request_for(app))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=/oauth/authorize")


def test_the_page_says_which_app_asks_for_what_and_lets_the_browser_go_back_to_it_only(client, app):
    client.force_login(staff("Reception"))
    page = client.get("/oauth/authorize", request_for(app))
    text = page.content.decode()
    assert "Ward &lt;b&gt;tablet&lt;/b&gt; asks to act for you" in text
    assert "Book, move and cancel appointments" in text
    assert "form-action 'self' https://app.example;" in page["Content-Security-Policy"] + ";"
    assert "form-action 'self';" in client.get("/admin/")["Content-Security-Policy"] + ";"


def test_an_address_that_is_not_the_apps_own_is_refused_on_the_page(client, app):
    client.force_login(staff("Reception"))
    page = client.get("/oauth/authorize", {**request_for(app), "redirect_uri": "https://evil.example/"})
    assert page.status_code == 400
    assert b"cannot be granted" in page.content
    assert "evil.example" not in page["Content-Security-Policy"]


def test_refusing_gives_the_app_an_error_and_no_code(client, app):
    client.force_login(staff("Reception"))
    answer = client.post("/oauth/authorize", request_for(app))
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["error"] == ["access_denied"]
    assert "code" not in query


def test_without_a_challenge_there_is_no_code(client, app):
    client.force_login(staff("Reception"))
    request = {name: value for name, value in request_for(app).items() if not name.startswith("code_")}
    answer = client.get("/oauth/authorize", request)
    assert parse_qs(urlsplit(answer["Location"]).query)["error"] == ["invalid_request"]


def test_a_code_opens_nothing_without_its_verifier_and_nothing_twice(client, app):
    code = code_for(client, app, "Reception")
    assert token_for(client, app, code, verifier="another-" + VERIFIER).json()["error"] == "invalid_grant"
    code = code_for_again(client, app)
    assert token_for(client, app, code).status_code == 200
    assert token_for(client, app, code).json()["error"] == "invalid_grant"


def code_for_again(client, app) -> str:
    answer = client.post("/oauth/authorize", {**request_for(app), "allow": "Allow"})
    return parse_qs(urlsplit(answer["Location"]).query)["code"][0]


def test_reception_books_through_the_app_and_the_audit_names_both(client, app):
    api = api_client(token_for(client, app, code_for(client, app, "Reception")).json()["access_token"])
    patient, slot = PatientFactory(), SlotFactory()
    answer = api.post("/api/v1/book-appointment", {"patient_id": str(patient.pk), "slot_id": str(slot.pk)})
    assert answer.status_code == 201, answer.content
    row = AuditLog.objects.get(action="appointment.booked")
    assert (row.user_kind, row.user_id, row.on_behalf_of) == ("client", app.client_id, "reception")
    # Reception may read patients, the app may not: the scope is missing.
    assert api.get("/api/v1/patients").json()["code"] == "insufficient_scope"


def test_an_auditors_token_with_the_scope_to_write_may_not_write(client, app):
    token = token_for(client, app, code_for(client, app, "Auditor")).json()
    assert "appointments:write" in token["scope"]
    api = api_client(token["access_token"])
    slot, held = SlotFactory(), booked()
    answers = [
        api.post("/api/v1/book-appointment", {"patient_id": str(PatientFactory().pk), "slot_id": str(slot.pk)}),
        api.post("/api/v1/cancel-appointment", {"appointment_id": str(held.pk)}),
        api.get("/api/v1/appointments"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "not_allowed")] * 3
    assert list(Appointment.objects.values_list("status")) == [("booked",)]


def test_a_closed_account_closes_its_tokens(client, app):
    api = api_client(token_for(client, app, code_for(client, app, "Reception")).json()["access_token"])
    assert api.get("/api/v1/appointments").status_code == 200
    User.objects.update(is_active=False)
    assert api.get("/api/v1/appointments").status_code == 401


def test_scopes_taken_from_an_app_are_gone_from_its_tokens_at_once(client, app):
    api = api_client(token_for(client, app, code_for(client, app, "Reception")).json()["access_token"])
    assert api.get("/api/v1/appointments").status_code == 200
    ApiClient.objects.update(scopes="slots:read")
    assert api.get("/api/v1/appointments").json()["code"] == "insufficient_scope"
    assert api.get("/api/v1/available-slots").status_code == 200
