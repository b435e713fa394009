"""No text of a page reads the same in English and in German, but for data and for words that both languages share.

So no text stays behind untranslated: neither one of ours, nor one of Django's or of another library's, nor one that was
translated too early, when the module was read.
"""

import getpass
import json
import re
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.db import transaction
from django.urls import reverse

from appointments.reports.catalogue import REPORTS
from audit.admin import KINDS
from booking_site.testing.world import LETTERS, SIDES, build
from booking_site.tests.test_matrix import APPS, ASKED, OF_A_ROW, PLAIN, row_pages
from scheduling.public_holidays import countries

pytestmark = pytest.mark.django_db

# --- what may read the same ------------------------------------------------------------------------------------------
# "True" and "False" are Django's own names of its icons; "Start" is a step in English and the first page in German.
SHARED = {"API", "False", "Filter", "Id", "Name", "optional", "Patient", "PDF", "Region", "Start", "Status", "True"}
# What the world calls things, by side.
OF_SIDES = ("Clinic", "Closed", "Colleague", "Doctor", "Duplicate", "Ill", "Leave", "Old", "Patient", "Reason")
NAMES = ("Cardiology", "Consultation", "Feast", "Neurology", "Portal", "Strike", "somebody", "superuser", "tests")
NAMES += (*(name.lower() for name in LETTERS), getpass.getuser())
CODES = (*KINDS, "anonymous", "command", "consultation", "shell")
DATA = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b[a-z]+[.:][a-z_]+\b"  # actions and scopes
    rf"|\b({'|'.join(OF_SIDES)}) ({'|'.join(SIDES)})\b"
    rf"|\b({'|'.join((*NAMES, *CODES))})\b"
    r"|\bFirst\d+\b"
    r"|\d{1,2} [A-Z][a-z]{2}\b"  # 23 Nov
    r"|\b\w*\d\w*\b"  # numbers and keys
    r"|\b([A-Z][a-z]+/[A-Z][a-z]+|Etc/GMT[+-]?\d*|UTC)\b"  # zones
    r"|\bAlt\+\w\b"
)


def untranslated(text: str, places: set[str]) -> bool:
    rest = DATA.sub("", text).strip(" :,.›()-–")
    return text not in places and rest not in SHARED and re.search(r"[^\W\d_]{2}", rest) is not None


class Texts(HTMLParser):
    """What people read of a page, or hear of it."""

    UNREAD = ("pre", "script", "style")
    HEARD = ("alt", "aria-label", "placeholder", "title")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.within: list[str] = []
        self.feed(page)

    def _read(self, text: str | None) -> None:
        self.found.add(" ".join((text or "").split()))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        for name in self.HEARD:
            self._read(given.get(name))
        if tag == "input" and given.get("type") in ("button", "submit"):
            self._read(given.get("value"))
        if tag in self.UNREAD:
            self.within.append(tag)

    def handle_endtag(self, tag):
        if self.within and self.within[-1] == tag:
            self.within.pop()

    def handle_data(self, data):
        if not self.within:
            self._read(data)


# --- the pages -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Built once: no test of this file changes a row."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


def pages(world) -> list[tuple[str, dict[str, str]]]:
    """(address, query) of each kind of page once."""
    found = [(reverse(f"admin:{page}"), ASKED.get(page, {})) for page in PLAIN]
    found += [(reverse("admin:reports"), {"report": key}) for key in REPORTS]
    found += [(reverse("admin:app_list", args=[app]), {}) for app in APPS]
    found += [(reverse("admin:today_panel", args=[world.sides["own"].appointment.pk]), {})]
    return found + [(url, {}) for page, side, url in row_pages(world) if page in OF_A_ROW and side in ("own", "shared")]


def read(client, address: str, query: dict[str, str], language: str) -> str:
    answer = client.get(address, query, headers={"Accept-Language": language, "Accept": "text/html"}, follow=True)
    if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
        return ""
    return answer.content.decode()


@pytest.mark.parametrize("role", ["Administrator", "superuser"])
def test_no_text_reads_the_same_in_both_languages(world, client, role):
    client.force_login(world.users.get(role) or User.objects.create_superuser(role))
    places = {f"{name} ({code})" for code, name in countries().items()}  # no library of ours has their German names
    left, count = [], 0
    for address, query in pages(world):
        english, german = (read(client, address, query, language) for language in ("en", "de"))
        count += bool(german)
        same = Texts(english).found & Texts(german).found
        left += [(address, text) for text in sorted(same) if untranslated(text, places)]
    assert left == []
    assert count > 60


def test_no_text_of_a_script_is_left_in_english(world, client):
    client.force_login(User.objects.create_superuser("superuser"))
    answer = client.get(reverse("admin:jsi18n"), headers={"Accept-Language": "de"}).content.decode()
    catalogue = json.loads(re.search(r"const newcatalog = (\{.*?\n  \});", answer, re.DOTALL)[1])
    scripts = set()
    for address, query in pages(world):
        scripts |= set(re.findall(r'<script src="[^"]*/(admin/js/[\w.]+?\.js)"', read(client, address, query, "de")))
    texts = set()
    for script in scripts:
        with open(finders.find(script), encoding="utf-8") as file:
            texts |= set(re.findall(r"(?<!p)gettext\(\s*'((?:[^'\\]|\\.)*)'", file.read()))
    assert "%(sel)s of %(cnt)s selected" in texts
    assert {text for text in texts if text not in catalogue} == set()


@pytest.mark.parametrize(
    ("text", "is_left"),
    [
        ("Reset password", True),
        ("Enabled", True),
        ("› Doctor own", False),
        ("Doctor of Doctor own", True),
        ("Patient:", False),
        ("appointment.booked", False),
        ("23 Nov", False),
        ("Austria (AT)", False),
        ("01a222c2-42fc-75ea-9abe-2c7e61f4ec45", False),
    ],
)
def test_what_counts_as_untranslated(text, is_left):
    assert untranslated(text, {"Austria (AT)"}) is is_left
