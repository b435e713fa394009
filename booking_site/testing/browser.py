"""Fixtures (loaded by conftest.py) and steps of the tests that sit before a real browser.

A module of such tests says ``pytestmark = BROWSER``.
"""

import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from booking_site.testing.factories import PASSWORD

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
]
OURS = ("127.0.0.1", "localhost", None)  # hosts; none for what is inside a page (data:, blob:)
BROWSER = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine (set CHROMIUM to its path)"),
]


@pytest.fixture(scope="module")
def browser():
    # Playwright's loop runs in this thread; what the tests ask the database is no part of it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser, server):
    """A page whose every complaint (policy, script, missing file) fails the test, and every request to elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=server, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "response",
        lambda answer: complaints.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )
    context.on(
        "request",
        lambda asked: None if urlsplit(asked.url).hostname in OURS else complaints.append(f"leaves us: {asked.url}"),
    )
    page.complaints = complaints
    yield page
    context.close()
    assert not complaints, complaints


def sign_in(page: Page, name: str = "reception") -> None:
    page.goto("/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.wait_for_load_state()  # the keys of the console are those of a script


def ready(page: Page) -> None:
    """Wait for the boxes of the autocompletes: scripts build and name them, a moment after the page has come."""
    page.wait_for_load_state()
    chooser = "select.admin-autocomplete:not([name*=__prefix__])"  # of the forms, not of what more are made from
    boxes = page.locator(f"{chooser} + .select2-container [role=combobox][aria-label]")
    expect(boxes).to_have_count(page.locator(chooser).count())


def choose(page: Page, field: str, text: str, option: str) -> None:
    """Choose from an autocomplete as people do who use the keyboard only."""
    ready(page)
    page.get_by_role("combobox", name=field).focus()
    page.keyboard.press("Enter")
    page.keyboard.type(text)
    # Before the answer to what was typed comes, another one is marked.
    marked = page.locator(".select2-results__option--highlighted")
    expect(marked).to_contain_text(option)
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name=field)).to_contain_text(option.split(",")[0])


AXE = {"resultTypes": ["violations"]}
# Not waited for: a page that draws no frame, as one in the background may not, ends no animation.
SETTLE = """() => document.getAnimations().forEach(
    each => each.effect.getComputedTiming().endTime === Infinity ? each.cancel() : each.finish())"""


def barriers(page: Page, *rules: str) -> list[Any]:
    """What keeps people from using the page, as axe finds it by these rules (all without any): the serious and the
    critical."""
    ready(page)
    page.evaluate(SETTLE)  # a colour that is still fading has any contrast
    before = len(page.complaints)
    found = Axe().run(page, options=AXE | ({"runOnly": list(rules)} if rules else {})).response["violations"]
    page.evaluate("1")
    del page.complaints[before:]  # the checker tries inline styles of its own, which the policy refuses
    return [
        (v["id"], [(n["target"], n["failureSummary"][:200]) for n in v["nodes"]])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def accessible(page: Page) -> None:
    assert barriers(page) == [], page.url


def look(page: Page, name: str) -> None:
    """Keep a picture, for people who want to look (set SCREENSHOTS to a folder)."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
