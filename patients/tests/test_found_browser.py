"""Searching for people in a real browser: every address that it asks for is without what was typed."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from booking_site.testing.browser import BROWSER, accessible, choose, ready, sign_in
from booking_site.testing.factories import PatientFactory, booked, staff

pytestmark = BROWSER
NAME = "Quillfeather"


@pytest.fixture
def addresses(page):
    """All that the browser has asked for."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("framenavigated", lambda frame: asked.append(frame.url))
    return asked


def test_a_search_a_leaf_a_filter_and_the_way_back(page, addresses, clinic):
    sign_in(page, "administrator")
    page.get_by_role("searchbox", name="Find a patient").fill(NAME)
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_have_value(NAME)
    expect(page.locator("#result_list tbody tr")).to_have_count(50)
    found = page.url
    page.locator("#content").get_by_role("link", name="2", exact=True).click()
    expect(page.locator("#result_list tbody tr")).to_have_count(5)
    page.go_back()
    expect(page.locator("#result_list tbody tr")).to_have_count(50)
    assert page.url == found
    page.locator("#result_list a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)
    page.go_back()
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_have_value(NAME)
    page.goto(reverse("admin:appointments_appointment_changelist"))
    page.get_by_role("searchbox", name="Search", exact=True).fill(NAME)
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    assert len(addresses) > 20
    assert [url for url in addresses if NAME.lower() in url.lower()] == []


def test_an_autocomplete_of_patients(page, addresses, clinic):
    other = PatientFactory(first_name="Ottoline", last_name="Strangeways")
    sign_in(page, "administrator")
    page.goto(reverse("admin:patient_merge", args=[other.pk]))
    ready(page)
    choose(page, "The other record", f"Zara {NAME}", f"Zara {NAME}, born 1980-02-29")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Merge two records")).to_be_visible()
    assert any("/autocomplete/" in url for url in addresses)
    assert [url for url in addresses if NAME.lower() in url.lower()] == []


def test_the_pages_of_a_patients_rights_are_accessible_and_work_by_keyboard(page, addresses, clinic):
    sign_in(page, "administrator")
    patient = PatientFactory(first_name="Ottoline", last_name="Strangeways")
    for name in ("patient", "patient_consents", "patient_erase"):
        page.goto(reverse(f"admin:{name}", args=[patient.pk]))
        accessible(page)
    page.get_by_label("Why", exact=False).first.select_option("mistake")
    page.get_by_label("This is the right person").check()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The record has been erased.")).to_be_visible()
    expect(page.get_by_role("heading", name="Erased patient")).to_be_visible()
    accessible(page)


@pytest.fixture
def clinic():
    staff("Administrator")
    booked(patient=PatientFactory(first_name="Zara", last_name=NAME))
    PatientFactory.create_batch(54, last_name=NAME)
