"""Today in a real browser: from check-in to completion, moving by drag, undoing, two receptionists, the list by
keyboard, on paper, in the dark and on small screens."""

import re
from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from appointments import operations
from appointments.models import Appointment
from booking_site.core.localtime import instant
from booking_site.testing.browser import BROWSER, accessible, look, sign_in
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    booked_before,
    staff,
)
from scheduling.models import AvailableSlot

pytestmark = BROWSER
ZONE = "Europe/Berlin"


@pytest.fixture
def clinic():
    """Two doctors today; their visits lie ahead or behind as the hour of the test has it. Tomorrow is all free."""
    staff("Reception", first_name="Rosa")
    cardiology = DepartmentFactory(name="Cardiology", time_zone=ZONE)
    doctors = [DoctorFactory(name=name, department=cardiology) for name in ("Dr Amara Sena", "Dr Ben Okoro")]
    today = timezone.now().astimezone(cardiology.tz).date()

    def seat(doctor, clock: str, day=today):
        moment = instant(datetime.combine(day, time.fromisoformat(clock)), ZONE)
        return SlotFactory(doctor=doctor, starts_at=moment)

    tomorrow = today + timedelta(days=1)
    ada = PatientFactory(first_name="Ada", last_name="Byron", phone="+49 30 901820")
    grace = PatientFactory(first_name="Grace", last_name="Hopper")
    seats = {
        "today": [seat(doctor, clock) for doctor in doctors for clock in ("09:00", "09:30")],
        "tomorrow": [seat(doctor, clock, tomorrow) for doctor in doctors for clock in ("09:00", "09:30", "10:00")],
    }
    return {
        "ada": _book(seats["today"][0], ada),
        "grace": _book(seats["tomorrow"][0], grace, is_urgent=True),
        "seats": seats,
        "tomorrow": tomorrow,
        "doctors": doctors,
    }


def _book(seat, patient, **kwargs) -> Appointment:
    """Past the rule that nobody books into the past: a test may run in the evening."""
    if seat.starts_at > timezone.now():
        return booked(slot=seat, patient=patient, **kwargs)
    return booked_before(seat, patient, **kwargs)


