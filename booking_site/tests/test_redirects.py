"""Wherever somebody asks to be led afterwards, the way ends on our own site, and no header takes a line more.

Each hostile address is given in every way an address is given, to everything that is sent to the console.
"""

import re
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest
from django.conf import settings as own_settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from booking_site.api.models import ApiClient
from booking_site.testing.addresses import every_address
from booking_site.testing.factories import PASSWORD, staff
from booking_site.testing.world import build
from booking_site.tests.test_matrix_posts import ACTS
from booking_site.tests.test_oauth_code_flow import request_for

pytestmark = pytest.mark.django_db
HOSTILE = [
    *("//evil.example", "///evil.example", "////evil.example", "https://evil.example", "http:evil.example"),
    *(
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "HTTPS://EVIL.EXAMPLE",
        "ftp://evil.example",
    ),
    *(
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
    ),
    *("\x00//evil.example", "\x0b//evil.example", " //evil.example", "\u2028//evil.example", "/\r\n/evil.example"),
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)", "vbscript:x"),
    *("data:text/html,<script>alert(1)</script>", "blob:https://evil.example/x", "file:///etc/passwd"),
    *("https://testserver@evil.example", "https://testserver:80@evil.example", "//testserver@evil.example/"),
    *("https://testserver.evil.example", "https://evil.example#testserver", "https://evil.example?testserver"),
    *("https://evil.example\\@testserver", "https://testserver\\@evil.example", "//evil.example/%2e%2e"),
    *("https://[::1]@evil.example", "http://[evil.example", "//evil.example:80:80", "///\\;@evil.example"),
    *("https://evil\u3002example", "//\uff45vil.example", "\u2044\u2044evil.example", "http://127.1", "//0x7f000001"),
    *("/\u2028/evil.example", "/admin/\r\nX-Evil: 1", "/admin/\nSet-Cookie: evil=1", "/admin/%0d%0aX-Evil:1"),
]
MAY_STAY = ["/%2f%2fevil.example", "/%5cevil.example", "/%09/evil.example", "/admin/?next=//evil.example"]


def is_ours(location: str) -> bool:
    """A path of this site, however a browser reads it."""
    for origin in ("http://testserver", "https://testserver"):
        location = location.removeprefix(origin) if location.startswith(f"{origin}/") else location
    return re.fullmatch(r"(?:/(?![/\\])|[%.~a-zA-Z0-9_-]+(?=[/?#]|\Z))[!-~]*", location, re.ASCII) is not None


def check(answer, given):
    location = answer.headers.get("Location", "")
    assert not location or is_ours(location), (given, location)
    assert not {"X-Evil", "Set-Cookie"} & set(answer.headers), given
    assert "evil" not in answer.cookies, given
    assert answer.status_code != 500, given
    return location


def test_the_rule_itself():
    assert all(
        map(is_ours, ["/", "/admin/", "/%2f%2fevil.example", "path/x", "http://testserver/x", "/x?next=//evil.example"])
    )
    wrong = [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https://evil.example",
        "javascript:x",
        "/a b",
        "/\n",
    ]
    assert not any(map(is_ours, wrong))


@pytest.mark.parametrize("given", [*HOSTILE, *MAY_STAY])
def test_signing_in_and_out_and_the_language_stay_here(client, given):
    staff("Reception")
    form = {"username": "reception", "password": PASSWORD, "next": given}
    assert check(client.post(reverse("admin:login"), form), given)
    assert check(client.post(f"{reverse('admin:login')}?{urlencode({'next': given})}", {**form, "next": ""}), given)
    assert check(client.get(reverse("admin:login"), {"next": given}), given) is not None
    for send in (client.get, client.post):
        check(send(reverse("set_language"), {"next": given, "language": "de"}), given)
        check(
            send(reverse("set_language"), {"language": "de"}, headers={"referer": given.encode().decode("latin-1")}),
            given,
        )
        check(send(reverse("set_language"), {"next": "/admin/", "language": given}), given)
    check(client.post(reverse("admin:logout"), {"next": given}), given)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


LEAD_BACK = [
    f"appointments_appointment_{name}" for name in ("step", "cancel", "move", "add")
]  # where they are asked to


