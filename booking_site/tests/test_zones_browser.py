"""The name of a time zone is shown to those for whom it makes a difference."""

import pytest
from playwright.sync_api import expect

from booking_site.testing.browser import BROWSER, sign_in
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, SlotFactory, booked, in_days, staff

pytestmark = BROWSER


@pytest.mark.parametrize(
    ("device", "named"),
    [
        ("Europe/Berlin", ["Europe/Lisbon"]),
        ("Europe/London", ["Europe/Berlin"]),  # whose clock is Lisbon's, under another name
        ("Asia/Tokyo", ["Europe/Berlin", "Europe/Lisbon"]),
    ],
)
def test_a_zone_is_named_where_its_clock_shows_another_time(browser, server, device, named):
    staff("Reception")
    for zone in ("Europe/Berlin", "Europe/Lisbon"):
        doctor = DoctorFactory(department=DepartmentFactory(time_zone=zone))
        booked(slot=SlotFactory(doctor=doctor, starts_at=in_days(7)))
    context = browser.new_context(base_url=server, timezone_id=device, locale="en-GB")
    page = context.new_page()
    sign_in(page)
    page.goto("/admin/appointments/appointment/?day=all")
    shown = page.locator("#result_list .zone:visible")
    expect(shown).to_have_count(len(named))
    assert sorted(shown.all_inner_texts()) == named
    expect(page.locator("#zone-note")).to_be_visible()
    expect(page.locator("#zone-note b")).to_have_text(device)
    context.close()


def test_no_zone_is_named_where_all_clocks_agree(browser, server):
    staff("Reception")
    booked(slot=SlotFactory(starts_at=in_days(7)))
    context = browser.new_context(base_url=server, timezone_id="Europe/Paris", locale="en-GB")
    page = context.new_page()
    sign_in(page)
    page.goto("/admin/appointments/appointment/?day=all")
    expect(page.locator("#result_list .zone")).to_be_hidden()
    expect(page.locator("#zone-note")).to_be_hidden()
    context.close()
