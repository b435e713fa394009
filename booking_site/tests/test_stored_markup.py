"""Markup in every text that is kept, on every page: it is shown as it was typed, and does nothing.

``booking_site.testing.poison`` writes it into every text column; each page is then opened once, and everything that
can be sent is sent, as it should be and with markup for each of its texts. In a real browser, where scripts put texts
into pages: ``test_stored_markup_browser``.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.template import Context, Template
from django.urls import reverse

from appointments.reports.catalogue import REPORTS
from booking_site.core.ids import uuid7
from booking_site.testing.poison import PAYLOADS, REFUSED, come_through, poison
from booking_site.testing.world import build
from booking_site.tests import test_accessible_browser as pages
from booking_site.tests.test_matrix_posts import ACTS, FOR_ALL
from booking_site.tests.test_oauth_code_flow import request_for

pytestmark = pytest.mark.django_db
PEOPLE = ("Reception", "Scheduler", "Clinician", "Auditor")


@pytest.fixture(scope="module")
def poisoned(django_db_setup, django_db_blocker):
    """The small hospital, and how many rows of each column hold markup."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build(), poison()
        transaction.set_rollback(True)


@pytest.fixture
def world(poisoned):
    return poisoned[0]


@pytest.fixture
def console(client, world):
    client.force_login(world.users["Administrator"])
    return client


def check(answer, where) -> str:
    """The text of the page, which no markup has come through."""
    if answer.status_code in (301, 302, 304, 204):
        return ""
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in ("text/html", "application/json", "text/javascript", "text/csv", "application/problem+json"), where
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    text = answer.content.decode()
    parts = [text] if kind == "text/html" else _markup(json.loads(text)) if "json" in kind else []
    for part in parts:
        assert come_through(part) == [], where
    return text


