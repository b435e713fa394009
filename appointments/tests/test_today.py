"""The board of the day: what it shows of seats, visits, closures and holds, to whom, and when it says that nothing
has changed."""

from datetime import date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments import operations
from appointments.models import Appointment
from appointments.today.board import board_of, frame_of
from appointments.today.choosing import Choice
from appointments.today.rows import day_of
from booking_site.core.localtime import instant
from booking_site.core.scope import Scope
from booking_site.testing.factories import (
    TESTER,
    ClosureFactory,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    staff,
)
from patients.models import Patient
from scheduling import operations as scheduling_operations
from scheduling.models import AvailableSlot

pytestmark = pytest.mark.django_db
DATA = "/admin/today/data/"
EVERYTHING = Scope(everything=True)


def tomorrow(zone: str = "Europe/Berlin") -> date:
    return (timezone.now().astimezone(DepartmentFactory.build(time_zone=zone).tz) + timedelta(days=1)).date()


def seat(doctor, clock: str, day: date | None = None, **kwargs) -> AvailableSlot:
    moment = instant(datetime.combine(day or tomorrow(), time.fromisoformat(clock)), doctor.department.time_zone)
    return SlotFactory(doctor=doctor, starts_at=moment, **kwargs)


def asked(client, etag: str = "", **query):
    return client.get(DATA, {"date": str(tomorrow()), **query}, headers={"If-None-Match": etag} if etag else {})


def shown(answer) -> list[dict]:
    assert answer.status_code == 200, answer.content
    return [item for section in answer.json()["sections"] for item in section["items"]]


def kinds(answer) -> dict[str, str]:
    return {item["clock"]: item["kind"] for item in shown(answer)}


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Amara Sena", department=DepartmentFactory(name="Cardiology"))


@pytest.fixture
def reception(client):
    user = staff("Reception")
    client.force_login(user)
    return user


# --- what is shown -----------------------------------------------------------------------------------------------


def test_every_state_has_a_kind_of_its_own(client, reception, doctor):
    ways = {
        "08:00": [],
        "08:30": [operations.check_in],
        "09:00": [operations.check_in, operations.start],
        "09:30": [operations.check_in, operations.start, operations.complete],
        "10:00": [operations.mark_no_show],
        "10:30": [operations.cancel],
    }
    for clock, steps in ways.items():
        appointment = booked(slot=seat(doctor, clock))
        for step in steps:
            step(actor=TESTER, appointment_id=appointment.pk)
    seat(doctor, "11:00")
    scheduling_operations.hold(actor=TESTER, slot_id=seat(doctor, "11:30").pk)
    scheduling_operations.withdraw(actor=TESTER, slot_id=seat(doctor, "12:00").pk, note="Meeting")
    late = seat(doctor, "12:30", visit_type="video")
    late.visit_type.latest_minutes = 10_000
    late.visit_type.save()
    assert sorted((item["clock"], item["kind"]) for item in shown(asked(client, doctor=doctor.pk))) == [
        ("08:00", "booked"),
        ("08:30", "arrived"),
        ("09:00", "with_doctor"),
        ("09:30", "done"),
        ("10:00", "free"),  # ahead of its time: somebody else may come
        ("10:00", "no_show"),
        ("10:30", "free"),  # again: the cancelled visit is in the list only
        ("11:00", "free"),
        ("11:30", "held"),
        ("12:00", "withdrawn"),
        ("12:30", "shut"),
    ]
    html = asked(client, doctor=doctor.pk, view="list", show="cancelled").json()["pieces"]["list"]
    assert "Cancelled" in html
    assert "Free" not in html


def test_a_seat_of_the_past_that_nobody_took_is_said_to_be_not_booked(client, reception, doctor):
    begun = SlotFactory(doctor=doctor, starts_at=timezone.now() - timedelta(minutes=40))
    answer = asked(client, doctor=doctor.pk, date=str(begun.date))
    assert [item["kind"] for item in shown(answer)] == ["past"]


def test_the_seat_of_somebody_known_not_to_come_is_free_until_its_time(client, reception, doctor):
    ahead = booked(slot=seat(doctor, "09:00"))
    operations.mark_no_show(actor=TESTER, appointment_id=ahead.pk)
    answer = asked(client, doctor=doctor.pk)
    assert sorted(item["kind"] for item in shown(answer)) == ["free", "no_show"]
    assert "<b>1</b> seats free" in answer.json()["pieces"]["counts"]


