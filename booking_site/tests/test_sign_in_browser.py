"""Signing in with a second factor, in a real browser: an authenticator app, a security key, recovery codes."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.accounts.devices import name_key
from booking_site.accounts.models import SignInTries
from booking_site.testing.browser import BROWSER, accessible, look
from booking_site.testing.factories import PASSWORD, PatientFactory, SlotFactory, booked, staff
from booking_site.testing.fixtures import serving
from booking_site.testing.second_factors import code, give_app, give_codes, kinds

pytestmark = BROWSER


@pytest.fixture
def server(transactional_db):
    """Security keys belong to names, not to addresses."""
    with serving(MFA_ROLES="Administrator") as address:
        yield address.replace("127.0.0.1", "localhost")


def password(page: Page, name: str = "administrator") -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


def in_both(page: Page) -> None:
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        accessible(page)


def virtual_key(page: Page) -> None:
    """A security key that is touched whenever it is asked."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasResidentKey": False,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_an_administrator_sets_an_app_up_and_signs_in_with_it_by_keyboard(page):
    user = staff("Administrator")
    password(page)
    expect(page.get_by_role("status")).to_contain_text("Your role needs a second factor")
    in_both(page)
    look(page, "second-factor")
    page.goto("/admin/auth/user/")
    expect(page.get_by_role("status")).to_contain_text("Your role needs a second factor")
    page.get_by_role("link", name="Set up an authenticator app").press("Enter")
    secret = page.locator(".secret").inner_text()
    drawn = page.locator(".qr path").bounding_box()
    assert drawn["width"] > 100
    assert drawn["height"] > 100
    in_both(page)
    look(page, "second-factor-app")
    page.get_by_label("Code").fill("000000")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_contain_text("Incorrect code")
    assert page.locator(".secret").inner_text() == secret
    page.get_by_label("Code").fill(code(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    in_both(page)
    look(page, "second-factor-codes")
    codes = page.locator(".codes code").all_inner_texts()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as a file").press("Enter")
    assert saved.value.suggested_filename == "recovery-codes.txt"
    assert Path(saved.value.path()).read_text().split() == codes
    page.get_by_role("link", name="I have kept them: go on").press("Enter")
    expect(page.get_by_role("navigation", name="Reception")).to_contain_text("Patients")
    assert kinds(user) == {"totp", "recovery_codes"}

    page.get_by_role("button", name="Log out").click()
    password(page)
    expect(page.get_by_label("Code")).to_be_focused()
    in_both(page)
    look(page, "second-factor-confirm")
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_contain_text("Incorrect code")
    page.get_by_label("Code").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.get_by_role("link", name="Signing in").click()
    expect(page.locator("#content")).to_contain_text("9 codes are left.")
    in_both(page)
    page.get_by_role("link", name="Where you are signed in").click()
    expect(page.locator(".sessions")).to_contain_text("This one")
    in_both(page)
    look(page, "sessions")


def test_a_security_key_is_added_and_opens_the_console_and_the_middle_of_a_form(page):
    user = staff("Administrator")
    appointment = booked(patient=PatientFactory(), slot=SlotFactory())
    virtual_key(page)
    password(page)
    page.get_by_role("link", name="Add a security key").click()
    in_both(page)
    look(page, "second-factor-key")
    page.get_by_label("Name").fill("Blue key")
    page.get_by_role("button", name="Add the key").press("Enter")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert kinds(user) == {"webauthn", "recovery_codes"}
    page.goto("/admin/account/")
    expect(page.locator(".factors")).to_contain_text("Blue key")
    page.get_by_role("button", name="Log out").click()

    password(page)
    expect(page.get_by_label("Code")).to_be_focused()
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_role("alert")).to_contain_text("The security key did not answer.")
    accessible(page)
    page.reload()
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()

    again = "/admin/account/again/key/?next=/admin/account/sessions/"
    page.goto(again)
    in_both(page)
    page.locator("#key-form").evaluate("form => { form.elements.credential.value = '[1]'; form.submit(); }")
    expect(page.locator(".messagelist")).to_contain_text("The security key did not answer as it should.")
    expect(page).to_have_url(re.compile(re.escape(again)))
    assert AuditLog.objects.filter(action="user.second_factor_failed").count() == 1
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_role("heading", name="Where you are signed in")).to_be_visible()

    page.goto(f"/admin/appointments/appointment/{appointment.pk}/cancel/")
    page.get_by_label("Kind of reason").select_option("ill")
    page.get_by_label("Why it is cancelled").fill("has a cold, “again”")
    Session.objects.all().delete()
    page.get_by_role("button", name="Cancel the appointment").click()
    page.get_by_label("Username").fill("administrator")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Nothing you typed is lost.")
    in_both(page)
    look(page, "sign-in-again-second-factor")
    assert Appointment.objects.get().status == "booked"
    page.get_by_role("button", name="Use a security key").click()
    expect(page.locator(".messagelist")).to_contain_text("Cancelled:")
    assert Appointment.objects.get().cancellation_reason == "has a cold, “again”"


def test_the_other_pages_can_be_used_by_all_and_who_fails_too_often_reads_why(page):
    user = staff("Administrator")
    secret = give_app(user)
    give_codes(user)
    password(page)
    page.get_by_label("Code").fill(code(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    for address in ("app/remove/", "codes/", "codes/new/", "again/password/", "again/code/"):
        page.goto(f"/admin/account/{address}")
        expect(page.locator("#content h1")).to_be_visible()
        in_both(page)

    page.get_by_role("button", name="Log out").click()
    page.context.clear_cookies(name="device")
    ends = timezone.now() + timedelta(minutes=15)
    SignInTries.objects.create(key=f"account:{name_key('administrator')}", tries=5, most=5, until=ends)
    password(page)
    expect(page.locator(".errornote")).to_contain_text("Try again in 15 minutes.")
    in_both(page)
    look(page, "sign-in-locked")
    assert all("429" in complaint for complaint in page.complaints)  # the browser reports it
    page.complaints.clear()