@pytest.fixture(autouse=True)
def _patience():
    """Longer than the five seconds to the next refresh."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)


def item(page: Page, words: str):
    return page.locator(".ec-event[data-key]", has_text=words)


def test_a_visit_goes_from_check_in_to_completion_on_the_board_and_a_step_is_undone(page, clinic):
    sign_in(page)
    expect(item(page, "Ada Byron")).to_have_class(_kind("booked"))
    look(page, "today")
    accessible(page)
    item(page, "Ada Byron").click()
    panel = page.get_by_role("dialog", name="Ada Byron")
    expect(panel).to_contain_text("09:00 Europe/Berlin")
    look(page, "today-panel")
    accessible(page)
    panel.get_by_role("button", name="Check in").click()
    queue = page.locator("#today-queue")
    expect(queue).to_contain_text("waiting 0 min")
    expect(item(page, "Ada Byron")).to_have_class(_kind("arrived"))
    expect(page.locator("#today-said")).to_contain_text("Ada Byron, Dr Amara Sena: Arrived")
    expect(page.locator("#today-counts")).to_contain_text("1 waiting")

    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(item(page, "Ada Byron")).to_have_class(_kind("booked"))
    expect(queue).to_contain_text("Nobody is waiting.")

    item(page, "Ada Byron").press("Enter")
    panel.get_by_role("button", name="Check in").click()
    queue.get_by_role("button", name="Start: Ada Byron").click()
    expect(item(page, "Ada Byron")).to_have_class(_kind("with_doctor"))
    queue.get_by_role("button", name="Complete: Ada Byron").click()
    expect(item(page, "Ada Byron")).to_have_class(_kind("done"))
    assert Appointment.objects.get(pk=clinic["ada"].pk).status == "completed"


def _kind(kind: str) -> re.Pattern:
    return re.compile(rf"\bt-{kind}\b")


def drag(page: Page, source, target) -> None:
    """Take hold of ``source`` and let it go over ``target``, wherever the board has scrolled to meanwhile: near its
    edges it does so by itself."""
    source.scroll_into_view_if_needed()
    begin, end = source.bounding_box(), None
    page.mouse.move(begin["x"] + 30, begin["y"] + 8)
    page.mouse.down()
    page.mouse.move(begin["x"] + 40, begin["y"] + 20, steps=3)
    while end != (end := target.bounding_box()):
        page.mouse.move(end["x"] + 40, end["y"] + 10, steps=8)
    page.mouse.up()


def test_an_appointment_is_moved_by_dragging_after_a_question_and_moved_back(page, clinic):
    sign_in(page)
    page.goto(f"/admin/?date={clinic['tomorrow']}")
    grace = item(page, "Grace Hopper")
    expect(grace).to_contain_text("urgent")
    other = page.locator(".ec-event.t-free", has_text="10:00").nth(1)
    drag(page, grace, other)
    question = page.get_by_role("dialog", name="Move the appointment?")
    expect(question).to_contain_text("09:00, Dr Amara Sena")
    expect(question).to_contain_text("10:00, Dr Ben Okoro")
    expect(page.locator("#move-differs")).to_be_hidden()
    look(page, "today-move")
    accessible(page)
    question.get_by_role("button", name="Keep as it is").click()
    expect(grace).to_contain_text("09:00")
    assert Appointment.objects.get(pk=clinic["grace"].pk).slot_id == clinic["grace"].slot_id

    drag(page, grace, other)
    question.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("#today-toast")).to_contain_text("Moved: Grace Hopper")
    expect(grace).to_contain_text("10:00")
    assert Appointment.objects.get(pk=clinic["grace"].pk).slot_id == clinic["seats"]["tomorrow"][5].pk
    page.get_by_role("button", name="Undo").click()
    expect(grace).to_contain_text("09:00")
    assert Appointment.objects.get(pk=clinic["grace"].pk).slot_id == clinic["grace"].slot_id


def test_the_question_says_when_the_seat_is_for_something_else_or_of_another_length(page, clinic):
    short = clinic["seats"]["tomorrow"][5]
    AvailableSlot.objects.filter(pk=short.pk).update(
        duration_minutes=20, ends_at=short.starts_at + timedelta(minutes=20)
    )
    sign_in(page)
    page.goto(f"/admin/?date={clinic['tomorrow']}")
    drag(page, item(page, "Grace Hopper"), page.locator(".ec-event.t-free", has_text="10:00").nth(1))
    question = page.get_by_role("dialog", name="Move the appointment?")
    expect(question).to_contain_text("Consultation, 30 min")
    expect(question).to_contain_text("Consultation, 20 min")
    expect(page.locator("#move-differs")).to_be_visible()


def test_what_a_colleague_does_meanwhile_changes_what_the_open_panel_offers(page, clinic):
    sign_in(page)
    item(page, "Ada Byron").click()
    panel = page.get_by_role("dialog", name="Ada Byron")
    expect(panel.get_by_role("button", name="Check in")).to_be_visible()
    operations.check_in(actor=TESTER, appointment_id=clinic["ada"].pk)
    expect(panel.get_by_role("button", name="Start")).to_be_visible()


def test_a_board_left_open_overnight_goes_on_with_the_new_day(page, clinic):
    page.clock.install()
    with page.expect_response(lambda answer: "/today/data/" in answer.url) as told:  # the server's time
        sign_in(page)
    told.value.finished()
    page.wait_for_load_state("networkidle")  # it has been read
    with page.expect_navigation():
        page.clock.set_system_time(timezone.now() + timedelta(days=1))
    expect(page.locator("#today-title")).to_contain_text("Today, ")


def test_a_wait_that_grows_long_is_said(page, clinic):
    operations.check_in(actor=TESTER, appointment_id=clinic["ada"].pk)
    since = timezone.now() - timedelta(minutes=29, seconds=50)
    Appointment.objects.filter(pk=clinic["ada"].pk).update(checked_in_at=since)
    sign_in(page)
    expect(page.locator("#today-said")).to_have_text("Ada Byron long wait")


def test_a_move_that_is_refused_says_why_and_leaves_all_as_it_was(page, clinic):
    sign_in(page)
    page.goto(f"/admin/?date={clinic['tomorrow']}")
    grace = item(page, "Grace Hopper")
    drag(page, grace, page.locator(".ec-event.t-free", has_text="09:30").first)
    question = page.get_by_role("dialog", name="Move the appointment?")
    expect(question).to_contain_text("09:30")
    booked(slot=clinic["seats"]["tomorrow"][1], patient=PatientFactory(first_name="Somebody", last_name="Faster"))
    question.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("#today-toast")).to_contain_text("This seat is taken. Choose another time.")
    expect(grace).to_contain_text("09:00")
    expect(item(page, "Somebody Faster")).to_be_visible()
    page.complaints.clear()  # the refusal, 409
    drag(page, grace, item(page, "Somebody Faster"))
    expect(page.locator("#today-toast")).to_contain_text("onto free seats only")
    assert Appointment.objects.get(pk=clinic["grace"].pk).slot_id == clinic["grace"].slot_id


def test_one_receptionist_sees_what_another_has_booked_and_a_free_seat_leads_to_booking(page, clinic):
    sign_in(page)
    page.goto(f"/admin/?date={clinic['tomorrow']}")
    expect(item(page, "Grace Hopper")).to_be_visible()
    booked(slot=clinic["seats"]["tomorrow"][4], patient=PatientFactory(first_name="Rosalind", last_name="Franklin"))
    expect(item(page, "Rosalind Franklin")).to_contain_text("09:30")
    expect(page.locator("#today-said")).to_contain_text("09:30 Rosalind Franklin, Dr Ben Okoro: Booked")
    page.locator(".ec-event.t-free", has_text="10:00").first.click()
    expect(page.get_by_role("heading", name="Book an appointment")).to_be_visible()
    assert page.url.endswith(f"?slot={clinic['seats']['tomorrow'][2].pk}")


def test_the_list_by_keyboard_keeps_the_focus_when_it_refreshes(page, clinic):
    sign_in(page)
    page.locator("body").press("l")
    expect(page.get_by_role("table", name="By time")).to_contain_text("Ada Byron")
    look(page, "today-list")
    accessible(page)
    button = page.get_by_role("button", name="Check in: Ada Byron")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="Ada Byron")).to_contain_text("Arrived")
    # Where "Check in" was there is "Start" now; it has the focus.
    expect(page.locator("#today-list").get_by_role("button", name="Start: Ada Byron")).to_be_focused()
    operations.start(actor=TESTER, appointment_id=clinic["ada"].pk)
    complete = page.locator("#today-list").get_by_role("button", name="Complete: Ada Byron")
    expect(complete).to_be_focused()
    expect(page.locator("#today-said")).to_contain_text("Ada Byron: With the doctor")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="Ada Byron")).to_contain_text("Done")
    page.get_by_label("Show", exact=True).select_option("free")
    page.get_by_role("button", name="Apply").press("Enter")
    expect(page.locator("#today-list")).not_to_contain_text("Ada Byron")
    page.locator("body").press("b")
    expect(item(page, "Ada Byron")).to_be_visible()
    page.locator("body").press("/")
    expect(page.get_by_label("Find a patient")).to_be_focused()
    page.keyboard.type("nlb")  # typed, not obeyed
    expect(page.get_by_label("Find a patient")).to_have_value("nlb")


def test_arrows_lead_from_item_to_item(page, clinic):
    sign_in(page)
    page.goto(f"/admin/?date={clinic['tomorrow']}")
    item(page, "Grace Hopper").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".ec-event:focus")).to_contain_text("09:30")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".ec-event:focus")).to_contain_text("10:00")
    expect(page.locator(".ec-event[tabindex='0']")).to_have_count(1)


def test_the_day_on_paper_has_a_page_for_each_doctor_and_nothing_of_the_screen(page, clinic):
    sign_in(page)
    _book(clinic["seats"]["today"][2], PatientFactory(first_name="Dorothy", last_name="Vaughan", dob="1970-09-20"))
    page.get_by_role("link", name="Day sheet to print").click()
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("article", name="Dr Ben Okoro")).to_contain_text("1970-09-20")
    look(page, "day-sheet")
    accessible(page)
    page.emulate_media(media="print")
    for hidden in ("#header", "nav.desk", ".sheet-tools", "div.breadcrumbs"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.get_by_role("article").first).to_have_css("break-after", "page")
    expect(page.get_by_role("article").first).to_contain_text("by Rosa")
    pages = page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n")
    assert pages == 2
    look(page, "day-sheet-paper")


@pytest.mark.parametrize("view", ["board", "list"])
def test_it_can_be_used_in_the_dark_and_on_small_screens(page, clinic, view):
    operations.check_in(actor=TESTER, appointment_id=clinic["ada"].pk)
    Appointment.objects.filter(pk=clinic["ada"].pk).update(checked_in_at=timezone.now() - timedelta(minutes=31))
    page.emulate_media(color_scheme="dark")
    sign_in(page)
    page.goto(f"/admin/?view={view}")
    expect(page.locator("#today-queue")).to_contain_text("long wait")
    look(page, f"today-{view}-dark")
    accessible(page)
    for width in (768, 640):  # 640: a screen of 1280 at 200 %
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        look(page, f"today-{view}-{width}")
        accessible(page)
