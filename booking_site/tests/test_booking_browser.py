"""Booking with a patient on the phone, in a real browser: by keyboard, with the seat held, and nothing booked twice."""

import re

import pytest
from playwright.sync_api import Page, expect

from appointments.models import Appointment
from booking_site.testing.browser import BROWSER, accessible, look, sign_in
from booking_site.testing.factories import (
    PASSWORD,
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
    staff,
)
from patients.models import Patient
from scheduling.models import AvailableSlot, VisitType
from scheduling.operations import hold as hold_seat

ADD = "/admin/appointments/appointment/add/"
MOST_KEYS = 12  # from the first page to the confirmed booking of a known patient, beyond the text typed
pytestmark = BROWSER


@pytest.fixture
def clinic():
    staff("Reception", first_name="Rosa")
    cardiology = DepartmentFactory(name="Cardiology", time_zone="Europe/Berlin")
    doctor = DoctorFactory(name="Dr Amara Sena", department=cardiology)
    PatientFactory(first_name="Łucja", last_name="Wójcik", phone="+48 601 234 567", mrn="MRN-0007")
    PatientFactory(first_name="Łucja", last_name="Wójcik", dob="1951-07-08", phone="+48 22 111 22 33")
    return [SlotFactory(doctor=doctor, starts_at=in_days(7, 8 + n)) for n in range(4)]


