"""The Scheduler's pages of closures and public holidays, and the visit types."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from booking_site.core.operations import version_of
from booking_site.testing.factories import (
    TESTER,
    ClosureFactory,
    DepartmentFactory,
    DoctorFactory,
    ScheduleFactory,
    VisitTypeFactory,
    booked,
    in_days,
    staff,
)
from scheduling import planning, public_holidays
from scheduling.models import AvailableSlot, Closure, Schedule, VisitType

ADD = "/admin/scheduling/closure/add/"
LIST = "/admin/scheduling/closure/"
CLOCK = "/admin/scheduling/closure/clock/"
HOLIDAYS = "/admin/scheduling/closure/holidays/"
KEY = "00000000-0000-7000-8000-0000000000bb"
DAY = in_days(7).date()
NEXT_YEAR = timezone.now().year + 1
pytestmark = pytest.mark.django_db


def page(name: str, closure: Closure) -> str:
    return reverse(f"admin:scheduling_closure_{name}", args=[closure.pk])


def typed(**more) -> dict:
    return {
        "department": "", "doctor": "", "kind": "days", "first_day": f"{DAY}", "last_day": "", "starts_at": "",
        "ends_at": "", "reason": "Building works", **more,
    }  # fmt: skip


def moments(first: str, last: str, **more) -> dict:
    return typed(kind="moments", first_day="", starts_at=first, ends_at=last, **more)


def errors(answer) -> dict:
    assert answer.status_code == 200, answer
    return {name: list(texts) for name, texts in answer.context["form"].errors.items()}


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def counts(answer) -> list[str]:
    assert answer.templates[0].name == "console/plan_preview.html", errors(answer)
    return answer.context["counts"]


def do(client, url: str, form: dict) -> list[str]:
    answer = client.post(url, form | {"confirmed": "Do it"}, follow=True)
    assert answer.redirect_chain, errors(answer)
    return said(answer)


def running(**kwargs) -> Schedule:
    """A schedule of every day from nine to twelve, with its slots."""
    schedule = ScheduleFactory.build(doctor=DoctorFactory(**kwargs), recurrence="FREQ=DAILY")
    schedule.visit_type = VisitTypeFactory(code="consultation")
    planning.save_schedule(actor=TESTER, schedule=schedule)
    return schedule


def free(schedule: Schedule, day: date = DAY) -> list[str]:
    found = schedule.slots.filter(date=day, status="available").order_by("time")
    return [f"{slot.time:%H:%M}" for slot in found]


ALL = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]


def test_a_closure_is_shown_then_made_then_changed_then_lifted_then_renewed(scheduler):
    schedule = running()
    other = running()
    appointment = booked(slot=schedule.slots.get(date=DAY, time="10:00"))
    form = typed(doctor=schedule.doctor_id, last_day=f"{DAY + timedelta(days=1)}", key=KEY)
    shown = scheduler.post(ADD, form)
    assert counts(shown) == ["0 slots added", "11 free slots withdrawn", "1 appointment needs a new time"]
    assert str(appointment.patient) in shown.content.decode()
    assert not Closure.objects.exists()
    assert do(scheduler, ADD, form) == [
        f"Closed: Building works, {DAY:%a} {DAY.day} {DAY:%b %Y} – "
        f"{DAY + timedelta(1):%a} {(DAY + timedelta(1)).day} {DAY + timedelta(1):%b %Y}, {schedule.doctor.name}. "
        "0 slots added, 11 free slots withdrawn, 1 appointment needs a new time. "
        '<a href="/admin/appointments/appointment/worklist/">Find new times</a>'
    ]
    assert do(scheduler, ADD, form) == ["This has been added already."]
    closure = Closure.objects.get()
    assert (free(schedule), free(other)) == ([], ALL)

    moved = typed(doctor=schedule.doctor_id, first_day=f"{DAY + timedelta(days=1)}", version=version_of(closure))
    shown = scheduler.post(page("change", closure), moved)
    assert counts(shown) == [
        "5 slots added", "0 free slots withdrawn", "0 appointments need a new time",
        "1 appointment needs a new time no longer",
    ]  # fmt: skip
    do(scheduler, page("change", closure), moved)
    assert free(schedule) == [time for time in ALL if time != "10:00"]
    appointment.refresh_from_db()
    assert appointment.needs_new_time_since is None

    closure.refresh_from_db()
    for step, on in (("lift", False), ("renew", True)):
        assert counts(scheduler.post(page(step, closure), {"version": version_of(closure)}))
        do(scheduler, page(step, closure), {"version": version_of(closure)})
        closure.refresh_from_db()
        assert closure.is_active is on
        assert free(schedule, DAY + timedelta(days=1)) == ([] if on else ALL)
    rows = AuditLog.objects.filter(object_type="closure", object_id=closure.pk).order_by("timestamp", "id")
    assert [row.action for row in rows] == [
        *("closure.created", "slots.planned", "closure.updated", "slots.planned", "closure.updated", "slots.planned"),
        *("closure.updated", "slots.planned"),
    ]
    assert rows[1].details["new"] == {"added": 0, "withdrawn": 11, "affected": 1, "restored": 0}


@pytest.mark.parametrize(
    ("scope", "zone"), [("department", "America/Lima"), ("doctor", "America/Lima"), ("", settings.TIME_ZONE)]
)
def test_moments_are_read_by_the_clock_of_what_is_closed(scheduler, scope, zone):
    schedule = running(department=DepartmentFactory(time_zone="America/Lima"))
    chosen = {scope: schedule.department_id if scope == "department" else schedule.doctor_id} if scope else {}
    form = moments(f"{DAY}T09:30", f"{DAY}T10:30", **chosen)
    assert zone in scheduler.post(ADD, form).content.decode()
    assert zone in scheduler.get(CLOCK, form).content.decode()
    do(scheduler, ADD, form)
    closure = Closure.objects.get()
    assert closure.starts_at == datetime.combine(DAY, datetime.min.time(), ZoneInfo(zone)).replace(hour=9, minute=30)
    if scope:
        assert free(schedule) == ["09:00", "10:30", "11:00", "11:30"]
    shown = scheduler.get(page("change", closure)).content.decode()
    assert f'value="{DAY}T09:30"' in shown
    assert zone in shown


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        (typed(department="D", doctor="T"), "doctor", "not both"),
        (typed(last_day=f"{DAY - timedelta(days=1)}"), "last_day", "A closure ends after it begins."),
        (typed(first_day=""), "first_day", "required"),
        (typed(first_day="2026-13-01"), "first_day", "valid date"),
        (typed(first_day="2020-01-01", last_day="2020-01-02"), "last_day", "This closure is over already."),
        (typed(last_day="9999-12-31"), "last_day", "less than or equal to"),
        (typed(reason=" "), "reason", "required"),
        (typed(kind="for ever"), "kind", "valid choice"),
        (typed(doctor="nobody"), "doctor", "Choose one from the list."),
        (moments(f"{DAY}T10:00", f"{DAY}T09:00"), "ends_at", "A closure ends after it begins."),
        (moments(f"{DAY}T10:00", ""), "ends_at", "required"),
        (moments("2020-01-01T10:00", "2020-01-01T11:00"), "ends_at", "This closure is over already."),
        (moments(f"{DAY}T10:00+02:00", f"{DAY}T11:00"), "starts_at", "Enter a date and a time."),
        (moments(f"{DAY}", f"{DAY}T11:00"), "starts_at", "Enter a date and a time."),
        (moments("0001-01-01T00:00", f"{DAY}T11:00"), "starts_at", "Choose a time up to"),
    ],
)
def test_an_error_is_shown_at_its_field_and_nowhere_else(scheduler, wrong, field, message):
    if wrong["doctor"] == "T":
        wrong = wrong | {"doctor": DoctorFactory().pk, "department": DepartmentFactory().pk}
    for sent in ({}, {"confirmed": "Do it"}):
        found = errors(scheduler.post(ADD, wrong | sent))
        assert set(found) == {field}
        assert message in found[field][0]
    assert not Closure.objects.exists()


def test_a_time_that_the_clock_skips_is_refused(scheduler):
    berlin = DoctorFactory(department=DepartmentFactory(time_zone="Europe/Berlin"))
    march = next(
        day for n in range(1, 367) if (day := timezone.now().date() + timedelta(n)).month == 3 and day.day > 24
        and day.weekday() == 6
    )  # fmt: skip
    found = errors(scheduler.post(ADD, moments(f"{march}T02:30", f"{march}T05:00", doctor=berlin.pk)))
    assert found == {
        "starts_at": ["Clocks in Europe/Berlin skip this time on that day. Choose an earlier or a later one."]
    }
    assert counts(scheduler.post(ADD, moments(f"{march}T02:30", f"{march}T05:00")))


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_audited_and_a_stale_form_overwrites_nothing(scheduler):
    closure = ClosureFactory()
    form = typed(reason="Mine", version=version_of(closure))
    closure.reason = "Theirs"
    closure.save()
    for sent in ({}, {"confirmed": "Do it"}):
        assert (
            "Somebody else has changed this meanwhile"
            in errors(scheduler.post(page("change", closure), form | sent))["__all__"][0]
        )
    closure.refresh_from_db()
    assert closure.reason == "Theirs"
    refused = AuditLog.objects.get(status="failure")
    assert (refused.action, refused.user_name, refused.details["code"]) == ("closure.changed", "scheduler", "stale")


@pytest.mark.parametrize("name", ["department", "doctor", "kind", "first_day", "reason", "key"])
@pytest.mark.parametrize("text", ["\x00", "'\"><script>", "9" * 400, "𝕏‮"])
def test_no_text_breaks_the_form(scheduler, name, text):
    answer = scheduler.post(ADD, typed() | {name: text})
    assert answer.status_code in (200, 400)
    assert "<script>" not in answer.content.decode().split("<form", 2)[-1].split("</form>")[0]


def test_readers_see_closures_and_change_none(client):
    closure = ClosureFactory()
    client.force_login(staff("Reception"))
    text = client.get(page("change", closure)).content.decode()
    assert "Feast of the city" in text
    assert "step_form" not in text
    for url in (ADD, HOLIDAYS, CLOCK, page("lift", closure), page("renew", closure)):
        assert client.post(url).status_code == 403
    assert AuditLog.objects.filter(action="access.denied").count() == 5


def test_the_list_tells_what_is_to_come_from_what_is_past(scheduler):
    day, hour = (
        ClosureFactory(),
        ClosureFactory(first_day=None, last_day=None, starts_at=in_days(3), ends_at=in_days(4)),
    )
    past = ClosureFactory(first_day=date(2020, 1, 1))

    def listed(query: str) -> set:
        return {row.pk for row in scheduler.get(f"{LIST}?{query}").context["cl"].result_list}

    assert listed("") == {day.pk, hour.pk, past.pk}
    assert listed("when=coming") == {day.pk, hour.pk}
    assert listed("when=past") == {past.pk}


# --- public holidays -----------------------------------------------------------------------------------------------


def chosen(answer) -> list[str]:
    return re.findall(r'name="days" value="([\d-]+)"[^>]* checked', answer.content.decode())


def test_public_holidays_are_loaded_once(scheduler):
    schedule = running()
    url = f"{HOLIDAYS}?country=BR&region=ES&year={NEXT_YEAR}"
    shown = scheduler.get(url)
    text = shown.content.decode()
    assert "Espírito Santo (ES)" in text
    assert "Hospitals also close on days that no list knows" in text
    assert f'href="{ADD}"' in text
    days = chosen(shown)
    assert f"{NEXT_YEAR}-12-25" in days
    assert f"{NEXT_YEAR}-12-24" not in days
    assert f'value="{NEXT_YEAR}-12-24"' in text
    assert re.search(rf"24 Dec {NEXT_YEAR}: [^<]+<span class=\"note\">\(optional\)", text)
    first = f"{NEXT_YEAR}-01-01"
    at_stake = schedule.slots.filter(date=first).count()
    assert counts(scheduler.post(url, {"days": [first, f"{NEXT_YEAR}-12-25"]}))[1] == f"{at_stake} free slots withdrawn"
    told = do(scheduler, url, {"days": [first, f"{NEXT_YEAR}-12-25"]})
    assert told[0].startswith("Public holidays loaded: 2.")
    assert set(Closure.objects.values_list("source", "first_day", "last_day")) == {
        ("holidays:BR-ES", date(NEXT_YEAR, 1, 1), date(NEXT_YEAR, 1, 1)),
        ("holidays:BR-ES", date(NEXT_YEAR, 12, 25), date(NEXT_YEAR, 12, 25)),
    }
    again = scheduler.get(url)
    assert set(days) - set(chosen(again)) == {first, f"{NEXT_YEAR}-12-25"}
    assert "loaded already" in again.content.decode()
    assert "past or loaded already" in errors(scheduler.post(url, {"days": [first], "confirmed": "Do it"}))["days"][0]
    assert errors(scheduler.post(url, {})) == {"days": ["Choose at least one day."]}

    department = f"{url}&department={schedule.department_id}"
    other = f"{url}&department={DepartmentFactory().pk}"
    for place in (department, other):
        do(scheduler, place, {"days": [first]})
    assert Closure.objects.filter(first_day=first).values("source").distinct().count() == 3


def test_what_was_loaded_and_lifted_can_be_put_in_force_again(scheduler):
    closure = ClosureFactory(first_day=date(NEXT_YEAR, 12, 25), source="holidays:BR-ES", is_active=False)
    text = scheduler.get(f"{HOLIDAYS}?country=BR&region=ES&year={NEXT_YEAR}").content.decode()
    assert "loaded before, and lifted" in text
    assert page("renew", closure) in scheduler.get(page("change", closure)).content.decode()


def test_days_that_are_past_cannot_be_chosen(scheduler):
    year = timezone.now().year
    text = scheduler.get(f"{HOLIDAYS}?country=BR&region=ES&year={year}").content.decode()
    boxes = dict(re.findall(r'name="days" value="([\d-]+)"([^>]*)>', text))
    assert {day for day, box in boxes.items() if "disabled" in box} == {
        day for day in boxes if day < f"{timezone.now().date()}"
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("country=XX&region=&year=2027", "country"), ("country=BR&region=QQ&year=2027", "region"),
        ("country=FR&region=ES&year=2027", "region"), ("country=BR&region=ES&year=1066", "year"),
        ("country=BR&region=ES&year=x", "year"), ("country=BR&year=", "year"), ("region=ES&year=2027", "country"),
        ("country=BR&year=2027&department=nonsense", "department"),
    ],
)  # fmt: skip
def test_an_unknown_place_or_year_is_an_error_of_its_field(scheduler, query, field):
    answer = scheduler.get(f"{HOLIDAYS}?{query.replace('2027', str(NEXT_YEAR))}")
    assert set(answer.context["place"].errors) == {field}
    assert answer.content.decode().count('class="errorlist"') == 1


def test_every_country_and_region_of_the_library_can_be_listed_and_its_source_fits():
    longest = Closure._meta.get_field("source").max_length
    department = DepartmentFactory.build()
    assert len(public_holidays.countries()) > 200
    for country in public_holidays.countries():
        for region in public_holidays.regions(country):
            assert len(public_holidays.source_of(country, region, department)) <= longest, (country, region)
    for country in ("BR", "DE", "ES", "GB", "IN", "JP", "US"):
        for region in ("", *public_holidays.regions(country)):
            days = public_holidays.days(country, region, NEXT_YEAR)
            assert len({holiday.day for holiday in days}) == len(days) > 0


# --- visit types ---------------------------------------------------------------------------------------------------


def test_an_administrator_adds_and_changes_visit_types_but_never_their_codes(client):
    client.force_login(staff("Administrator"))
    form = {"code": "ct_scan", "name": "CT scan", "duration_minutes": "20", "latest_minutes": "0", "is_active": "on"}
    assert client.post("/admin/scheduling/visittype/add/", form).status_code == 302
    kind = VisitType.objects.get(code="ct_scan")
    url = f"/admin/scheduling/visittype/{kind.pk}/change/"
    assert client.post(url, form | {"code": "other", "duration_minutes": "25"}).status_code == 302
    kind.refresh_from_db()
    assert kind.duration_minutes == 25
    assert not VisitType.objects.filter(code="other").exists()
    rows = AuditLog.objects.filter(object_type="visittype").order_by("timestamp")
    assert [row.action for row in rows] == ["visittype.created", "visittype.updated"]
    wrong = client.post("/admin/scheduling/visittype/add/", form | {"code": "CT scan"})
    assert "Small letters, digits and _ - only." in wrong.content.decode()


def test_slots_stay_as_they_are_when_a_closure_is_only_shown(scheduler):
    schedule = running()
    before = list(AvailableSlot.objects.order_by("pk").values())
    scheduler.post(ADD, typed(department=schedule.department_id))
    assert list(AvailableSlot.objects.order_by("pk").values()) == before