def test_seats_that_are_alike_are_one_item_with_a_number(client, reception, doctor):
    for number in (1, 2, 3):
        seat(doctor, "09:00", seat=number)
    booked(slot=seat(doctor, "09:00", seat=4))
    free, taken = sorted(shown(asked(client, doctor=doctor.pk)), key=lambda item: item["kind"], reverse=True)
    assert (free["kind"], free["number"], free["word"], taken["kind"]) == ("free", 3, "Free: 3 seats", "booked")


def test_marks_tell_urgent_a_new_time_early_and_late(client, reception, doctor):
    moments = {"09:00": -25, "10:00": 12, "11:00": 2}
    for clock, minutes in moments.items():
        appointment = booked(slot=seat(doctor, clock), is_urgent=clock == "09:00")
        operations.check_in(actor=TESTER, appointment_id=appointment.pk)
        moment = appointment.starts_at + timedelta(minutes=minutes)
        Appointment.objects.filter(pk=appointment.pk).update(checked_in_at=moment)
    waiting = booked(slot=seat(doctor, "12:00"))
    Appointment.objects.filter(pk=waiting.pk).update(needs_new_time_since=timezone.now(), needs_new_time_because="x")
    assert {
        item["clock"]: [words for _kind, words in item["marks"]] for item in shown(asked(client, doctor=doctor.pk))
    } == {
        "09:00": ["urgent", "came 25 min early"],
        "10:00": ["came 12 min late"],
        "11:00": [],
        "12:00": ["needs a new time"],
    }


def test_closed_time_is_drawn_with_its_reason_and_its_seats_are_left_out(client, reception, doctor):
    withdrawn = seat(doctor, "10:00")
    scheduling_operations.withdraw(actor=TESTER, slot_id=withdrawn.pk)
    seat(doctor, "14:00")
    ClosureFactory(
        first_day=None,
        last_day=None,
        starts_at=instant(datetime.combine(tomorrow(), time(9)), "Europe/Berlin"),
        ends_at=instant(datetime.combine(tomorrow(), time(12)), "Europe/Berlin"),
        reason="Fire drill",
    )
    [section] = asked(client, doctor=doctor.pk).json()["sections"]
    assert section["columns"][0]["notes"] == ["Closed 09:00–12:00: Fire drill"]
    assert [item["clock"] for item in section["items"]] == ["14:00"]
    assert [(part["start"][11:16], part["end"][11:16]) for part in section["closed"]] == [("09:00", "12:00")]


def test_counts_and_the_queue_longest_first(client, reception, doctor):
    for clock, minutes in (("09:00", 10), ("10:00", 45), ("11:00", 20)):
        patient = PatientFactory(first_name=f"Waits{minutes}", last_name="")
        appointment = booked(slot=seat(doctor, clock), patient=patient)
        operations.check_in(actor=TESTER, appointment_id=appointment.pk)
        Appointment.objects.update(checked_in_at=timezone.now() - timedelta(minutes=minutes))
        Appointment.objects.filter(pk=appointment.pk).update(updated_at=timezone.now())
    for appointment in Appointment.objects.all():
        minutes = int(appointment.patient.first_name.removeprefix("Waits"))
        moment = timezone.now() - timedelta(minutes=minutes)
        Appointment.objects.filter(pk=appointment.pk).update(checked_in_at=moment)
    booked(slot=seat(doctor, "12:00"))
    pieces = asked(client, doctor=doctor.pk).json()["pieces"]
    queue = pieces["queue"]
    places = [queue.index(f"Waits{minutes}") for minutes in (45, 20, 10)]
    assert places == sorted(places)
    assert "waiting 45 min" in queue
    assert queue.count("is-long") == 1  # of 45 minutes, where 30 is the limit
    for words in ("<b>4</b> booked", "<b>1</b> still expected", "<b>3</b> arrived", "<b>3</b> waiting"):
        assert words in pieces["counts"]


@pytest.mark.parametrize(("limit", "long"), [(40, 1), (50, 0)])
def test_the_limit_of_a_long_wait_is_a_setting(client, reception, doctor, settings, limit, long):
    settings.WAITING_ALERT_MINUTES = limit
    appointment = booked(slot=seat(doctor, "09:00"))
    operations.check_in(actor=TESTER, appointment_id=appointment.pk)
    Appointment.objects.update(checked_in_at=timezone.now() - timedelta(minutes=45))
    assert asked(client, doctor=doctor.pk).json()["pieces"]["queue"].count("is-long") == long


