"""Markup in every text that is kept, in a real browser: no script of ours makes elements of it, no request is made for
it, and the policy has nothing to stop.

Its own images would be missing, its scripts stopped by the policy: both are complaints, and fail the test by ``page``.
"""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from booking_site.testing.browser import BROWSER, ready, sign_in
from booking_site.testing.factories import staff
from booking_site.testing.poison import MARK, PAYLOADS, poison
from booking_site.testing.world import build
from booking_site.tests import test_accessible_browser as pages

pytestmark = BROWSER
MADE = """() => Array.from(document.querySelectorAll('*')).filter(one =>
    one.id === 'xss' || one.getAttribute('src') === 'xss' || one.tagName === 'SCRIPT' && one.text.startsWith('xss(')
    || one.getAttributeNames().some(name => name.startsWith('on'))
    || ['href', 'action', 'formaction', 'src'].some(name =>
        /^\\s*(javascript|data|vbscript):/i.test(one.getAttribute(name)))
).map(one => one.outerHTML.slice(0, 200))"""


def made(page: Page) -> list[str]:
    """Elements that markup in a text has become."""
    return page.evaluate(MADE)


@pytest.fixture
def world(page):
    found = build()
    poison()
    staff_name = "administrator"
    user = found.users["Administrator"]
    type(user).objects.filter(pk=user.pk).update(username=staff_name)
    sign_in(page, staff_name)
    return found


def test_the_eye_sees_what_comes_through(page):
    """The control: put in as markup, it is found, complained of, and asked for."""
    staff("Reception")
    sign_in(page)
    assert made(page) == []
    for text in PAYLOADS:
        page.evaluate("text => { document.querySelector('#content').innerHTML = text; }", text)
        assert made(page) != [], text
    page.wait_for_timeout(300)
    assert any(MARK in complaint for complaint in page.complaints)
    page.complaints.clear()


def test_no_page_makes_elements_of_it(page, world):
    shown = 0
    for address in pages.addresses(world):
        answer = page.goto(address)
        assert (address, answer.status) == (address, 200)
        ready(page)
        assert (address, made(page)) == (address, [])
        shown += f"<img src={MARK}" in page.inner_text("body")
    assert shown > 25  # it was there to be seen


def test_what_scripts_put_into_pages_is_text(page, world):
    """The board of the day and its dialog, the boxes that offer, the numbers, in German as well."""
    own = world.sides["own"]
    day, department = own.appointment.date, own.department.pk
    for language in ("en", "de"):
        page.context.add_cookies([{"name": "django_language", "value": language, "url": page.url}])
        page.goto(f"{reverse('admin:index')}?date={day}&department={department}&view=board")
        events = page.locator(".ec-event.t-booked, .ec-event.t-arrived, .ec-event.t-with_doctor")
        expect(events.first).to_be_visible()
        for number in range(2):
            events.nth(number).hover()
            events.nth(number).press("Enter")
            expect(page.locator("dialog[open]")).to_contain_text(MARK)
            assert made(page) == []
            page.keyboard.press("Escape")

        page.goto(reverse("admin:appointments_appointment_add"))
        for box in page.locator("input[role=combobox]").all():
            box.press_sequentially(MARK)
            expect(page.get_by_role("option").first).to_be_visible()
            assert made(page) == []
            page.keyboard.press("Escape")

        page.goto(reverse("admin:scheduling_schedule_add"))
        ready(page)
        for box in page.locator(".select2-container [role=combobox]").all():
            box.focus()
            page.keyboard.press("Enter")
            page.keyboard.type(MARK)
            option = page.locator(".select2-results__option", has_text=f"<img src={MARK}").first
            expect(option).to_be_visible()
            option.hover()
            assert made(page) == []
            page.keyboard.press("Enter")
            assert made(page) == []

        page.goto(f"{reverse('admin:reports')}?report=fill&first={day}&last={day}&step=day")
        assert made(page) == []
