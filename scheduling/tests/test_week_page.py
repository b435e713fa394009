"""The page of a doctor's week, and the page that adds a seat: what each role sees and may do there."""

import re
from datetime import date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from audit.models import AuditLog
from booking_site.core.localtime import instant
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
    zone_at,
)
from scheduling import operations, planning
from scheduling.models import AvailableSlot, Closure
from scheduling.week import monday_of, week_of

WEEK = "/admin/scheduling/week/"
ADD = "/admin/scheduling/availableslot/add/"
pytestmark = pytest.mark.django_db


def next_monday() -> date:
    return monday_of(timezone.now().date()) + timedelta(days=7)


def at(day: date, clock: str, zone: str = "Europe/Berlin") -> datetime:
    return instant(datetime.combine(day, time.fromisoformat(clock)), zone)


def seen(client, doctor, day: date | None = None) -> str:
    """The text of the page, blanks made one."""
    answer = client.get(WEEK, {"doctor": doctor.pk, "date": str(day or next_monday())})
    assert answer.status_code == 200
    html = re.sub(r"<script.*?</script>", "", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def said(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


@pytest.fixture
def clinic():
    """Every weekday from nine to twelve; on Monday one booked, held, withdrawn, retiring, overbooked."""
    schedule = ScheduleFactory(room="Room 3", starts_on=next_monday())
    doctor = schedule.doctor
    planning.generate(actor=TESTER, doctor_id=doctor.pk, until=next_monday() + timedelta(days=13))
    first, second, third, fourth, fifth = AvailableSlot.objects.filter(doctor=doctor, date=next_monday())[:5]
    booked(slot=first, patient=PatientFactory(first_name="Ada", last_name="Byron"))
    operations.hold(actor=TESTER, slot_id=second.pk)
    operations.withdraw(actor=TESTER, slot_id=third.pk, note="Meeting of the ward")
    booked(slot=fourth, patient=PatientFactory(first_name="Grace", last_name="Hopper"))
    AvailableSlot.objects.filter(pk=fourth.pk).update(retiring=True)
    SlotFactory(doctor=doctor, starts_at=fifth.starts_at, seat=2, note="Emergency", is_public=False)
    return doctor


# --- what is on the page ---------------------------------------------------------------------------------------------


def test_the_week_shows_sessions_and_in_them_the_seats_in_order(clinic):
    week = week_of(clinic, next_monday(), seen=Q(), with_appointments=True, with_patients=True)
    monday, *_others, sunday = week.days
    [block] = monday.blocks
    assert (block.title, block.hours, sunday.blocks) == ("Morning clinic", "09:00–12:00", [])
    assert [(seat.clock, seat.kind, seat.slot.retiring, seat.is_overbooked) for seat in block.seats] == [
        ("09:00", "booked", False, False),
        ("09:30", "held", False, False),
        ("10:00", "withdrawn", False, False),
        ("10:30", "booked", True, False),
        ("11:00", "free", False, False),
        ("11:00", "free", False, True),
        ("11:30", "free", False, False),
    ]
    assert (monday.free, monday.held, monday.booked) == (3, 1, 2)
    assert (week.days[1].free, week.days[1].booked, week.zones) == (6, 0, ["Europe/Berlin"])


def test_what_each_role_sees(client, clinic):
    held = AvailableSlot.objects.get(status="held").held_until.astimezone(clinic.department.tz)
    everybody = [
        *("Morning clinic", "09:00–12:00 , Room 3, Consultation", "Europe/Berlin", f"held until {held:%H:%M}"),
        *("Meeting of the ward", "needs a new time", "overbooked", "Emergency", "staff only", "3 free 1 held 2 booked"),
    ]
    roles = {
        "Reception": {"Byron", "Book"},
        "Scheduler": {"Byron", "Add a seat", "Withdraw"},
        "Clinician": {"Byron"},
        "Administrator": {"Byron", "Add a seat", "Withdraw", "Book"},
    }
    for role, may in roles.items():
        client.force_login(staff(role))
        text = seen(client, clinic)
        assert [words for words in everybody if words not in text] == [], role
        text = text.replace("booked", "")
        assert {words for words in ("Byron", "Book", "Add a seat", "Withdraw") if words in text} == may, role
    client.force_login(staff("Auditor"))
    assert client.get(WEEK, {"doctor": clinic.pk}).status_code == 403
    assert AuditLog.objects.get(action="access.denied").details["path"] == WEEK


def test_a_patients_name_is_for_those_who_may_see_patients(client, clinic):
    user = staff("Scheduler")
    [group] = user.groups.all()
    group.permissions.remove(Permission.objects.get(codename="view_patient"))
    client.force_login(user)
    page = client.get(WEEK, {"doctor": clinic.pk, "date": str(next_monday())}).content.decode()
    assert "Byron" not in page
    assert "/admin/appointments/appointment/0" in page
    group.permissions.remove(Permission.objects.get(codename="view_appointment"))
    page = client.get(WEEK, {"doctor": clinic.pk, "date": str(next_monday())}).content.decode()
    assert "/admin/appointments/appointment/0" not in page
    group.permissions.add(Permission.objects.get(codename="view_patient"))
    page = client.get(WEEK, {"doctor": clinic.pk, "date": str(next_monday())}).content.decode()
    assert "Byron" in page
    assert "/admin/appointments/appointment/0" not in page


def test_closures_are_shown_on_their_days_and_what_they_took_off_apart(client, clinic):
    client.force_login(staff("Reception"))
    tuesday = next_monday() + timedelta(days=1)
    closures = [
        Closure(first_day=tuesday, last_day=tuesday, reason="Feast of the city"),
        Closure(
            starts_at=at(tuesday, "10:00") + timedelta(days=1),
            ends_at=at(tuesday, "11:00") + timedelta(days=1),
            reason="Fire drill",
            doctor=clinic,
        ),
        Closure(first_day=tuesday, last_day=tuesday, reason="Not here", department=DepartmentFactory()),
    ]
    planning.add_closures(actor=TESTER, closures=closures)
    coast = DepartmentFactory(time_zone="Europe/Lisbon")
    ScheduleFactory(
        doctor=clinic, department=coast, recurrence="FREQ=WEEKLY;BYDAY=FR", start_time=time(14), end_time=time(15)
    )
    week = week_of(clinic, next_monday(), seen=Q(), with_appointments=False, with_patients=False)
    assert [day.closures for day in week.days[:4]] == [[], ["Feast of the city"], ["10:00–11:00 Fire drill"], []]
    [feast], [drill] = week.days[1].blocks, week.days[2].blocks
    assert (len(feast.seats), len(feast.taken_off), len(drill.seats), len(drill.taken_off)) == (0, 6, 4, 2)
    assert "Closed Feast of the city" in seen(client, clinic)


def test_seats_outside_every_session_are_shown_too(client, clinic):
    client.force_login(staff("Reception"))
    evening = at(next_monday(), "18:00")
    SlotFactory(doctor=clinic, starts_at=evening)
    gone = ScheduleFactory(doctor=clinic, name="Old clinic", start_time=time(15), end_time=time(16), is_active=False)
    SlotFactory(doctor=clinic, starts_at=at(next_monday(), "15:00"), schedule=gone)
    week = week_of(clinic, next_monday(), seen=Q(), with_appointments=False, with_patients=False)
    titles = [block.title for block in week.days[0].blocks]
    assert titles == ["Morning clinic", "Old clinic", "Single seats"]
    text = seen(client, clinic)
    assert "Old clinic in no session of the plan" in text
    assert "Single seats outside the sessions" in text


def test_a_rule_that_cannot_be_read_is_named_and_the_seats_are_shown(client, clinic):
    client.force_login(staff("Reception"))
    ScheduleFactory(doctor=clinic, name="Strange clinic", recurrence="FREQ=SOMETIMES")
    text = seen(client, clinic)
    assert "The recurrence of the schedule “Strange clinic”" in text
    assert "Byron" in text


def test_past_weeks_are_shown_and_nothing_in_them_can_be_done(client):
    client.force_login(staff("Administrator"))
    long_ago = timezone.now() - timedelta(days=70)
    slot = SlotFactory(starts_at=long_ago)
    SlotFactory(doctor=slot.doctor, starts_at=long_ago + timedelta(hours=1), status="withdrawn", by_hand=True)
    page = client.get(WEEK, {"doctor": slot.doctor_id, "date": str(slot.date)}).content.decode()
    assert "not booked" in page
    for absent in ('name="slots"', "/admin/appointments/appointment/add/?slot=", 'class="add-seat"'):
        assert absent not in page


def test_sessions_in_departments_of_two_zones_show_each_its_zone(client, clinic):
    client.force_login(staff("Reception"))
    lisbon = DepartmentFactory(name="Coast", time_zone="Europe/Lisbon")
    ScheduleFactory(doctor=clinic, department=lisbon, name="Coast clinic", start_time=time(14), end_time=time(16))
    planning.generate(actor=TESTER, doctor_id=clinic.pk, until=next_monday() + timedelta(days=7))
    text = seen(client, clinic)
    assert "Europe/Berlin Europe/Lisbon" in text
    assert "14:00–16:00 , Consultation Coast, Europe/Lisbon" in text
    assert f"Consultation {clinic.department.name}, Europe/Berlin" in text


@pytest.mark.parametrize(
    ("zone", "day", "hours", "clocks"),
    [
        (
            "Europe/Berlin",
            date(2026, 10, 25),
            ("01:30", "03:30"),
            ["01:30", "02:00 (+02:00)", "02:30 (+02:00)", "02:00 (+01:00)", "02:30 (+01:00)", "03:00"],
        ),
        ("Europe/Berlin", date(2027, 3, 28), ("01:00", "04:00"), ["01:00", "01:30", "03:00", "03:30"]),
        (
            "Australia/Lord_Howe",
            date(2026, 4, 5),
            ("01:00", "02:30"),
            ["01:00", "01:30 (+11:00)", "01:30 (+10:30)", "02:00"],
        ),
        ("Australia/Lord_Howe", date(2026, 10, 4), ("01:30", "03:00"), ["01:30", "02:30"]),
    ],
)
def test_on_the_days_when_clocks_change_each_seat_has_a_time_of_its_own(client, zone, day, hours, clocks):
    client.force_login(staff("Reception"))
    begin, end = (time.fromisoformat(hour) for hour in hours)
    schedule = ScheduleFactory(
        doctor__department__time_zone=zone,
        starts_on=day,
        recurrence="FREQ=DAILY;COUNT=1",
        start_time=begin,
        end_time=end,
    )
    moment = at(day, hours[0], zone)
    for number in range(len(clocks)):
        SlotFactory(doctor=schedule.doctor, schedule=schedule, starts_at=moment + timedelta(minutes=30 * number))
    week = week_of(schedule.doctor, monday_of(day), seen=Q(), with_appointments=False, with_patients=False)
    [block] = week.days[6].blocks
    assert (block.hours, [seat.clock for seat in block.seats]) == (f"{hours[0]}–{hours[1]}", clocks)
    text = seen(client, schedule.doctor, day)
    assert all(clock in text for clock in clocks)
    listed = client.get("/admin/scheduling/availableslot/?day=all").content.decode()
    assert all(f"<b>{clock}</b>" in listed for clock in clocks)


def test_the_week_takes_as_many_queries_for_420_seats_as_for_one(client):
    client.force_login(staff("Administrator"))
    doctor = DoctorFactory()
    patients = PatientFactory.create_batch(3)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(WEEK, {"doctor": doctor.pk, "date": str(next_monday())}).status_code == 200
        return len(captured)

    def fill(days: range, seats: range) -> None:
        for number in days:
            for seat in seats:
                begin = at(next_monday() + timedelta(days=number), "08:00") + timedelta(minutes=10 * seat)
                slot = SlotFactory(doctor=doctor, starts_at=begin, duration_minutes=10)
                if seat < 2:
                    booked(slot=slot, patient=patients[seat])

    ScheduleFactory(doctor=doctor)
    fill(range(1), range(1))
    queries()
    few = queries()
    ScheduleFactory(doctor=doctor, start_time=time(14), end_time=time(16), department=DepartmentFactory())
    Closure.objects.create(first_day=next_monday(), last_day=next_monday(), reason="Feast")
    fill(range(1), range(1, 60))
    fill(range(1, 7), range(60))
    assert AvailableSlot.objects.count() == 420
    assert queries() == few


def test_a_seat_with_an_appointment_has_its_buttons_and_leads_back_to_the_week(client):
    doctor = DoctorFactory(department__time_zone=zone_at(9))
    now = timezone.now().replace(second=0, microsecond=0)
    appointment = booked(slot=SlotFactory(doctor=doctor, starts_at=now + timedelta(minutes=30)))
    SlotFactory(doctor=doctor, starts_at=now + timedelta(minutes=90))
    step = reverse("admin:appointments_appointment_step", args=[appointment.pk])
    query = {"doctor": doctor.pk, "date": str(appointment.date)}
    client.force_login(staff("Reception"))
    answer = client.get(WEEK, query)
    html = answer.content.decode()
    assert html.count(f'formaction="{step}') == 1  # check in; it is too soon for a no-show
    offered = re.findall(r'aria-label="([\w ]+): ' + re.escape(escape(str(appointment.patient))), html)
    assert offered == ["Check in", "Move", "Cancel", "Slip"]
    back = escape(answer.request["PATH_INFO"] + "?" + answer.request["QUERY_STRING"])
    assert f'<input type="hidden" name="next" value="{back}">' in html
    client.force_login(staff("Scheduler"))
    assert step not in client.get(WEEK, query).content.decode()


def test_the_picker_goes_back_and_forth_and_puts_up_with_anything(client, clinic):
    client.force_login(staff("Reception"))
    assert "Choose a doctor" in client.get(WEEK).content.decode()
    answer = client.get(WEEK, {"doctor": clinic.pk})
    this_monday = monday_of(timezone.now().astimezone(clinic.department.tz).date())
    assert (answer.context["is_this_week"], answer.context["week"].days[0].date) == (True, this_monday)
    monday = next_monday()
    answer = client.get(WEEK, {"doctor": clinic.pk, "date": str(monday + timedelta(days=3))})
    assert answer.context["week"].days[0].date == monday
    for name, days in (("previous", -7), ("next", 7)):
        other = client.get(answer.context[name]).context["week"].days[0].date
        assert other == monday + timedelta(days=days)
    for hostile in ("0001-01-01", "9999-12-31", "2026-02-30", "x" * 5000, "' OR 1=1", "٢٠٢٦-٠١-٠١"):
        assert client.get(WEEK, {"doctor": clinic.pk, "date": hostile}).status_code == 200
        assert client.get(WEEK, {"doctor": hostile, "date": "2026-11-23"}).status_code == 200
    assert "1990" in client.get(WEEK, {"doctor": clinic.pk, "date": "9999-12-31"}).content.decode()


# --- what is done with the seats that are ticked -------------------------------------------------------------------


def test_several_are_withdrawn_with_a_reason_and_offered_again(client, clinic):
    client.force_login(staff("Scheduler"))
    tuesday = next_monday() + timedelta(days=1)
    slots = list(AvailableSlot.objects.filter(date=tuesday)[:3])
    taken = AvailableSlot.objects.filter(status="booked").first()
    back = {"doctor": clinic.pk, "date": str(next_monday())}
    body = {**back, "slots": [slot.pk for slot in [*slots, taken]], "step": "withdraw", "note": "Ill"}
    answer = client.post(WEEK, body, follow=True)
    assert answer.redirect_chain[0][0].startswith(f"{WEEK}?doctor={clinic.pk}&date={next_monday()}")
    assert "3 now withdrawn." in said(answer)
    assert "This seat is booked" in said(answer)
    rows = AvailableSlot.objects.filter(pk__in=[slot.pk for slot in slots])
    assert {(slot.status, slot.by_hand, slot.note) for slot in rows} == {("withdrawn", True, "Ill")}
    answer = client.post(WEEK, body | {"slots": [slot.pk for slot in slots], "step": "reinstate"}, follow=True)
    assert "3 now available." in said(answer)
    assert {(slot.status, slot.note) for slot in rows.all()} == {("available", "")}


@pytest.mark.parametrize(
    "body",
    [
        {"step": "withdraw"},
        {"step": "withdraw", "slots": "x"},
        {"step": "withdraw", "slots": "\0", "date": "\0"},
        {"step": "withdraw", "slots": "01990000-0000-7000-8000-000000000000"},
        {"step": "no such step", "slots": "x"},
        {},
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing_and_says_so(client, clinic, body):
    client.force_login(staff("Scheduler"))
    before = list(AvailableSlot.objects.order_by("pk").values())
    for doctor in ({"doctor": clinic.pk}, {"doctor": "nobody"}, {"doctor": "\0"}, {}):
        assert said(client.post(WEEK, body | doctor, follow=True))
    assert list(AvailableSlot.objects.order_by("pk").values()) == before


def test_reception_withdraws_nothing_by_the_week_and_the_refusal_is_audited(client, clinic):
    client.force_login(staff("Reception"))
    slot = AvailableSlot.objects.filter(status="available").first()
    assert client.post(WEEK, {"doctor": clinic.pk, "slots": [slot.pk], "step": "withdraw"}).status_code == 403
    slot.refresh_from_db()
    assert slot.status == "available"
    assert AuditLog.objects.get(action="access.denied").details["path"] == WEEK


def test_the_list_withdraws_with_a_reason_and_says_when_it_is_too_much(client, clinic, monkeypatch):
    client.force_login(staff("Scheduler"))
    slots = list(AvailableSlot.objects.filter(status="available"))[:3]
    body = {"action": "withdraw_selected", "_selected_action": [slot.pk for slot in slots], "note": "Ill"}
    monkeypatch.setattr("scheduling.admin.slots.AT_ONCE", 2)
    answer = client.post("/admin/scheduling/availableslot/?day=all", body, follow=True)
    assert said(answer) == "Choose at most 2 slots at once."
    monkeypatch.undo()
    client.post("/admin/scheduling/availableslot/?day=all", body)
    assert {slot.note for slot in AvailableSlot.objects.filter(pk__in=[slot.pk for slot in slots])} == {"Ill"}


# --- adding a seat ---------------------------------------------------------------------------------------------------


def filled(doctor, **more) -> dict:
    VisitTypeFactory(code="consultation")
    VisitTypeFactory(code="long", duration_minutes=50)
    return {
        "slot_id": "01990000-0000-7000-8000-000000000000",
        "doctor": doctor.pk,
        "date": str(next_monday()),
        "time": "17:00",
        "visit_type": "long",
        "is_public": "on",
    } | more


def test_a_seat_is_added_once_with_the_length_of_its_visit_type_and_the_week_is_shown(client):
    client.force_login(staff("Scheduler"))
    doctor = DoctorFactory()
    form = client.get(ADD, {"doctor": doctor.pk, "date": str(next_monday())}).content.decode()
    assert f'value="{next_monday()}"' in form
    assert f'<option value="{doctor.pk}" selected' in form
    assert f"By the clock of {doctor.department.name}, Europe/Berlin." in form
    for _click in range(2):
        answer = client.post(ADD, filled(doctor))
        assert answer["Location"] == f"{WEEK}?doctor={doctor.pk}&date={next_monday()}#day-{next_monday()}"
    slot = AvailableSlot.objects.get()
    assert (slot.duration_minutes, slot.visit_type_id, slot.is_public) == (50, "long", True)
    assert (slot.department_id, slot.starts_at) == (doctor.department_id, at(next_monday(), "17:00"))
    again = client.post(ADD, filled(doctor, time="19:00"))  # back to the form, and another time
    assert "has added another seat before" in again.content.decode()
    key = re.search(r'name="slot_id" value="([^"]+)"', again.content.decode())[1]
    assert client.post(ADD, filled(doctor, time="19:00", slot_id=key)).status_code == 302
    assert AvailableSlot.objects.count() == 2


def test_overbooking_asks_for_a_reason_and_for_the_permission(client):
    user = staff("Scheduler")
    client.force_login(user)
    slot = SlotFactory(starts_at=at(next_monday(), "17:00"))
    body = filled(slot.doctor)
    assert "Or tick “Overbook” and say why." in client.post(ADD, body).content.decode()
    assert "Say why" in client.post(ADD, body | {"overbook": "on"}).content.decode()
    [group] = user.groups.all()
    right = Permission.objects.get(codename="overbook_availableslot")
    group.permissions.remove(right)
    text = client.post(ADD, body | {"overbook": "on", "note": "Emergency"}).content.decode()
    assert "has a slot at that time already" in text
    assert "Who may overbook: Administrator, Reception." in text
    assert AvailableSlot.objects.count() == 1
    group.permissions.add(right)
    assert client.post(ADD, body | {"overbook": "on", "note": "Emergency"}).status_code == 302
    assert AvailableSlot.objects.get(seat=2).note == "Emergency"


def test_refusals_stand_at_their_fields_and_what_was_typed_stays(client):
    client.force_login(staff("Scheduler"))
    doctor = DoctorFactory()
    yesterday = str(timezone.now().date() - timedelta(days=2))
    answer = client.post(ADD, filled(doctor, date=yesterday, note="For the ward"))
    assert "is in the past" in answer.context["form"].errors["time"][0]
    assert "For the ward" in answer.content.decode()
    for hostile in ("", "x", "9999-12-31", "0001-01-01"):
        assert client.post(ADD, filled(doctor, date=hostile)).status_code == 200
    for name in ("doctor", "department", "slot_id", "visit_type", "time", "duration_minutes"):
        for hostile in ("' OR 1=1", "\0", "x" * 5000):
            assert client.post(ADD, filled(doctor) | {name: hostile}).status_code in (200, 400)
        assert client.get(ADD, {name: "' OR 1=1"}).status_code == 200
    assert not AvailableSlot.objects.exists()


def test_reception_adds_no_seat_and_the_refusal_is_audited(client):
    client.force_login(staff("Reception"))
    doctor = DoctorFactory()
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, filled(doctor)).status_code == 403
    assert not AvailableSlot.objects.exists()
    assert AuditLog.objects.filter(action="access.denied", details__path=ADD).count() == 2


def test_the_week_is_linked_from_the_doctor_the_slot_and_the_list(client):
    client.force_login(staff("Scheduler"))
    slot = SlotFactory(is_public=False, note="For the ward", status="withdrawn", by_hand=True)
    doctor = client.get(reverse("admin:doctors_doctor_change", args=[slot.doctor_id])).content.decode()
    assert f"{WEEK}?doctor={slot.doctor_id}" in doctor
    page = client.get(reverse("admin:scheduling_availableslot_change", args=[slot.pk])).content.decode()
    assert f"{WEEK}?doctor={slot.doctor_id}&amp;date={slot.date}" in page
    assert "For the ward" in page
    listed = client.get("/admin/scheduling/availableslot/?day=all").content.decode()
    assert f'href="{WEEK}"' in listed
    assert "staff only, single seat, by hand, For the ward" in listed