def test_on_days_when_clocks_change_items_stand_at_their_wall_clock_and_last_as_long_as_they_do(doctor):
    spring, autumn = date(2027, 3, 28), date(2027, 10, 31)
    seat(doctor, "01:30", spring, duration_minutes=60)
    seat(doctor, "09:00", spring)
    first = seat(doctor, "02:30", autumn)
    SlotFactory(doctor=doctor, starts_at=first.starts_at + timedelta(minutes=60))  # 02:30 once more
    seat(doctor, "09:00", autumn)
    spans = {}
    for day in (spring, autumn):
        board = board_of(day_of(Choice(day=day, doctors=(doctor.pk,)), EVERYTHING), day, [], with_names=True)
        spans[day] = [(item["start"][11:16], item["end"][11:16], item["clock"]) for item in board.items]
        assert frame_of(board.sections[0], day)["last"] == "17:00"
    assert spans == {
        spring: [("01:30", "02:30", "01:30"), ("09:00", "09:30", "09:00")],
        autumn: [
            ("02:30", "03:00", "02:30 (+02:00)"),
            ("02:30", "03:00", "02:30 (+01:00)"),
            ("09:00", "09:30", "09:00"),
        ],
    }


def test_an_evening_that_ends_after_midnight_makes_the_grid_longer(doctor):
    seat(doctor, "23:30", duration_minutes=90)
    board = board_of(day_of(Choice(day=tomorrow(), doctors=(doctor.pk,)), EVERYTHING), tomorrow(), [], with_names=True)
    assert frame_of(board.sections[0], tomorrow()) == {"first": "08:00", "last": "25:00", "step": 30}


def test_each_zone_has_a_board_of_its_own(client, reception, doctor):
    azores = DoctorFactory(name="Dr Rui", department=DepartmentFactory(name="Coast", time_zone="Atlantic/Azores"))
    seat(doctor, "09:00")
    seat(azores, "09:00")
    sections = asked(client, doctor=[doctor.pk, azores.pk]).json()["sections"]
    assert [(section["zone"], [column["title"] for column in section["columns"]]) for section in sections] == [
        ("Atlantic/Azores", ["Dr Rui"]),
        ("Europe/Berlin", ["Dr Amara Sena"]),
    ]
    assert [item["start"][11:16] for section in sections for item in section["items"]] == ["09:00", "09:00"]


def test_a_department_shows_its_guests_too_and_of_nobody_what_lies_elsewhere(client, reception, doctor):
    guest = DoctorFactory(name="Dr Guest")
    seat(doctor, "09:00")
    seat(doctor, "10:00", department=guest.department)
    seat(guest, "11:00", department=doctor.department)
    booked(slot=seat(guest, "12:00", department=doctor.department))
    scheduling_operations.withdraw(actor=TESTER, slot_id=seat(guest, "13:00", department=doctor.department).pk)
    answer = asked(client, department=str(doctor.department_id))
    assert kinds(answer) == {"09:00": "free", "11:00": "free", "12:00": "booked", "13:00": "withdrawn"}
    [section] = answer.json()["sections"]
    assert [column["title"] for column in section["columns"]] == ["Dr Amara Sena", "Dr Guest"]


# --- who sees what -----------------------------------------------------------------------------------------------


def test_a_department_of_others_is_not_to_be_seen_nor_chosen(client, doctor):
    other = DoctorFactory(department=DepartmentFactory(name="Neurology"))
    mine, theirs = booked(slot=seat(doctor, "09:00")), booked(slot=seat(other, "09:00"))
    client.force_login(staff("Reception", doctor.department))
    assert len(shown(asked(client, doctor=doctor.pk))) == 1
    assert shown(asked(client, doctor=other.pk)) == []
    assert shown(asked(client, department=str(other.department_id))) == []
    assert client.get(f"/admin/today/panel/{mine.pk}/").status_code == 200
    assert client.get(f"/admin/today/panel/{theirs.pk}/").status_code == 404
    page = client.get("/admin/", {"department": str(other.department_id)}).content.decode()
    assert "it is none of yours" in page
    assert "Neurology" not in page
    sheet = client.get("/admin/today/sheet/", {"doctor": other.pk, "date": str(tomorrow())}).content.decode()
    assert "they are none of yours" in sheet
    assert theirs.patient.last_name not in sheet


def test_a_clinician_sees_their_own_column_with_names_at_once(client, doctor):
    colleague = DoctorFactory(department=doctor.department)
    appointment = booked(slot=seat(doctor, "09:00"), patient=PatientFactory(last_name="Byron"))
    booked(slot=seat(colleague, "09:00"))
    client.force_login(staff("Clinician", doctor=doctor))
    page = client.get("/admin/", {"date": str(tomorrow())})
    assert page.context["today"]["choice"].doctors == (doctor.pk,)
    assert "Byron" in page.content.decode()
    assert {item["id"] for item in shown(asked(client, doctor=[doctor.pk, colleague.pk]))} == {str(appointment.pk)}