def _markup(value: Any) -> Iterator[str]:
    """The strings of a JSON answer that a script puts into the page as they are: they say of which class they are."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _markup(one)
    elif isinstance(value, str) and "class=" in value:
        yield value


def every_page(world) -> Iterator[str]:
    """All pages that show something, full where they are empty unasked, and parts of pages."""
    own = world.sides["own"]
    day, doctor, patient = own.availableslot.date, own.doctor.pk, own.patient.pk
    yield from pages.addresses(world)
    for key in REPORTS:
        for step in ("day", "week", "month"):
            yield reverse("admin:reports") + f"?report={key}&first={day}&last={day}&step={step}"
    yield reverse("admin:today_data") + f"?date={day}&department={own.department.pk}&view=board"
    yield reverse("admin:today_data") + f"?date={day}&department={own.department.pk}&view=list"
    yield reverse("admin:walk_in_live") + f"?patient={patient}&department={own.department.pk}&doctor={doctor}"
    yield reverse("admin:jsi18n")
    yield reverse("admin:scheduling_closure_clock") + f"?doctor={doctor}&kind=moments"
    yield reverse("admin:scheduling_schedule_dates") + f"?schedule={own.schedule.pk}&doctor={doctor}"
    for side in world.sides.values():
        for name in ("appointment", "overdue", "arrived", "with_doctor", "cancelled", "waiting"):
            key = getattr(side, name).pk
            yield reverse("admin:appointments_appointment_change", args=[key])
            yield reverse("admin:today_panel", args=[key])
    for app in ("auth", "api", "doctors", "patients", "scheduling", "appointments", "audit"):
        yield reverse("admin:app_list", args=[app])
    for changes in ("audit_auditlog_changelist", "patients_patient_changelist", "auth_user_changelist"):
        yield reverse(f"admin:{changes}") + "?q=xss"
    yield reverse("admin:audit_auditlog_changelist") + "?day=all"


def test_every_text_that_is_kept_holds_markup(poisoned):
    _world, found = poisoned
    assert [column for column, rows in found.items() if rows == REFUSED] == []
    assert len([column for column, rows in found.items() if rows]) > 45


def test_no_page_lets_it_through(console, world):
    shown = 0
    for address in every_page(world):
        answer = console.get(address, follow=True)  # a search leads to its own address
        assert (address, answer.status_code) == (address, 200)
        text = check(answer, address)
        shown += "&lt;img src=xss" in text or "\\u003Cimg src=xss" in text
    assert shown > 55  # it was there to be let through


@pytest.mark.parametrize("role", PEOPLE)
def test_what_others_see_lets_nothing_through_and_neither_does_german(client, world, role):
    client.force_login(world.users[role])
    own = world.sides["own"]
    for address in ("admin:index", "admin:appointments_appointment_add", "admin:audit_auditlog_changelist",
                    "admin:appointments_appointment_worklist", "admin:scheduling_week", "admin:day_sheet"):  # fmt: skip
        for query in ("", f"?date={own.availableslot.date}&doctor={own.doctor.pk}&day=all"):
            headers = {"accept-language": "de", "accept": "text/html"}
            check(client.get(reverse(address) + query, headers=headers), (role, address))


@pytest.mark.parametrize("name", [*ACTS, *FOR_ALL])
def test_nothing_that_is_sent_comes_back_as_markup(console, world, name):
    """The page that says it is done, with the names of whom; and the form again, with markup for all that was typed."""
    side = world.sides["own"]
    if name in ACTS:
        act = ACTS[name]
        page, row, data = act.page, act.row, act.data(side)
        key = [getattr(side, row).pk] if row else []
    else:
        page, row, make = FOR_ALL[name]
        places = world.shared if hasattr(world.shared, row) else side
        data, key = make(world.shared), [getattr(places, row).pk] if row else []
    page, _question, query = page.partition("?")
    url = f"{reverse(f'admin:{page}', args=key)}?{query.format(s=side)}"
    with transaction.atomic():
        check(console.post(url, data, follow=True), name)
        transaction.set_rollback(True)
    markup = {field: PAYLOADS[0] if isinstance(value, str) else [PAYLOADS[0]] for field, value in data.items()}
    for form in (markup, {field: markup[field] for field in list(data)[1:]} | {"note": PAYLOADS[0], "q": PAYLOADS[0]}):
        with transaction.atomic():
            check(console.post(url, form, follow=True), name)
            transaction.set_rollback(True)
    console.force_login(world.users["Administrator"])


def test_nothing_of_the_address_comes_back_as_markup(console, world):
    names = ("q", "next", "date", "day", "doctor", "department", "patient", "report", "first", "last", "view", "o", "p",
             "other", "stays", "country", "region", "year", "kind", "slot", "is_active__exact", "version", "key", "e",
             "_popup", "_to_field", "_changelist_filters", "status", "visit_type", "page")  # fmt: skip
    query = dict.fromkeys(names, PAYLOADS[0])
    for address in every_page(world):
        answer = console.get(address.partition("?")[0], query, headers={"accept": "text/html"})
        assert answer.status_code < 500, address
        check(answer, address)
        check(console.get(address.partition("?")[0], query | {"_popup": "1", "e": "1"}, follow=True), address)


def test_offers_of_search_boxes_are_data(console, world):
    own = world.sides["own"]
    for what in ("whose", "who"):
        answer = console.post(reverse("admin:booking_find"), {"q": "xss", "what": what})
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json()["offered"], what
    for field in ("department", "doctor"):
        asked = {"app_label": "scheduling", "model_name": "schedule", "field_name": field, "term": "xss"}
        answer = console.get(reverse("admin:autocomplete"), asked)
        assert (answer.headers["Content-Type"], len(answer.json()["results"])) == (
            "application/json",
            [2, 6][field == "doctor"],
        )
    assert own


def test_pages_beside_the_console_let_nothing_through(console, world):
    app = world.shared.apiclient
    type(app).objects.filter(pk=app.pk).update(
        client_type="public", authorization_grant_type="authorization-code", redirect_uris="https://app.example/back"
    )
    asked = request_for(app, "slots:read")
    text = check(console.get("/oauth/authorize", asked), "authorize")
    assert "&lt;img src=xss" in text
    for name in asked:
        check(console.get("/oauth/authorize", asked | {name: PAYLOADS[0]}), name)
    for address in (f"/{PAYLOADS[0]}", f"/admin/{PAYLOADS[0]}", f"/admin/patients/patient/{PAYLOADS[0]}/change/"):
        for accept in ("text/html", "*/*"):
            check(console.get(address, follow=True, headers={"accept": accept}), address)
    console.logout()
    sent = {"last_name": PAYLOADS[0], PAYLOADS[0]: "x", "key": str(uuid7())}
    text = check(console.post(reverse("admin:patients_patient_add"), sent), "sign in again")
    assert "&lt;img src=xss" in text
    text = check(
        console.post(reverse("admin:login"), {"username": PAYLOADS[0], "password": "x", "next": PAYLOADS[0]}), ""
    )
    assert "&lt;img src=xss" in text


@pytest.mark.parametrize("markup", PAYLOADS)
def test_the_eye_sees_what_comes_through(markup):
    """The control: pages that are wrong on purpose are found out, and the right one is not."""
    page = '<p title="{{ text }}">{{ text }}</p><input value="{{ text }}"><a href="/x?q={{ text|urlencode }}">x</a>'
    assert come_through(Template(page).render(Context({"text": markup}))) == []
    for wrong in ("<p>{{ text|safe }}</p>", '<p title="{{ text|safe }}">x</p>', "<title>{{ text|safe }}</title>",
                  "{% autoescape off %}<p>{{ text }}</p>{% endautoescape %}"):  # fmt: skip
        assert come_through(Template(wrong).render(Context({"text": markup}))), wrong
    assert come_through('<p title="' + markup.replace("<", "&lt;").replace(">", "&gt;") + '">x</p>') or ">" in markup
    assert come_through(Template('<a href="{{ text }}">x</a>').render(Context({"text": "javascript:xss(1)"})))