class Keys:
    """Presses keys and counts them; what is typed as text does not count."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.count += len(key.split("+"))
            self.page.keyboard.press(key)


def times(page: Page):
    return page.locator("input[name=slot]")


def status(slot) -> str:
    return AvailableSlot.objects.get(pk=slot.pk).state


def choose_patient(page: Page, text: str = "wojcik lucja") -> None:
    page.get_by_role("combobox", name="Who", exact=True).fill(text)
    page.get_by_role("option", name="MRN-0007").click()
    expect(page.locator(".chosen-patient")).to_contain_text("MRN-0007")


def open_booking(page: Page, clinic, free: int = 4) -> None:
    """The booking page with the patient and the doctor chosen, who has so many free times."""
    page.goto(f"{ADD}?doctor={clinic[0].doctor_id}")
    choose_patient(page)
    expect(times(page)).to_have_count(free)


def hold(page: Page, number: int) -> None:
    expect(times(page).first).to_be_focused()
    page.keyboard.press(str(number))
    expect(page.locator("[data-held]")).to_be_visible()


def test_a_known_patient_is_booked_by_keyboard_in_a_dozen_keys(page, clinic):
    sign_in(page)
    keys = Keys(page)
    keys.press("Alt+b")
    expect(page.get_by_role("combobox", name="Who", exact=True)).to_be_focused()
    page.keyboard.type("wojcik lucja")
    # Two namesakes, and to register somebody new.
    expect(page.locator(".offers-list:visible [role=option]")).to_have_count(3)
    look(page, "book-who")
    accessible(page)
    while not page.locator("[role=option][aria-selected=true]", has_text="MRN-0007").count():
        keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.get_by_role("combobox", name="With whom")).to_be_focused()
    page.keyboard.type("card")
    expect(page.get_by_role("option", name="Dr Amara Sena")).to_be_visible()
    keys.press("ArrowDown", "Enter")
    expect(times(page).first).to_be_focused()
    expect(times(page)).to_have_count(4)
    look(page, "book-when")
    keys.press("2")
    expect(page.locator(".sentence")).to_contain_text("Łucja Wójcik, born 1980-02-29, with Dr Amara Sena")
    expect(page.locator("[data-held]")).to_contain_text("Held for you until")
    assert status(clinic[1]) == "held"
    look(page, "book-confirm")
    accessible(page)
    keys.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    assert Appointment.objects.get().slot == clinic[1]
    print(f"{keys.count} keys")
    assert keys.count <= MOST_KEYS

    # The next one: the department is remembered, and a phone number finds the only one who has it.
    page.wait_for_load_state()
    keys.count = 0
    keys.press("Alt+b")
    expect(page.get_by_role("combobox", name="Who", exact=True)).to_be_focused()
    page.keyboard.type("221112233")
    expect(page.locator("[role=option][aria-selected=true]")).to_contain_text("1951-07-08")
    keys.press("Enter")
    expect(times(page).first).to_be_focused()
    keys.press("1", "Enter")
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    assert Appointment.objects.count() == 2
    assert keys.count == 5


def test_somebody_new_is_registered_on_the_spot_after_a_look_at_who_is_like_them(page, clinic):
    sign_in(page)
    page.goto(f"{ADD}?doctor={clinic[0].doctor_id}")
    page.get_by_role("combobox", name="Who", exact=True).fill("Łucja Wójcik")
    page.get_by_role("option", name="Register a new patient").click()
    expect(page.get_by_label("First name")).to_be_focused()
    expect(page.get_by_label("First name")).to_have_value("Łucja")
    expect(page.get_by_label("Last name")).to_have_value("Wójcik")
    page.get_by_label("Date of birth").fill("1980-02-29")
    page.get_by_label("Phone").fill("+48 600 000 000")
    expect(page.get_by_text("This person may be registered already")).to_be_visible()
    expect(page.locator(".candidates")).to_contain_text("MRN-0007")
    times(page).first.focus()
    page.keyboard.press("1")
    expect(page.locator("[data-held]")).to_be_visible()
    look(page, "book-new")
    accessible(page)
    page.get_by_role("button", name="Register and book").click()
    expect(page.locator(".candidates")).to_be_visible()
    assert Patient.objects.count() == 2
    page.get_by_label("It is none of these: register all the same").check()
    page.get_by_role("button", name="Register and book").click()
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    made = Appointment.objects.select_related("patient").get()
    assert (made.patient.phone, made.slot, Patient.objects.count()) == ("+48 600 000 000", clinic[0], 3)


def test_a_seat_taken_meanwhile_keeps_what_was_typed_and_offers_the_next(page, clinic):
    sign_in(page)
    open_booking(page, clinic)
    page.get_by_label("Reason").fill("Palpitations <b>at night</b>")
    booked(slot=clinic[0])
    times(page).first.focus()
    page.keyboard.press("1")
    expect(page.locator("#part-when .errorlist")).to_contain_text("This seat is taken. Choose another time.")
    expect(times(page)).to_have_count(3)
    look(page, "book-taken")
    accessible(page)

    # The hold runs out while the page is open, and the seat is gone when the button is pressed.
    times(page).first.focus()
    page.keyboard.press("1")
    expect(page.locator("[data-held]")).to_be_visible()
    AvailableSlot.objects.filter(pk=clinic[1].pk).update(
        status="available", held_until=None, held_by="", hold_digest=""
    )
    booked(slot=clinic[1])
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("#part-when .errorlist")).to_contain_text("Your hold on this seat has ended")
    expect(page.get_by_label("Reason")).to_have_value("Palpitations <b>at night</b>")
    expect(page.locator(".chosen-patient")).to_contain_text("MRN-0007")
    expect(times(page).first).to_be_focused()
    page.keyboard.press("1")
    expect(page.locator("[data-held]")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    made = Appointment.objects.get(source="console")
    assert (made.slot, made.reason) == (clinic[2], "Palpitations <b>at night</b>")


def test_a_seat_of_the_board_that_is_lost_offers_the_next_of_its_doctor_with_all_that_was_typed(page, clinic):
    hold_seat(actor=TESTER, slot_id=clinic[0].pk)
    sign_in(page)
    page.goto(f"{ADD}?slot={clinic[0].pk}")
    expect(page.locator("#part-when .errorlist")).to_contain_text("Somebody else is holding this seat.")
    expect(page.get_by_role("combobox", name="With whom")).to_have_value("Dr Amara Sena")
    expect(times(page)).to_have_count(3)
    expect(page.locator(".calendar td button")).to_have_count(1)

    page.goto(f"{ADD}?slot={clinic[1].pk}")
    expect(page.locator("[data-held]")).to_be_visible()
    choose_patient(page)
    page.get_by_label("Reason").fill("Palpitations")
    AvailableSlot.objects.filter(pk=clinic[1].pk).update(
        status="available", held_until=None, held_by="", hold_digest=""
    )
    booked(slot=clinic[1])
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("#part-when .errorlist")).to_contain_text("Your hold on this seat has ended")
    expect(page.get_by_role("combobox", name="With whom")).to_have_value("Dr Amara Sena")
    expect(page.locator(".chosen-patient")).to_contain_text("MRN-0007")
    expect(page.get_by_label("Reason")).to_have_value("Palpitations")
    expect(times(page)).to_have_count(2)
    hold(page, 1)
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    assert Appointment.objects.get(source="console").slot == clinic[2]


def test_what_is_wrong_is_said_and_focused_and_the_seat_stays_held(page, clinic):
    VisitType.objects.filter(pk=clinic[0].visit_type_id).update(limit_per_patient=1)
    booked(slot=SlotFactory(starts_at=in_days(9)), patient=Patient.objects.get(mrn="MRN-0007"))
    sign_in(page)
    open_booking(page, clinic)
    hold(page, 1)
    page.keyboard.press("Enter")
    expect(page.locator("#part-who .errorlist")).to_contain_text("as many visits of the type")
    who = page.get_by_role("combobox", name="Who", exact=True)
    expect(who).to_be_focused()
    expect(page.locator("[data-held]")).to_contain_text("Held for you until")
    assert status(clinic[0]) == "held"

    who.fill("Nobody Known")
    page.get_by_role("option", name="Register a new patient").click()
    expect(page.locator(".sentence")).to_contain_text("Nobody Known new")
    page.get_by_label("Last name").fill("")
    page.get_by_label("First name").fill("")
    page.get_by_label("Phone").fill("call me")
    expect(page.locator(".sentence")).to_contain_text("a new patient")
    page.get_by_role("button", name="Register and book").click()
    expect(page.locator(".new-phone .errorlist")).to_be_visible()
    expect(page.get_by_label("Phone")).to_be_focused()
    page.get_by_label("Phone").fill("+48 600 000 000")
    page.get_by_role("button", name="Register and book").click()
    expect(page.locator(".errorlist.nonfield")).to_contain_text("needs a first name or a last name")
    expect(page.get_by_label("First name")).to_be_focused()
    assert status(clinic[0]) == "held"
    page.get_by_label("First name").fill("Nobody")
    page.get_by_role("button", name="Register and book").click()
    expect(page.locator(".messagelist")).to_contain_text("Booked: Nobody")


def test_alt_b_keeps_what_the_booking_page_has_and_goes_to_its_first_box(page, clinic):
    sign_in(page)
    open_booking(page, clinic)
    page.get_by_label("Reason").fill("Palpitations")
    page.keyboard.press("Alt+b")
    expect(page.get_by_role("combobox", name="Who", exact=True)).to_be_focused()
    expect(page.get_by_label("Reason")).to_have_value("Palpitations")
    expect(page.locator(".chosen-patient")).to_contain_text("MRN-0007")


def test_the_hold_lasts_in_another_window_for_a_while_and_its_end_is_said(page, clinic):
    def show(state: str) -> None:
        page.evaluate(
            """(state) => {
                Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            state,
        )

    def held_until():
        return AvailableSlot.objects.get(pk=clinic[0].pk).held_until

    sign_in(page)
    page.clock.install()
    open_booking(page, clinic)
    hold(page, 1)
    show("hidden")
    before = held_until()
    with page.expect_response(lambda answer: "/add/" in answer.url):
        page.clock.fast_forward("02:05")
    assert held_until() > before
    expect(page.locator("[data-held]")).to_contain_text("Held for you until")
    for minutes in ("14:00", "06:00"):  # longer than anybody is waited for, and than the hold
        page.clock.fast_forward(minutes)
    expect(page.get_by_role("alert").filter(has_text="Not held for you any more")).to_be_visible()
    look(page, "book-hold-over")

    show("visible")
    expect(page.locator("[data-held]")).to_contain_text("Held for you until")
    show("hidden")
    AvailableSlot.objects.filter(pk=clinic[0].pk).update(
        status="available", held_until=None, held_by="", hold_digest=""
    )
    booked(slot=clinic[0])
    show("visible")
    expect(page.locator("#part-when .errorlist")).to_contain_text("Your hold on this seat has ended")
    expect(times(page)).to_have_count(3)