def test_without_the_permission_for_patients_there_are_no_names(client, doctor):
    user = staff("Reception")
    [group] = user.groups.all()
    group.permissions.remove(Permission.objects.get(codename="view_patient"))
    client.force_login(user)
    patient = PatientFactory(first_name="Augusta", last_name="Byron", phone="+44 20 7946 0000")
    appointment = booked(slot=seat(doctor, "09:00"), patient=patient)
    operations.check_in(actor=TESTER, appointment_id=appointment.pk)
    query = {"date": str(tomorrow()), "doctor": doctor.pk}
    pages = [
        client.get(address, query | more).content.decode()
        for address in ("/admin/", "/admin/today/sheet/", DATA)
        for more in ({}, {"view": "list"})
    ]
    pages += [client.get(f"/admin/today/panel/{appointment.pk}/").content.decode()]
    for number, page in enumerate(pages):
        assert "Byron" not in page, number
        assert "Augusta" not in page, number
        assert "7946" not in page, number
    [item] = shown(asked(client, doctor=doctor.pk))
    assert (item["who"], item["word"]) == ("", "Arrived")


def test_who_may_not_see_appointments_gets_the_list_of_pages(client, doctor):
    booked(slot=seat(doctor, "09:00"))
    client.force_login(staff("Auditor"))
    page = client.get("/admin/")
    assert page.status_code == 200
    assert "today" not in page.context
    assert "Audit log" in page.content.decode()
    for address in (DATA, "/admin/today/sheet/", f"/admin/today/panel/{Appointment.objects.get().pk}/"):
        assert client.get(address, {"date": str(tomorrow())}).status_code == 403
    assert client.post("/admin/today/move/").status_code == 403


# --- what is chosen ----------------------------------------------------------------------------------------------


def test_the_choice_is_remembered_and_the_day_is_always_today_at_first(client, reception, doctor):
    other = DoctorFactory(department=DepartmentFactory(name="Acute care"))
    assert client.get("/admin/").context["today"]["choice"].department == other.department_id
    client.get("/admin/", {"department": str(doctor.department_id), "view": "list", "date": "2027-01-05"})
    choice = client.get("/admin/").context["today"]["choice"]
    today = timezone.now().astimezone(doctor.department.tz).date()
    assert (choice.department, choice.view, choice.day) == (doctor.department_id, "list", today)
    client.get("/admin/", {"doctor": [doctor.pk, other.pk]})
    assert client.get("/admin/").context["today"]["choice"].doctors == (doctor.pk, other.pk)


def test_the_first_department_that_is_at_work_comes_first_of_all(client, reception, doctor):
    DoctorFactory(department=DepartmentFactory(name="Acute care"))
    booked(slot=SlotFactory(doctor=doctor, starts_at=timezone.now() + timedelta(hours=2)))
    assert client.get("/admin/").context["today"]["choice"].department == doctor.department_id


def test_a_department_chosen_while_doctors_are_still_ticked_is_shown(client, reception, doctor):
    def chosen(**query):
        choice = client.get("/admin/", query).context["today"]["choice"]
        return choice.department, choice.doctors

    other = DoctorFactory(department=DepartmentFactory(name="Acute care"))
    assert chosen(doctor=[doctor.pk]) == (None, (doctor.pk,))
    assert chosen(doctor=[doctor.pk], department=str(other.department_id)) == (other.department_id, ())
    assert chosen(doctor=[doctor.pk], department=str(other.department_id)) == (None, (doctor.pk,))  # ticked anew


BAD = [
    *("date=nonsense", "date=0001-01-01", "date=9999-12-31", "date=2026-02-30", "date=%F0%9F%98%80"),
    *("department=nonsense", "department=00000000-0000-0000-0000-000000000000", "view=x", "by=x", "show=x"),
    *("doctor=nobody", "doctor=%ED%A0%80", "doctor=" + "x" * 5000, "&".join(f"doctor=D{n}" for n in range(100))),
]


@pytest.mark.parametrize("query", BAD)
def test_a_bad_question_is_answered_beside_its_field_or_with_400(client, reception, doctor, query):
    for page in ("/admin/", "/admin/today/sheet/"):
        answer = client.get(f"{page}?{query}")
        assert answer.status_code == 200, page
        assert client.get(page).status_code == 200
    data = client.get(f"{DATA}?{query}" + ("" if "date" in query else f"&date={tomorrow()}"))
    if query.startswith(("doctor=nobody", "doctor=%", "doctor=xx", "department=0")):  # nothing is looked up: no rows
        assert (data.status_code, shown(data)) == (200, [])
    else:
        assert data.status_code == 400
        assert data.json()["code"] == "invalid"
    assert client.get(f"{DATA}?date=%00").status_code == 400


