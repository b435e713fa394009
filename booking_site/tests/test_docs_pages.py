"""The two readers of the OpenAPI document, in a real browser: complete, offline, within the content security policy."""

import json
import shutil
from urllib.parse import urlsplit

import pytest

from booking_site.api.docs import document

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install one to test the pages"),
]


class Visit:
    """A page that has been loaded: its text, and everything it complained of or asked for."""

    def __init__(self, address, wait_for, screenshot):
        from playwright.sync_api import sync_playwright

        self.complaints, self.hosts = [], set()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.on("console", lambda message: self._console(message))
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
            page.on("request", lambda request: self._request(request.url))
            page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
            page.on("response", lambda answer: self._response(answer))
            page.goto(address)
            page.wait_for_function("text => document.body.innerText.includes(text)", arg=wait_for, timeout=30_000)
            page.wait_for_load_state("networkidle")
            self.text = page.inner_text("body")
            self.inline = page.eval_on_selector_all("script:not([src])", "scripts => scripts.length")
            page.screenshot(path=screenshot)
            browser.close()

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _request(self, url):
        if not url.startswith(("data:", "blob:")):
            self.hosts.add(urlsplit(url).hostname)

    def _response(self, answer):
        if answer.status >= 400:
            self.complaints.append(f"{answer.status}: {answer.url}")


@pytest.fixture(scope="module")
def summaries():
    paths = json.loads(document())["paths"]
    return {operation["summary"] for item in paths.values() for operation in item.values()}


def test_the_pages_show_every_call_and_speak_to_nobody_else(server, summaries, tmp_path):
    for number, address in enumerate(["/docs", "/redoc"]):
        visit = Visit(f"{server}{address}", "Move an appointment to another seat", tmp_path / f"{number}.png")
        assert visit.complaints == [], address
        assert visit.hosts == {"127.0.0.1"}, address
        assert visit.inline == 0, address
        assert {summary for summary in summaries if summary not in visit.text} == set(), address


def test_the_pages_are_the_same_under_the_api(client):
    for address in ("/docs", "/redoc"):
        page, same = client.get(address), client.get(f"/api/v1{address}")
        assert (page.status_code, page.content) == (200, same.content)
        assert page["Content-Security-Policy"] == same["Content-Security-Policy"]
        assert "unsafe" not in page["Content-Security-Policy"]


def test_a_call_can_be_tried_in_swagger(server, make_token):
    from playwright.sync_api import sync_playwright

    token = make_token("doctors:read")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(f"{server}/docs#/Doctors/listDoctors")
        page.click("button.authorize")
        page.fill("#auth-bearer-value", token)
        page.click(".modal-ux .auth-btn-wrapper button.authorize >> nth=-1")
        page.click(".modal-ux button.btn-done >> nth=-1")
        page.click("button.try-out__btn")
        page.click("button.execute")
        page.wait_for_selector(".live-responses-table .response-col_status")
        status = page.inner_text(".live-responses-table tbody .response-col_status")
        browser.close()
    assert status.startswith("200")
