"""What every answer says to the browser: each address of the URL conf, each kind of file, each kind of error."""

import http.client
import json
import socket

import pytest
from django.conf import settings as own_settings
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.urls import path, reverse
from django.utils import translation

from booking_site.headers import UNUSED
from booking_site.server_answers import write_error
from booking_site.testing.addresses import every_address
from booking_site.testing.world import build
from booking_site.tests import test_accessible_browser as pages
from booking_site.urls import handler400, handler403, handler404, handler500, urlpatterns  # noqa: F401

pytestmark = pytest.mark.django_db
REFUSED = b"x" * (own_settings.API_MAX_BODY + 1)
POLICY = (
    "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'; frame-src 'none'; img-src 'self'; manifest-src 'none'; media-src 'none'; "
    "object-src 'none'; script-src 'self'; style-src 'self'; worker-src 'none'"
)
ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OWN_POLICY = {"/docs", "/redoc", "/api/v1/docs", "/api/v1/redoc"}


def policy_of(answer) -> str:
    return "; ".join(
        sorted(answer["Content-Security-Policy"].split("; "), key=lambda part: (part[:7] != "default", part))
    )


def check(answer, where, *, policy=POLICY, kept=False):
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS, where
    if policy:
        assert policy_of(answer) == policy, where
    permissions = answer["Permissions-Policy"].split(", ")
    keys = [one for one in permissions if not one.endswith("=()")]
    assert keys == ["publickey-credentials-create=(self)", "publickey-credentials-get=(self)"], where
    assert {one.partition("=")[0] for one in permissions} >= {*UNUSED}, where
    assert ("no-store" in answer["Cache-Control"]) != kept, (where, answer["Cache-Control"])