@pytest.mark.parametrize("name", ACTS)
def test_everything_that_is_sent_leads_on_within_the_console(world, client, name):
    """With the address in each of the ways at once, and the act done, or refused, over and over. Pages that lead back
    are given each of them, the others a few."""
    act, side = ACTS[name], world.sides["own"]
    client.force_login(world.users["Administrator"])
    page, _question, query = act.page.partition("?")
    url = reverse(f"admin:{page}", args=[getattr(side, act.row).pk] if act.row else [])
    turn = list(ACTS).index(name)
    for number, given in enumerate(HOSTILE if page in LEAD_BACK else HOSTILE[turn % 6 :: 6]):
        asked = urlencode({"next": given, "back": given, "_changelist_filters": given, "_popup": given})
        kept = query.format(s=side)
        form = act.data(side) | {"back": given, "return": given, "url": given}
        if number % 2:
            form["next"] = given
        with transaction.atomic():
            if act.first:
                act.first(world.users["Administrator"], side)
            headers = {"referer": quote(given, safe="/:@?#\\[];,%()<>=")}
            check(client.post(f"{url}?{kept}&{asked}", form, headers=headers), given)
            transaction.set_rollback(True)


def test_links_that_lead_back_do_not_lead_elsewhere(world, client):
    """A page keeps where one came from in a link and in a hidden field."""
    client.force_login(world.users["Administrator"])
    side = world.sides["own"]
    pages = [
        reverse(f"admin:appointments_appointment_{name}", args=[side.appointment.pk]) for name in ("move", "cancel")
    ]
    pages += [reverse("admin:appointments_appointment_add"), reverse("admin:today_panel", args=[side.appointment.pk])]
    for page in pages:
        kept = client.get(page, {"next": "/admin/appointments/appointment/?q=us"}).content.decode()
        assert (
            "today" in page or page.endswith("/add/") or "/admin/appointments/appointment/?q=us" in kept
        )  # the control
        for given in HOSTILE:
            text = client.get(page, {"next": given}).content.decode()
            links = re.findall(r'(?:href|action|src|formaction)="([^"]*)"', text)
            links += re.findall(r'name="next" value="([^"]*)"', text)
            found = [link for link in links if "evil" in link.lower() and not link.startswith(("/admin/", "?"))]
            assert found == [], (page, given)


def test_an_app_gets_the_browser_at_its_registered_address_only(world, client):
    client.force_login(world.users["Reception"])
    app = ApiClient.objects.create(
        name="Ward tablet", client_type="public", authorization_grant_type="authorization-code",
        redirect_uris="https://app.example/back", scopes="slots:read",
    )  # fmt: skip
    known = request_for(app, "slots:read")
    assert client.get("/oauth/authorize", known).status_code == 200
    more = ["https://app.example/back/", "https://app.example/back?x=1", "https://app.example/backdoor",
            "https://app.example.evil.example/back", "https://app.example/back/../x", "http://app.example/back",
            "https://app.example@evil.example/back", "https://evil.example/https://app.example/back"]  # fmt: skip
    for given in [*HOSTILE, *more]:
        for send in (client.get, client.post):
            answer = send("/oauth/authorize", known | {"redirect_uri": given, "allow": "Allow"})
            assert (given, answer.status_code, answer.headers.get("Location")) == (given, 400, None)


EVIL_LINE = "x\r\nX-Evil: 1\r\nSet-Cookie: evil=1"


def test_no_value_of_a_query_or_a_header_adds_a_header(world, client):
    client.force_login(world.users["Administrator"])
    names = ("next", "q", "date", "day", "report", "first", "last", "format", "key", "department", "doctor", "patient")
    queries = [urlencode(dict.fromkeys(names, EVIL_LINE)), urlencode({"report": "fill\r\nX-Evil: 1", "format": "csv"})]
    headers = {
        "X-Request-ID": "abcdefgh%0d%0aX-Evil:1",
        "Accept-Language": "de%0d%0aX-Evil:1",
        "Origin": "https://evil.example",
    }
    logout = reverse("admin:logout")
    for address in every_address():
        for query in queries if address != logout else ():
            answer = client.get(f"{address}?{query}", headers=headers)
            check(answer, address)
            sent = str(answer.headers).lower()
            for harmless in (quote(EVIL_LINE, safe=""), quote_plus(EVIL_LINE)):  # within the query of an address
                sent = sent.replace(harmless.lower(), "")
            assert "evil" not in sent, address


READS = re.compile(
    r"""\.(?:GET|POST|query_params|data)(?:\.get\(|\[)["'](next|back|url|to|return|redirect\w*|from)["']"""
)


def test_the_console_reads_such_addresses_in_known_places_only():
    """A new one belongs into the tests above."""
    root = Path(own_settings.BASE_DIR)
    sources = [path for path in root.glob("*/**/*.py") if "tests" not in path.parts and ".venv" not in path.parts]
    found = {(f"{path.relative_to(root)}", name) for path in sources for name in READS.findall(path.read_text())}
    assert found == {("appointments/admin/steps.py", "next"), ("appointments/admin/worklist.py", "back")}
