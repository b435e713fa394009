"""Hostile and careless headers and tokens: the specified 4xx with a helpful problem, never a 500."""

import base64
import json
import uuid

import pytest

from appointments.models import Appointment
from booking_site.api.clients import register
from booking_site.testing.factories import PatientFactory, booked
from booking_site.testing.fixtures import api_client
from booking_site.testing.problems import NEW_PATIENT, RIGHT, check, post_raw
from patients.models import Patient

pytestmark = pytest.mark.django_db

# --- headers ------------------------------------------------------------------------------------------------------


def test_content_types_other_than_json_are_a_415(api):
    body = json.dumps(NEW_PATIENT).encode()
    for content_type in [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"),
        *("application/jsonp", "application/merge-patch+json", "", "nonsense", "/", "application/", "é/ü"),
    ]:
        answer = post_raw(api, "patients", body, content_type)
        assert answer.status_code == 415, content_type
        check(answer, 415, code="unsupported_media_type")
    assert Patient.objects.count() == 0
    assert post_raw(api, "patients", body, "application/json; charset=utf-8").status_code == 201


def test_answers_in_another_form_than_json_are_a_406(api):
    for accept in ("text/html", "application/xml", "image/*", "application/problem+xml", "nonsense"):
        check(api.get("/api/v1/doctors", headers={"Accept": accept}), 406, code="not_acceptable")
    for accept in ("*/*", "application/*", "text/html, */*;q=0.1", "application/json; indent=4"):
        assert api.get("/api/v1/doctors", headers={"Accept": accept}).status_code == 200, accept


def test_accounts_and_tokens_that_are_none(client, db):
    for authorization in [
        *(
            "",
            "Bearer",
            "Bearer ",
            "bearer x",
            "Bearer x y",
            "Bearer é",
            "Bearer \xff\xfe",
            "Bearer \0",
            "Basic",
            "Basic !",
        ),
        *("Basic Og==", "Digest x", "Token x", "Bearer " + "x" * 60_000, "\t", "Bearer, Bearer", "Bearer null", "é é"),
    ]:
        check(client.get("/api/v1/doctors", headers={"Authorization": authorization}), 401)
    check(client.get("/api/v1/doctors"), 401, code="not_authenticated")
    answer = client.get("/api/v1/doctors", headers={"Authorization": "Bearer x"})
    check(answer, 401, code="invalid_token")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_scope_that_the_token_lacks_is_a_403(make_token):
    api = api_client(make_token("doctors:read"))
    check(api.get("/api/v1/patients"), 403, code="insufficient_scope")
    check(post_raw(api, "patients", b"{"), 403, code="insufficient_scope")
    check(api.options("/api/v1/patients"), 405)


def test_keys_of_bad_shape(api):
    for key in ["", "k" * 256, "é", "\0", "\x7f", "a\tb", "🦄"]:
        for call in ("book-appointment", "cancel-appointment", "reschedule-appointment"):
            answer = api.post(f"/api/v1/{call}", RIGHT[call], headers={"Idempotency-Key": key})
            check(answer, 400, field="Idempotency-Key")


def test_if_match_of_bad_shape_or_another_version(api):
    appointment = booked()
    address = f"/api/v1/patients/{appointment.patient_id}"
    for header in ["", "x", '"', '"a', 'a"b"', '"a" "b"', ",", "W/", "*, *", '"\0"', '"é"', "W/x"]:
        check(api.patch(address, {"first_name": "X"}, headers={"If-Match": header}), 400, field="If-Match")
        cancel = {"appointment_id": str(appointment.pk)}
        check(api.post("/api/v1/cancel-appointment", cancel, headers={"If-Match": header}), 400, field="If-Match")
    for header in ['"0"', '"a", "b"', 'W/"0"', '""']:
        check(api.patch(address, {"first_name": "X"}, headers={"If-Match": header}), 412, code="stale")
    assert Patient.objects.get().first_name != "X"
    assert Appointment.objects.get().status == "booked"
    latest = api.get(address)["ETag"]
    for header in [latest, f'"0", {latest}', "*", f"W/{latest}"]:
        assert (
            api.patch(address, {"first_name": appointment.patient.first_name}, headers={"If-Match": header}).status_code
            == 200
        )


