"""What the three ways of looking for free seats find: each filter has a case that it keeps and one that it drops."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    ScheduleFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    in_days,
)

pytestmark = pytest.mark.django_db

SLOTS, FIRST, CALENDAR = ("/api/v1/available-slots", "/api/v1/first-available", "/api/v1/available-slots/calendar")


def results(api, path, query=""):
    answer = api.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def ids(rows):
    return [row["id"] for row in rows]


def keys(*slots):
    return [str(slot.pk) for slot in slots]


def on_weekday(number, hour=9, minute=0, weeks=2):
    """An instant on that ISO weekday, some weeks ahead, at the hour in UTC."""
    moment = in_days(7 * weeks, hour, minute)
    return moment + timedelta(days=(number - moment.isoweekday()) % 7)


def all_three(api, query):
    """The seats that the search, the first of each doctor and the calendar show: the same ones."""
    searched = ids(results(api, SLOTS, f"page_size=200&{query}"))
    named = any(f"{name}=" in query for name in ("doctor", "department", "specialization"))
    whose = "" if named else "specialization=cardiology&"
    assert sorted(ids(results(api, FIRST, f"{whose}{query}&per_doctor=20"))) == sorted(searched)
    days = results(api, CALENDAR, f"{query}&per_day=20")
    assert sorted(seat for day in days for seat in ids(day["slots"])) == sorted(searched)
    assert [day["free"] for day in days] == [len(day["slots"]) for day in days]
    return searched


# --- filters -----------------------------------------------------------------------------------------------------


def test_several_doctors_and_several_visit_types(api):
    one, two, three = (
        SlotFactory(doctor__id=f"D-{n}", starts_at=in_days(10 + n), visit_type=kind)
        for n, kind in enumerate(["scan", "talk", "other"])
    )
    assert all_three(api, "doctor=D-2,D-0") == keys(one, three)
    assert all_three(api, "doctor=D-1") == keys(two)
    assert all_three(api, "visit_type=talk,scan") == keys(one, two)
    assert all_three(api, "doctor=D-0,D-1&visit_type=talk,other") == keys(two)
    for nothing in ("doctor=D-9", "visit_type=unknown", "doctor=D-0&visit_type=other,unknown"):
        assert all_three(api, nothing) == []


def test_a_weekday_is_that_of_the_site(api):
    """Sunday at noon UTC is Monday in Kiritimati."""
    monday = SlotFactory(doctor__department__time_zone="Pacific/Kiritimati", starts_at=on_weekday(7, 12))
    sunday = SlotFactory(doctor__department__time_zone="UTC", starts_at=on_weekday(7, 13))
    assert (monday.date.isoweekday(), sunday.date.isoweekday()) == (1, 7)
    assert all_three(api, "weekday=mo") == keys(monday)
    assert all_three(api, "weekday=su") == keys(sunday)
    assert all_three(api, "weekday=su,mo") == keys(monday, sunday)
    assert all_three(api, "weekday=tu,we,th,fr,sa") == []


def test_a_part_of_the_day_is_that_of_the_site_and_begins_on_the_hour(api):
    zone = {"doctor__department__time_zone": "Asia/Tokyo"}  # nine hours ahead, no clock change
    times = [(0, 0), (11, 59), (12, 0), (16, 59), (17, 0), (23, 59)]
    day = in_days(20, 15)  # midnight in Tokyo
    made = [SlotFactory(starts_at=day + timedelta(hours=hour, minutes=minute), **zone) for hour, minute in times]
    assert [(slot.time.hour, slot.time.minute) for slot in made] == times
    assert all_three(api, "part_of_day=morning") == keys(*made[:2])
    assert all_three(api, "part_of_day=afternoon") == keys(*made[2:4])
    assert all_three(api, "part_of_day=evening") == keys(*made[4:])
    assert all_three(api, "part_of_day=evening,morning") == keys(*made[:2], *made[4:])
    assert all_three(api, "part_of_day=afternoon&time_from=13:00") == keys(made[3])


def test_all_filters_of_the_search_work_in_all_three(api):
    eyes = DepartmentFactory(name="Eyes")
    doctor = DoctorFactory(department=eyes, specialization="Cardiology")
    kept = SlotFactory(doctor=doctor, starts_at=in_days(30), duration_minutes=45, visit_type="scan")
    SlotFactory(starts_at=in_days(31, 14), doctor__specialization="cardiology")
    for query in (
        *(
            "department=eyes",
            f"department={eyes.pk}",
            f"date={kept.date}",
            f"date_from={kept.date}&date_to={kept.date}",
        ),
        *(f"date_to={kept.date}", "time_to=12:00", "duration_minutes=45", "visit_type=scan"),
        f"doctor={doctor.pk}&department=Eyes",
    ):
        assert all_three(api, query) == keys(kept), query
    for query in (
        *("department=Ears", f"date={kept.date - timedelta(1)}", f"date_to={kept.date - timedelta(1)}"),
        *("time_to=00:01", "duration_minutes=44", f"doctor={doctor.pk}&department=Ears", "specialization=Ears"),
        f"date_from={kept.date + timedelta(9)}",
    ):
        assert all_three(api, query) == [], query


def test_a_date_far_ahead_is_found_in_all_three(api):
    slot = SlotFactory(starts_at=in_days(300))
    assert all_three(api, f"date={slot.date}") == keys(slot)
    assert all_three(api, f"date_from={slot.date}") == keys(slot)


# --- the first of each doctor ------------------------------------------------------------------------------------


def test_named_doctors_come_in_the_order_of_preference_each_with_the_first_seats(api):
    late, early = DoctorFactory(id="LATE"), DoctorFactory(id="EARLY")
    of_late = [SlotFactory(doctor=late, starts_at=in_days(20 + n)) for n in range(3)]
    of_early = [SlotFactory(doctor=early, starts_at=in_days(10 + n)) for n in range(3)]
    assert ids(results(api, FIRST, "doctor=LATE,EARLY")) == keys(of_late[0], of_early[0])
    assert ids(results(api, FIRST, "doctor=EARLY,NOBODY,LATE&per_doctor=2")) == keys(*of_early[:2], *of_late[:2])
    assert ids(results(api, FIRST, "doctor=LATE,EARLY&specialization=surgery")) == []
    booked(slot=of_late[0])
    assert ids(results(api, FIRST, "doctor=LATE,EARLY")) == keys(of_late[1], of_early[0])


def test_the_doctors_of_a_department_come_soonest_first(api):
    eyes = DepartmentFactory(name="Eyes")
    made = [SlotFactory(doctor=DoctorFactory(department=eyes), starts_at=in_days(30 - n)) for n in range(3)]
    SlotFactory(starts_at=in_days(2))
    assert ids(results(api, FIRST, "department=eyes")) == keys(*made[::-1])
    assert ids(results(api, FIRST, "department=eyes&specialization=cardiology")) == keys(*made[::-1])
    assert results(api, FIRST, "department=eyes&specialization=surgery") == []


def test_a_doctor_of_another_department_who_has_sessions_here_is_among_them(api):
    eyes, ears = DepartmentFactory(name="Eyes"), DepartmentFactory(name="Ears")
    guest = DoctorFactory(department=ears)
    schedule = ScheduleFactory(doctor=guest, department=eyes)
    here = SlotFactory(doctor=guest, department=eyes, schedule=schedule, starts_at=in_days(12))
    at_home = SlotFactory(doctor=guest, starts_at=in_days(11))
    assert ids(results(api, FIRST, "department=eyes")) == keys(here)
    assert ids(results(api, FIRST, "department=ears")) == keys(at_home)


def test_a_guest_with_a_single_seat_and_no_schedule_is_found_in_that_department(api):
    eyes, guest = DepartmentFactory(name="Eyes"), DoctorFactory(department=DepartmentFactory(name="Ears"))
    here = SlotFactory(doctor=guest, department=eyes, schedule=None)
    SlotFactory(doctor=DoctorFactory(), schedule=None)
    assert ids(results(api, FIRST, "department=eyes")) == ids(results(api, SLOTS, "department=eyes")) == keys(here)
    assert results(api, FIRST, "department=ears") == []


def test_of_many_doctors_the_50_soonest_are_shown(api):
    eyes = DepartmentFactory(name="Eyes")
    made = [SlotFactory(doctor=DoctorFactory(department=eyes), starts_at=in_days(5 + n)) for n in range(52)]
    assert ids(results(api, FIRST, "department=eyes")) == keys(*made[:50])


# --- the calendar ------------------------------------------------------------------------------------------------


def test_the_calendar_counts_the_free_seats_of_each_day_and_shows_the_first(api):
    doctor = DoctorFactory()
    first = [SlotFactory(doctor=doctor, starts_at=in_days(10, 8 + n)) for n in range(4)]
    later = SlotFactory(doctor=doctor, starts_at=in_days(12))
    booked(slot=first[0])
    days = results(api, CALENDAR, f"doctor={doctor.pk}&per_day=2")
    assert [(day["date"], day["time_zone"], day["free"]) for day in days] == [
        (f"{first[0].date}", "Europe/Berlin", 3),
        (f"{later.date}", "Europe/Berlin", 1),
    ]
    assert [ids(day["slots"]) for day in days] == [keys(*first[1:3]), keys(later)]
    assert [day["first_starts_at"] for day in days] == [day["slots"][0]["starts_at"] for day in days]
    assert set(results(api, CALENDAR)[0]) == {"date", "time_zone", "free", "first_starts_at"}


def test_one_date_in_two_time_zones_is_two_rows(api):
    east = SlotFactory(doctor__department__time_zone="Pacific/Kiritimati", starts_at=in_days(9, 12))
    west = SlotFactory(doctor__department__time_zone="Pacific/Pago_Pago", starts_at=in_days(10, 12))
    assert east.date == west.date
    days = results(api, CALENDAR, "per_day=1")
    assert [(day["date"], day["time_zone"], ids(day["slots"])) for day in days] == [
        (f"{east.date}", "Pacific/Kiritimati", keys(east)),
        (f"{west.date}", "Pacific/Pago_Pago", keys(west)),
    ]
    assert timezone.datetime.fromisoformat(days[0]["first_starts_at"]) == east.starts_at
    assert days[0]["first_starts_at"].startswith(f"{east.date}T")


def test_the_calendar_shows_three_months_unless_asked_and_100_days_at_most(api):
    near, far = SlotFactory(starts_at=in_days(80)), SlotFactory(starts_at=in_days(96))
    assert [day["date"] for day in results(api, CALENDAR)] == [f"{near.date}"]
    assert [day["date"] for day in results(api, CALENDAR, f"date_from={near.date}")] == [f"{near.date}", f"{far.date}"]
    begin = date(2030, 1, 1)
    for days, status in ((99, 200), (100, 400)):
        answer = api.get(f"{CALENDAR}?date_from={begin}&date_to={begin + timedelta(days)}")
        assert answer.status_code == status
    assert [error["field"] for error in answer.json()["errors"]] == ["date_to"]
    for edge in ("date_from=9999-12-31", "date=9999-12-31", "date=0001-01-01", "date_to=0001-01-01"):
        assert results(api, CALENDAR, edge) == []


# --- visit types -------------------------------------------------------------------------------------------------


def test_visit_types_are_those_offered_with_their_rules(api):
    scan = VisitTypeFactory(
        code="scan", name="A scan", duration_minutes=45, earliest_days=90, latest_minutes=60, instructions="Fast.",
        limit_per_patient=2, limit_per_doctor_day=4,
    )  # fmt: skip
    VisitTypeFactory(code="gone", is_active=False)
    VisitTypeFactory(code="inside", is_public=False)
    VisitTypeFactory(code="consultation")
    shown = results(api, "/api/v1/visit-types")
    assert [row["code"] for row in shown] == ["scan", "consultation"]
    row = api.get("/api/v1/visit-types/scan").json()
    assert row == shown[0]
    rules = ("name", "duration_minutes", "earliest_days", "latest_minutes", "instructions", "is_public")
    assert {name: row[name] for name in rules} == {name: getattr(scan, name) for name in rules}
    assert (row["limit_per_patient"], row["limit_per_doctor_day"]) == (2, 4)
    for code in ("gone", "inside", "unknown"):
        assert api.get(f"/api/v1/visit-types/{code}").status_code == 404


def test_visit_types_for_staff_only_are_shown_to_staff(api_of_staff):
    VisitTypeFactory(code="inside", is_public=False)
    VisitTypeFactory(code="gone", is_public=False, is_active=False)
    assert "inside" in [row["code"] for row in results(api_of_staff, "/api/v1/visit-types")]
    assert api_of_staff.get("/api/v1/visit-types/inside").status_code == 200
    assert api_of_staff.get("/api/v1/visit-types/gone").status_code == 404
