"""The doctor's week in a real browser: by keyboard, under the strict policy, read aloud, in both colour schemes."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from booking_site.testing.browser import BROWSER, accessible, choose, look, sign_in
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    staff,
)
from scheduling import operations, planning
from scheduling.models import AvailableSlot, Closure
from scheduling.week import monday_of

pytestmark = BROWSER


@pytest.fixture
def clinic():
    """Next week of Dr Sena: a busy one, with everything in it that a week can have."""
    staff("Scheduler", first_name="Sol")
    staff("Reception", first_name="Rosa")
    cardiology = DepartmentFactory(name="Cardiology", time_zone="Europe/Berlin")
    monday = monday_of(timezone.now().astimezone(cardiology.tz).date()) + timedelta(days=7)
    coast = DepartmentFactory(name="Cardiology, Coast", time_zone="Europe/Lisbon")
    doctor = DoctorFactory(name="Dr Amara Sena", department=cardiology, specialization="Cardiology")
    ScheduleFactory(doctor=doctor, starts_on=monday, slot_minutes=20, room="Room 3")
    group = VisitTypeFactory(code="group", name="Group education")
    ScheduleFactory(
        doctor=doctor,
        name="Heart group",
        starts_on=monday,
        recurrence="FREQ=WEEKLY;BYDAY=TU",
        start_time=time(14),
        end_time=time(15),
        slot_minutes=60,
        seats=6,
        visit_type=group,
        is_public=False,
    )
    ScheduleFactory(
        doctor=doctor,
        department=coast,
        name="Coast clinic",
        starts_on=monday,
        recurrence="FREQ=WEEKLY;BYDAY=TH",
        start_time=time(14),
        end_time=time(16),
    )
    planning.generate(actor=TESTER, doctor_id=doctor.pk, until=monday + timedelta(days=13))
    slots = list(AvailableSlot.objects.filter(doctor=doctor, date=monday))
    names = [("Ada", "Byron"), ("Łucja", "Wójcik-Kowalewska"), ("Grace", "Hopper"), ("Bùi", "Thị Xuân")]
    for number, (first, last) in enumerate(names):
        booked(slot=slots[number], patient=PatientFactory(first_name=first, last_name=last))
    operations.withdraw(actor=TESTER, slot_id=slots[4].pk, note="Meeting of the ward")
    SlotFactory(doctor=doctor, starts_at=slots[5].starts_at, duration_minutes=20, seat=2, note="Emergency")
    operations.hold(actor=TESTER, slot_id=slots[6].pk)
    SlotFactory(doctor=doctor, starts_at=slots[0].starts_at + timedelta(hours=8), is_public=False)
    wednesday = list(AvailableSlot.objects.filter(doctor=doctor, date=monday + timedelta(days=2)))
    booked(slot=wednesday[0], patient=PatientFactory(first_name="Rosalind", last_name="Franklin"))
    planning.add_closures(
        actor=TESTER,
        closures=[
            Closure(doctor=doctor, first_day=wednesday[0].date, last_day=wednesday[0].date, reason="Congress"),
            Closure(
                starts_at=datetime.combine(monday + timedelta(days=4), time(10), cardiology.tz),
                ends_at=datetime.combine(monday + timedelta(days=4), time(11), cardiology.tz),
                reason="Fire drill",
            ),
        ],
    )
    return doctor, monday


def open_week(page: Page, doctor, monday) -> None:
    page.goto(f"/admin/scheduling/week/?doctor={doctor.pk}&date={monday}")
    expect(page.get_by_role("heading", name="Week of Dr Amara Sena")).to_be_visible()


def test_a_scheduler_finds_a_week_withdraws_a_session_offers_it_again_and_overbooks(page, clinic):
    doctor, monday = clinic
    sign_in(page, "scheduler")
    page.get_by_role("navigation", name="Reception").get_by_role("link", name="Week").click()
    accessible(page)
    choose(page, "Doctor", "sena", "Dr Amara Sena, Cardiology, Cardiology")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Next week").click()
    look(page, "week")
    accessible(page)

    # By keyboard: all of Tuesday's group, with a reason.
    tuesday = page.locator(f"#day-{monday + timedelta(days=1)}")
    expect(tuesday.locator(".counts")).to_contain_text("15 free")
    tuesday.get_by_label("All of Heart group").focus()
    page.keyboard.press("Space")
    page.get_by_label("because").fill("Room is being painted")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator(".messagelist")).to_contain_text("6 now withdrawn.")
    expect(tuesday.locator(".counts")).to_contain_text("9 free")
    expect(tuesday).to_contain_text("Room is being painted")
    look(page, "week-withdrawn")
    tuesday.get_by_label("14:00 seat 2, withdrawn").check()
    page.get_by_role("button", name="Offer again").click()
    expect(tuesday.locator(".counts")).to_contain_text("10 free")

    page.get_by_role("link", name=f"Add a seat on {monday:%a} {monday.day} {monday:%b}").click()
    expect(page.get_by_role("combobox", name="Doctor")).to_contain_text("Dr Amara Sena")
    expect(page.get_by_label("Day")).to_have_value(str(monday))
    page.get_by_label("Time:", exact=True).fill("09:00")
    look(page, "add-seat")
    accessible(page)
    page.get_by_role("button", name="Add the seat").click()
    expect(page.get_by_role("alert")).to_contain_text("09:00 to 09:20 Europe/Berlin, Consultation (booked)")
    look(page, "add-seat-refused")
    accessible(page)
    page.get_by_label("Overbook").check()
    page.get_by_label("Reason:", exact=True).fill("Sent by the emergency room")
    page.get_by_role("button", name="Add the seat").dblclick()
    expect(page.locator(".messagelist")).to_contain_text("Added:")
    expect(page.locator(f"#day-{monday}")).to_contain_text("Sent by the emergency room")
    assert AvailableSlot.objects.filter(doctor=doctor, note="Sent by the emergency room").count() == 1


def test_reception_books_from_the_week(page, clinic):
    doctor, monday = clinic
    sign_in(page)
    open_week(page, doctor, monday)
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)
    expect(page.get_by_role("link", name="Wójcik-Kowalewska")).to_be_visible()
    look(page, "week-reception")
    accessible(page)
    page.get_by_role("link", name=f"Book {monday:%a} {monday.day} {monday:%b} 11:40").click()
    expect(page.locator(".sentence")).to_contain_text("with Dr Amara Sena")
    expect(page.locator(".sentence")).to_contain_text("11:40 Europe/Berlin")


def test_reception_acts_on_an_appointment_in_the_week_and_comes_back_to_it(page, clinic):
    doctor, monday = clinic
    sign_in(page)
    open_week(page, doctor, monday)
    seat = page.locator(".seat", has_text="Ada Byron")
    seat.locator("summary").press("Enter")
    expect(seat.get_by_role("link", name="Slip: Ada Byron")).to_be_visible()
    look(page, "week-acts")
    accessible(page)
    seat.get_by_role("link", name="Cancel: Ada Byron").press("Enter")
    page.get_by_label("Kind of reason").select_option("ill")
    page.get_by_role("button", name="Cancel the appointment").press("Enter")
    expect(page.get_by_role("heading", name="Week of Dr Amara Sena")).to_be_visible()
    expect(page.locator(".messagelist")).to_contain_text("Cancelled: Ada Byron")
    expect(page.locator(".messagelist").get_by_role("link", name="See the appointment")).to_be_visible()
    look(page, "week-cancelled")
    accessible(page)


def test_the_week_can_be_read_in_the_dark_on_paper_and_on_a_small_screen(page, clinic):
    doctor, monday = clinic
    sign_in(page, "scheduler")
    page.emulate_media(color_scheme="dark")
    open_week(page, doctor, monday)
    look(page, "week-dark")
    accessible(page)
    page.goto(f"/admin/scheduling/availableslot/add/?doctor={doctor.pk}")
    accessible(page)
    page.goto("/admin/scheduling/availableslot/?day=all")
    look(page, "slots-dark")
    accessible(page)
    page.emulate_media(color_scheme="light")
    page.goto("/admin/scheduling/availableslot/?day=all")
    look(page, "slots")
    accessible(page)
    slot = AvailableSlot.objects.filter(by_hand=True).get()
    page.goto(f"/admin/scheduling/availableslot/{slot.pk}/change/")
    look(page, "slot")
    accessible(page)
    free = AvailableSlot.objects.filter(status="available").first()
    page.goto(f"/admin/scheduling/availableslot/{free.pk}/change/")
    look(page, "slot-free")
    accessible(page)
    page.set_viewport_size({"width": 400, "height": 800})
    open_week(page, doctor, monday)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    look(page, "week-small")
    accessible(page)