# --- nothing has changed -------------------------------------------------------------------------------------------


def change_appointment(doctor):
    operations.check_in(actor=TESTER, appointment_id=Appointment.objects.get().pk)


def rename_patient(doctor):
    patient = Patient.objects.get()
    patient.last_name = "Hopper"
    patient.save()


def end_hold(doctor):
    """As time does: nothing is written, the moment comes."""
    AvailableSlot.objects.filter(status="held").update(held_until=timezone.now() - timedelta(seconds=1))


CHANGES = {
    "a step": change_appointment,
    "a name": rename_patient,
    "a hold that ends": end_hold,
    "a new seat": lambda doctor: seat(doctor, "15:00"),
    "a booking": lambda doctor: booked(slot=AvailableSlot.objects.filter(status="available").first()),
    "a closure": lambda doctor: ClosureFactory(first_day=tomorrow(), doctor=doctor),
    "a visit type": lambda doctor: AvailableSlot.objects.first().visit_type.__class__.objects.update(
        latest_minutes=40_000
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", ["doctor", "department"])
def test_an_unchanged_day_is_304_until_something_changes(client, reception, doctor, change, way):
    booked(slot=seat(doctor, "09:00"))
    seat(doctor, "10:00")
    scheduling_operations.hold(actor=TESTER, slot_id=seat(doctor, "11:00").pk)
    query = {"doctor": doctor.pk} if way == "doctor" else {"department": str(doctor.department_id)}
    first = asked(client, **query)
    etag = first["ETag"]
    again = asked(client, etag, **query)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    CHANGES[change](doctor)
    after = asked(client, etag, **query)
    assert after.status_code == 200
    assert after["ETag"] != etag


def test_what_happens_elsewhere_changes_nothing(client, reception, doctor):
    booked(slot=seat(doctor, "09:00"))
    etag = asked(client, doctor=doctor.pk)["ETag"]
    booked(slot=seat(DoctorFactory(), "09:00"))
    booked(slot=seat(doctor, "09:00", tomorrow() + timedelta(days=1)))
    assert asked(client, etag, doctor=doctor.pk).status_code == 304


def test_two_changes_of_which_the_earlier_is_written_last_are_both_seen(client, reception, doctor):
    """The latest moment of all alone would not tell: this is what two transactions at once leave behind."""
    first, second = booked(slot=seat(doctor, "09:00")), booked(slot=seat(doctor, "10:00"))
    now = timezone.now()
    Appointment.objects.filter(pk=second.pk).update(updated_at=now)
    etag = asked(client, doctor=doctor.pk)["ETag"]
    Appointment.objects.filter(pk=first.pk).update(updated_at=now - timedelta(milliseconds=5))
    assert asked(client, etag, doctor=doctor.pk).status_code == 200


def test_the_tag_depends_on_what_the_person_may_do(client, reception, doctor):
    booked(slot=seat(doctor, "09:00"))
    etag = asked(client, doctor=doctor.pk)["ETag"]
    [group] = reception.groups.all()
    group.permissions.remove(Permission.objects.get(codename="view_patient"))
    assert asked(client, etag, doctor=doctor.pk).status_code == 200


def counted(client, doctors: int) -> dict[str, int]:
    department = DepartmentFactory()
    for number in range(doctors):
        doctor = DoctorFactory(department=department)
        appointment = booked(slot=seat(doctor, "09:00"))
        if number % 2 == 0:
            operations.check_in(actor=TESTER, appointment_id=appointment.pk)
        seat(doctor, "10:00")
    query = {"department": str(department.pk), "date": str(tomorrow())}
    etag = client.get(DATA, query)["ETag"]
    taken = {}
    for name, address, more, headers in (
        ("page", "/admin/", {}, {}),
        ("list", "/admin/", {"view": "list"}, {}),
        ("data", DATA, {}, {}),
        ("unchanged", DATA, {}, {"If-None-Match": etag}),
        ("sheet", "/admin/today/sheet/", {}, {}),
    ):
        for _time in range(2):  # at the first, the choice is remembered
            with CaptureQueriesContext(connection) as queries:
                client.get(address, query | more, headers=headers)
        taken[name] = len(queries)
    return taken


def test_1_and_20_doctors_take_the_same_queries(client, reception):
    few, many = counted(client, 1), counted(client, 20)
    assert few == many
    assert many["page"] <= 12, many
    assert many["data"] <= 12
    assert many["unchanged"] <= 8