@pytest.fixture
def https(settings):
    """As a deployment is set up: clients of it speak HTTPS."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 365 * 24 * 3600
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    return lambda **more: Client(raise_request_exception=False, headers={"accept": "text/html"}, **more)


def test_every_address_says_it_to_everybody(https, make_token):
    visitor, person, program = https(), https(), https()
    person.force_login(User.objects.create_superuser("root"))
    bearer = {"Authorization": f"Bearer {make_token()}", "Accept": "application/json"}
    addresses = every_address()
    assert len(addresses) > 140
    seen = set()
    for address in addresses:
        policy = None if address in OWN_POLICY else POLICY
        answers = [
            visitor.get(address, secure=True),
            visitor.post(address, secure=True, headers={"accept": "*/*"}),
            person.get(address, secure=True),
            program.get(address, secure=True, headers=bearer),
            program.delete(address, secure=True, headers=bearer),
        ]
        for number, answer in enumerate(answers):
            check(answer, (address, number), policy=policy)
            seen.add(answer.status_code)
            assert answer.status_code != 500, (address, number)
        if reverse("admin:logout") == address:
            person.force_login(User.objects.get(username="root"))
    assert seen >= {200, 302, 400, 401, 403, 404, 405}


def test_pages_with_patients_on_them_say_it(https):
    world, client = build(), https()
    client.force_login(world.users["Administrator"])
    addresses = list(pages.addresses(world))
    addresses += [
        reverse(f"admin:appointments_appointment_slip_{kind}", args=[world.sides["own"].appointment.pk])
        for kind in ("pdf", "ics")
    ]
    addresses += [
        reverse("admin:today_data") + "?date=2026-11-23",
        reverse("admin:today_panel", args=[world.sides["own"].appointment.pk]),
    ]
    for address in addresses:
        answer = client.get(address, secure=True, follow=True)  # a search leads to its own address
        assert (address, answer.status_code) == (address, 200)
        check(answer, address)


def test_answers_of_the_api_with_patients_in_them_say_it(https, make_token):
    world, client = build(), https(HTTP_AUTHORIZATION=f"Bearer {make_token()}")
    own = world.sides["own"]
    for address in ("patients", f"patients/{own.patient.pk}", "appointments", f"appointments/{own.appointment.pk}"):
        answer = client.get(f"/api/v1/{address}", secure=True, headers={"accept": "application/json"})
        assert (address, answer.status_code) == (address, 200)
        check(answer, address)
        if etag := answer.headers.get("ETag"):
            again = client.get(f"/api/v1/{address}", secure=True, headers={"accept": "*/*", "if-none-match": etag})
            assert again.status_code == 304
            check(again, address)


def test_each_kind_of_file_says_it(https):
    client, kinds = https(), {}
    for finder in finders.get_finders():
        for name, _storage in finder.list(None):
            kinds.setdefault(name.rpartition(".")[2].lower(), name)
    assert kinds.keys() >= {"css", "js", "svg", "png"}
    for name in kinds.values():
        answer = client.get(f"/static/{name}", secure=True)
        assert (name, answer.status_code) == (name, 200)
        check(answer, name, kept=True)
    for answer in (client.get("/static/none.js", secure=True), client.post(f"/static/{kinds['js']}", secure=True)):
        assert answer.status_code in (404, 405)


def failing(request):
    raise RuntimeError("a bug of ours")


def away(request):
    raise OperationalError("connection refused")


def bare(request):
    return HttpResponse("nothing said")


urlpatterns = [*urlpatterns, path("failing", failing), path("away", away), path("bare", bare)]


@pytest.mark.urls(__name__)
def test_errors_and_redirects_say_it(https, admin_user):
    client, strict = https(), https(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    answers = {
        500: client.get("/failing", secure=True),
        503: client.get("/away", secure=True),
        404: client.get("/nothing", secure=True),
        400: client.get("/", secure=True, headers={"host": "evil.example"}),
        403: strict.post(reverse("admin:index"), secure=True),
        413: client.generic("POST", "/", REFUSED, secure=True),
        405: client.post("/docs", secure=True),
        302: client.get("/", secure=True),
        200: client.get("/bare", secure=True),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    for status, answer in answers.items():
        check(answer, status, policy=None if status == 405 else POLICY)
    assert b"a bug of ours" not in answers[500].content


def test_the_way_to_https_says_what_can_be_said_without_it(https):
    """(A browser believes HSTS over HTTPS alone.)"""
    client = https()
    for answer, status in ((client.get("/admin/"), 301), (client.get("/", headers={"host": "evil.example"}), 400)):
        assert answer.status_code == status
        assert policy_of(answer) == POLICY
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in answer.headers


def test_the_readers_of_the_document_may_do_little_more(https):
    for address in OWN_POLICY:
        answer = https().get(address, secure=True)
        check(answer, address, policy=None)
        theirs, usual = (set(policy.split("; ")) for policy in (policy_of(answer), POLICY))
        styles = {part for part in theirs - usual if part.startswith("style-src")}
        assert theirs - usual - styles == {"img-src 'self' data:"}, address
        assert all(part.count("'sha256-") == part.count(" ") - 1 for part in styles), address
        assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.parametrize(("status", "code"), [(400, "bad_request"), (414, "address_too_long"), (500, "internal_error")])
def test_what_the_server_answers_by_itself_says_it_too(status, code):
    ours, theirs = socket.socketpair()
    with ours, theirs, translation.override("de"):
        write_error(theirs, status, "As It Says", "what was sent")
        answer = http.client.HTTPResponse(ours)
        answer.begin()
        body = json.loads(answer.read())
    assert (answer.status, answer.reason, body["status"], body["code"]) == (status, "As It Says", status, code)
    assert "what was sent" not in str(body)
    assert body["detail"].isascii()  # English, as all that programs read
    plain = {name: value for name, value in ALWAYS.items() if name != "Strict-Transport-Security"}
    assert {name: answer.headers[name] for name in plain} == plain
    assert policy_of(answer.headers) == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Connection"] == "close"