def test_the_second_of_two_receptionists_sees_the_seat_held_until_the_first_leaves(page, browser, server, clinic):
    sign_in(page)
    open_booking(page, clinic)
    staff("Administrator")
    context = browser.new_context(base_url=server, locale="en-GB")
    other = context.new_page()
    sign_in(other, "administrator")
    open_booking(other, clinic)
    hold(page, 1)
    times(other).first.focus()
    other.keyboard.press("1")
    expect(other.locator("#part-when .errorlist")).to_contain_text("Somebody else is holding this seat.")
    expect(times(other)).to_have_count(3)
    look(other, "book-held")

    page.get_by_role("link", name="Today").click()
    expect(page.locator("#book_form")).to_have_count(0)
    other.reload()
    choose_patient(other)
    expect(times(other)).to_have_count(4)
    context.close()


def test_choosing_another_time_gives_the_first_back(page, clinic):
    sign_in(page)
    open_booking(page, clinic)
    hold(page, 1)
    times(page).first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".sentence")).to_contain_text(f"{clinic[2].time:%H:%M}")
    expect(page.locator("[data-held]")).to_be_visible()
    expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
    assert [status(slot) for slot in clinic] == ["available", "available", "held", "available"]


def test_two_presses_and_the_back_button_book_once(page, clinic):
    sign_in(page)
    open_booking(page, clinic)
    hold(page, 1)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text("This form has booked already.")
    expect(page.locator("#book_form")).to_be_hidden()
    look(page, "book-already")
    accessible(page)
    page.get_by_role("link", name="See the appointment").click()
    expect(page.locator("#content")).to_contain_text("Łucja Wójcik")
    assert Appointment.objects.count() == 1