def test_if_none_match_of_any_shape_is_answered(api):
    address = f"/api/v1/patients/{PatientFactory().pk}"
    etag = api.get(address)["ETag"]
    for header in ["", "x", ",,,", '"', "é", "\0"]:
        assert api.get(address, headers={"If-None-Match": header}).status_code == 200
    unchanged = api.get(address, headers={"If-None-Match": f'"0", {etag}'})
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)


def test_hosts_that_are_not_ours_are_a_400(api):
    for host in [
        "evil.example",
        "127.0.0.1@evil.example",
        "testserver\0",
        "evil.example:80:80",
        "[::1",
        "é.example",
        "<script>",
    ]:
        for address in ("/api/v1/doctors", "/health", "/docs", "/oauth/token"):
            answer = api.get(address, headers={"Host": host})
            assert answer.status_code == 400, (host, address)
            assert answer["Content-Type"] == "application/problem+json"
            assert b"evil" not in answer.content


def test_request_ids_are_ours_unless_they_look_like_ids(api):
    for given in [
        "short",
        "a" * 65,
        "a b c d e f",
        "é" * 10,
        "x\0yyyyyyyyy",
        "<script>alert(1)</script>",
        "a\nb: cccccc",
    ]:
        assert uuid.UUID(api.get("/api/v1/doctors", headers={"X-Request-ID": given})["X-Request-ID"])
    assert api.get("/api/v1/doctors", headers={"X-Request-ID": "trace-0001"})["X-Request-ID"] == "trace-0001"


# --- tokens --------------------------------------------------------------------------------------------------------


def test_the_token_endpoint_survives_anything(client):
    application, secret = register("backend", ["slots:read"])
    good = {"grant_type": "client_credentials", "client_id": application.client_id, "client_secret": secret}
    assert client.post("/oauth/token", good).status_code == 200
    values = ["", "\0", "a\0b", "é", "🦄", "x" * 100_000, "' OR 1=1 --", "\ud800".encode("utf-8", "surrogatepass")]
    for name in ("grant_type", "client_id", "client_secret", "scope"):
        for value in values:
            answer = client.post("/oauth/token", {**good, name: value})
            assert answer.status_code in (200, 400, 401), (name, value, answer.content)
            assert answer["Content-Type"] == "application/json"
            if answer.status_code != 200:
                assert "error" in answer.json()
    for grant in (
        "authorization_code",
        "refresh_token",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
    ):
        for name in ("code", "refresh_token", "username", "device_code"):
            for value in values:
                answer = client.post("/oauth/token", {**good, "grant_type": grant, name: value, "redirect_uri": value})
                assert answer.status_code in (400, 401), (grant, name, value)
    for credentials in [
        *("Basic", "Basic ", "Basic !", "Basic =", "Basic \xff", "Basic 🦄".encode().decode("latin-1"), "Bearer x"),
        *(
            f"Basic {base64.b64encode(raw).decode()}"
            for raw in (b"", b":", b"\0:\0", b"\xff:\xfe", b"a", b"a:b:c", b"%00:%00")
        ),
    ]:
        answer = client.post(
            "/oauth/token", {"grant_type": "client_credentials"}, headers={"Authorization": credentials}
        )
        assert answer.status_code in (400, 401), (credentials, answer.content)
    for body, content_type in [
        (b"\0", "application/x-www-form-urlencoded"),
        (b"%", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(5_000)), "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
        (b"{}", "application/json"),
        (b"grant_type=client_credentials", "application/x-www-form-urlencoded; charset=nonsense"),
    ]:
        answer = client.generic("POST", "/oauth/token", body, content_type=content_type)
        assert 400 <= answer.status_code < 500, (body, answer.content)
    for value in values:
        answer = client.post("/oauth/revoke", {**good, "token": value})
        assert answer.status_code in (200, 400), value


def test_the_authorization_page_survives_anything(admin_client):
    for query in (
        "",
        "client_id=%00",
        "client_id=%ff",
        "client_id=x&redirect_uri=%00&response_type=code",
        "response_type=%00",
    ):
        assert admin_client.get(f"/oauth/authorize?{query}").status_code == 400, query
