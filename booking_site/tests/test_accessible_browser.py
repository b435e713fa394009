"""Every page of the console in a real browser, in the light and in the dark: nothing keeps anybody from using it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from playwright.sync_api import Page, expect

from booking_site.testing.browser import BROWSER, barriers, sign_in
from booking_site.testing.factories import PASSWORD, DoctorFactory, staff
from booking_site.testing.world import World, build
from booking_site.tests.test_matrix import HOSPITAL_WIDE, OF_A_ROW, PLAIN, model_of

pytestmark = BROWSER
# No pages of their own: files, data, and parts of pages.
PARTS = {
    *("jsi18n", "appointments_appointment_slip_pdf", "appointments_appointment_slip_ics", "booking_state"),
    *("today_data", "walk_in_live", "scheduling_closure_clock", "scheduling_schedule_dates"),
}


def addresses(world: World) -> Iterator[str]:
    """Of all pages that an administrator sees, with rows of one side, and full where they are empty unasked."""
    own = world.sides["own"]
    day, doctor = own.availableslot.date, own.doctor.pk
    asked = {
        "index": f"date={day}&department={own.department.pk}&view=board",
        "day_sheet": f"date={day}&department={own.department.pk}",
        "appointments_appointment_changelist": "day=all",
        "appointments_appointment_add": f"doctor={doctor}&patient={own.patient.pk}",
        "patients_patient_changelist": "q=nobody",
        "patient_merge": f"other={own.duplicate.pk}",
        "scheduling_availableslot_changelist": "day=all",
        "scheduling_week": f"doctor={doctor}&date={day}",
        "scheduling_closure_holidays": f"country=DE&region=&year={day.year}&department=",
        "walk_in": f"patient={own.patient.pk}&doctor={doctor}",
    }
    for page, who in (PLAIN | OF_A_ROW).items():
        if "D" not in who or page in PARTS:
            continue
        url = reverse(f"admin:{page}", args=[_row(world, page).pk] if page in OF_A_ROW else [])
        yield url
        if page in asked:
            yield f"{url}?{asked[page]}"
    yield f"{reverse('admin:index')}?date={day}&department={own.department.pk}&view=list"
    yield reverse("admin:audit_patient", args=[own.patient.pk])


def _row(world: World, page: str) -> Any:
    model = "lifted" if page.endswith("_renew") else model_of(page)
    return getattr(world.shared if model in HOSPITAL_WIDE else world.sides["own"], model)


def in_both(page: Page) -> list[Any]:
    """Barriers in the light, and what of them the dark makes: the colours."""
    found = []
    for theme, rules in (("light", []), ("dark", ["color-contrast"])):
        page.emulate_media(color_scheme=theme)
        found += [(theme, page.url, finding) for finding in barriers(page, *rules)]
    return found


def test_all_pages_can_be_used_by_all(page):
    world = build()
    sign_in(page, "administrator")
    found = []
    for address in addresses(world):
        answer = page.goto(address)
        assert answer is not None
        assert (address, answer.status) == (address, 200)
        found += in_both(page)
    assert found == []


def test_pages_that_others_see_can_be_used_by_all(page):
    newcomer = User.objects.create_user("newcomer", password=PASSWORD, is_staff=True)
    newcomer.groups.add(Group.objects.get(name="Reception"))
    staff("Clinician", doctor=DoctorFactory(name="Dr Idle"))
    page.goto("/")
    expect(page.get_by_label("Password")).to_be_visible()
    found = in_both(page)
    for name, text in (("newcomer", "You do not belong to any department yet."), ("clinician", "Nobody is waiting.")):
        sign_in(page, name)
        expect(page.locator("#content")).to_contain_text(text)
        found += in_both(page)
        page.get_by_role("button", name="Log out").click()
        expect(page.locator("#content")).to_contain_text("Log in again")
        found += in_both(page)

    sign_in(page, "clinician")
    page.goto(reverse("admin:password_change"))
    for box in page.locator("#content input[type=password]").all():
        box.fill(PASSWORD)
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Change my password").click()
    expect(page.locator("#content")).to_contain_text("Your session has ended.")
    found += in_both(page)
    assert found == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_of_errors_look_like_the_others(page, theme):
    staff("Clinician", doctor=DoctorFactory())
    sign_in(page, "clinician")
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.goto(reverse("admin:index"))
    look = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color"
    usual = page.evaluate(look)
    for path, text in (("/nothing", "There is nothing at this address."), ("/admin/auth/user/", "may not do this")):
        page.goto(path)
        expect(page.locator("#content")).to_contain_text(text)
        assert page.evaluate(look) == usual
        assert all(complaint.startswith(("40", "Failed to load resource")) for complaint in page.complaints)
        page.complaints.clear()
        assert barriers(page) == []
        page.get_by_role("link", name="Hospital reception").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_a_box_says_while_it_is_empty_can_be_read(page, theme):
    """(axe looks at no placeholder.)"""
    staff("Reception")
    sign_in(page)
    page.emulate_media(color_scheme=theme)
    page.goto(reverse("admin:appointments_appointment_add"))
    boxes = page.get_by_placeholder(re.compile("."))
    expect(boxes).to_have_count(3)
    for box in boxes.all():
        assert box.evaluate(CONTRAST) >= 4.5


CONTRAST = """box => {
    const light = (color) => {
        const parts = color.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
        const [r, g, b] = parts.map((part) => part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const text = getComputedStyle(box, "::placeholder");
    const [low, high] = [light(text.color), light(getComputedStyle(box).backgroundColor)].sort((a, b) => a - b);
    return Number(text.opacity) * (high + .05) / (low + .05);
}"""