def test_another_day_is_chosen_in_the_calendar_by_its_arrows(page, clinic):
    later = SlotFactory(doctor=clinic[0].doctor, starts_at=in_days(9))
    sign_in(page)
    open_booking(page, clinic, free=5)
    cells = page.locator(".calendar td button")
    expect(cells).to_have_count(2)
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cells.last).to_be_focused()
    page.keyboard.press("Enter")
    expect(times(page)).to_have_count(1)
    expect(times(page)).to_be_focused()
    expect(times(page)).to_have_value(str(later.pk))
    page.get_by_label("Part of the day").select_option("evening")
    expect(page.locator("#part-when")).to_contain_text("Nothing is free on this day.")
    page.get_by_role("button", name="The first free times").click()
    page.get_by_label("Part of the day").select_option("")
    expect(times(page)).to_have_count(5)
    cells.first.focus()
    page.keyboard.press("PageDown")
    expect(page.locator("#part-when")).to_contain_text("Nothing is free in these weeks.")
    page.get_by_role("button", name="Earlier").click()
    expect(times(page)).to_have_count(5)


def test_an_appointment_is_moved_to_a_time_of_its_own_doctor(page, clinic):
    made = booked(slot=clinic[0])
    sign_in(page)
    page.goto(f"/admin/appointments/appointment/{made.pk}/move/")
    expect(page.get_by_role("combobox", name="To a time of")).to_have_value("Dr Amara Sena")
    expect(times(page)).to_have_count(3)
    times(page).first.focus()
    page.keyboard.press("2")
    expect(page.locator("[data-held]")).to_be_visible()
    page.get_by_label("Why it is moved").fill("asked for a later hour")
    look(page, "move")
    accessible(page)
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".messagelist")).to_contain_text("Moved: ")
    made.refresh_from_db()
    assert made.slot == clinic[2]
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text("This form has moved the appointment already.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_in_both_themes_on_a_tablet_and_enlarged(page, clinic, scheme):
    sign_in(page)
    page.emulate_media(color_scheme=scheme)
    open_booking(page, clinic)
    hold(page, 1)
    for width, height in ((1280, 900), (768, 1024), (640, 450)):  # the last: 1280 x 900 at 200 %
        page.set_viewport_size({"width": width, "height": height})
        look(page, f"book-{scheme}-{width}")
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width


def test_without_scripts_the_same_form_books_in_whole_pages(browser, server, clinic):
    context = browser.new_context(base_url=server, locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto("/admin/login/")
    page.get_by_label("Username").fill("reception")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto(ADD)
    page.get_by_role("searchbox", name="Who", exact=True).fill("wojcik")
    page.get_by_role("searchbox", name="With whom").fill("card")
    page.get_by_label("Reason").fill("Check-up")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Show times").click()
    page.get_by_role("radio", name="MRN-0007").check()
    page.get_by_role("radio", name=re.compile("Dr Amara Sena")).check()
    page.get_by_role("button", name="Show times").click()
    expect(page.locator(".chosen-patient")).to_contain_text("MRN-0007")
    times(page).nth(1).check()
    page.get_by_role("button", name="Show times").click()
    expect(page.locator("[data-held]")).to_contain_text("Held for you until")
    look(page, "book-plain")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Booked: Łucja Wójcik")
    made = Appointment.objects.get()
    assert (made.slot, made.reason) == (clinic[1], "Check-up")
    context.close()
