"""The Scheduler's pages of schedules: what a change does is shown first, then done."""

import re
from datetime import date, timedelta

import pytest
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AuditLog
from booking_site.core.operations import version_of
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    ScheduleFactory,
    VisitTypeFactory,
    booked,
    in_days,
    staff,
)
from scheduling import planning
from scheduling.models import AvailableSlot, Schedule

ADD = "/admin/scheduling/schedule/add/"
DATES = "/admin/scheduling/schedule/dates/"
KEY = "00000000-0000-7000-8000-0000000000aa"
MONDAY = in_days(7).date() - timedelta(days=in_days(7).weekday()) + timedelta(days=7)
pytestmark = pytest.mark.django_db


def page(name: str, schedule: Schedule) -> str:
    return reverse(f"admin:scheduling_schedule_{name}", args=[schedule.pk])


def typed(**more) -> dict:
    """A form for Mondays and Thursdays from nine to ten, half an hour each: four slots a week."""
    form = {
        "name": "Clinic", "kind": "weekly", "every": "1", "position": "1", "weekdays": ["MO", "TH"], "rule": "",
        "starts_on": f"{MONDAY}", "ends_on": f"{MONDAY + timedelta(days=13)}", "start_time": "09:00",
        "end_time": "10:00", "visit_type": "consultation", "slot_minutes": "30", "buffer_minutes": "0", "seats": "1",
        "room": "", "is_public": "on", **more,
    }  # fmt: skip
    return {name: value for name, value in form.items() if value is not None}


def of(schedule: Schedule, **more) -> dict:
    """The form of a schedule as it is shown."""
    return typed(
        name=schedule.name, weekdays=["MO", "TU", "WE", "TH", "FR"], starts_on=f"{schedule.starts_on}", ends_on="",
        end_time="12:00", is_active="on", version=version_of(schedule),
    ) | more  # fmt: skip


def errors(answer) -> dict:
    assert answer.status_code == 200, answer
    return {name: list(texts) for name, texts in answer.context["form"].errors.items()}


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def counts(answer) -> list[str]:
    assert answer.templates[0].name == "console/plan_preview.html", errors(answer)
    return answer.context["counts"]


def running(**kwargs) -> Schedule:
    """A schedule with its slots."""
    schedule = ScheduleFactory.build(doctor=kwargs.pop("doctor", None) or DoctorFactory(), **kwargs)
    schedule.visit_type = VisitTypeFactory(code="consultation")
    schedule.full_clean(exclude=["recurrence"])
    planning.save_schedule(actor=TESTER, schedule=schedule)
    return schedule


# --- adding ------------------------------------------------------------------------------------------------------


def test_what_a_new_schedule_does_is_shown_then_done_once(scheduler):
    doctor = DoctorFactory(name="Dr Sena")
    form = typed(doctor=doctor.pk, key=KEY)
    shown = scheduler.post(ADD, form)
    assert counts(shown) == ["8 slots added", "0 free slots withdrawn", "0 appointments need a new time"]
    text = shown.content.decode()
    assert "every Monday and Thursday" in text
    assert f"{MONDAY:%a} {MONDAY.day} {MONDAY:%b %Y}, 09:00 to 10:00 Europe/Berlin" in text
    assert not Schedule.objects.exists()
    assert not AvailableSlot.objects.exists()

    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    weekdays = re.findall(r'name="weekdays" value="(\w+)"', text)
    answer = scheduler.post(ADD, sent | {"weekdays": weekdays, "confirmed": "Do it"}, follow=True)
    assert said(answer) == [
        "Saved: Clinic, Dr Sena. 8 slots added, 0 free slots withdrawn, 0 appointments need a new time."
    ]
    schedule = Schedule.objects.get()
    assert answer.redirect_chain == [(page("change", schedule), 302)]
    assert (schedule.department, schedule.recurrence, schedule.slot_minutes) == (
        doctor.department, "FREQ=WEEKLY;BYDAY=MO,TH", 30,
    )  # fmt: skip
    assert AvailableSlot.objects.filter(schedule=schedule, status="available").count() == 8
    again = scheduler.post(ADD, form | {"confirmed": "Do it"}, follow=True)
    assert said(again) == ["This has been added already."]
    assert Schedule.objects.count() == 1
    rows = AuditLog.objects.filter(user_name="scheduler", status="success").exclude(action="user.signed_in")
    assert {row.action for row in rows} == {"schedule.created", "slots.planned"}
    planned = rows.get(action="slots.planned")
    assert (planned.object_id, planned.details["new"]) == (
        str(schedule.pk), {"added": 8, "withdrawn": 0, "affected": 0, "restored": 0},
    )  # fmt: skip


def test_back_to_the_form_keeps_what_was_typed(scheduler):
    form = typed(doctor=DoctorFactory().pk, name="Clinic <b>of</b> hearts", room="3 & 4", key=KEY)
    answer = scheduler.post(ADD, form | {"back": "Back to the form"})
    assert answer.templates[0].name == "console/plan_form.html"
    text = answer.content.decode()
    assert 'value="Clinic &lt;b&gt;of&lt;/b&gt; hearts"' in text
    assert 'value="3 &amp; 4"' in text
    assert re.findall(r'value="(\w\w)"[^>]* checked', text) == ["MO", "TH"]
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("chosen", "recurrence", "days"),
    [
        ({"every": "2"}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", 2),
        ({"kind": "monthly", "position": "-1", "weekdays": ["FR"], "ends_on": ""}, "FREQ=MONTHLY;BYDAY=-1FR", None),
        ({"kind": "once", "weekdays": None, "every": "nonsense"}, "FREQ=DAILY;COUNT=1", 1),
        ({"kind": "rule", "rule": "rrule:freq=daily;interval=3"}, "FREQ=DAILY;INTERVAL=3", 5),
    ],
)
def test_each_pattern_becomes_its_rule(scheduler, chosen, recurrence, days):
    answer = scheduler.post(ADD, typed(doctor=DoctorFactory().pk, **chosen) | {"confirmed": "Do it"})
    assert answer.status_code == 302, errors(answer)
    schedule = Schedule.objects.get()
    assert schedule.recurrence == recurrence
    dates = schedule.slots.order_by().values("date").distinct()
    assert days is None or dates.count() == days
    if chosen.get("kind") == "once":
        assert schedule.ends_on == schedule.starts_on == MONDAY
    form = scheduler.get(page("change", schedule)).context["form"]
    assert form.initial["kind"] == chosen.get("kind", "weekly")


def test_a_visit_type_gives_its_length_where_none_is_typed(scheduler):
    VisitTypeFactory(code="long", duration_minutes=45)
    form = typed(doctor=DoctorFactory().pk, visit_type="long", slot_minutes="")
    assert counts(scheduler.post(ADD, form))[0] == "4 slots added"
    scheduler.post(ADD, form | {"confirmed": "Do it"})
    assert Schedule.objects.get().slot_minutes == 45


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"end_time": "08:00"}, "end_time", "A session ends after it begins."),
        ({"end_time": "09:20"}, "slot_minutes", "A slot is longer than the session."),
        ({"kind": "rule", "rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "rule", "There is no such day"),
        ({"kind": "rule", "rule": "FREQ=MINUTELY"}, "rule", "fires many times a day, without end"),
        ({"kind": "rule", "rule": "every tuesday"}, "rule", "is no part of a recurrence rule"),
        ({"kind": "rule", "rule": ""}, "rule", "Write the rule"),
        ({"weekdays": []}, "weekdays", "Choose at least one day."),
        ({"weekdays": ["SU"], "ends_on": f"{MONDAY}"}, "weekdays", "There is no such day"),
        ({"ends_on": f"{MONDAY - timedelta(days=1)}"}, "ends_on", "A schedule ends on or after the day it begins."),
        ({"seats": "0"}, "seats", "greater than or equal to 1"),
        ({"seats": "101"}, "seats", "less than or equal to 100"),
        ({"slot_minutes": "0"}, "slot_minutes", "greater than or equal to 1"),
        ({"slot_minutes": "1441"}, "slot_minutes", "less than or equal to 1440"),
        ({"buffer_minutes": "1441"}, "buffer_minutes", "less than or equal to 1440"),
        ({"every": "0"}, "every", "greater than or equal to 1"),
        ({"starts_on": "1066-10-14"}, "starts_on", "greater than or equal to 2000-01-01"),
        ({"starts_on": "9999-12-31"}, "starts_on", "less than or equal to"),
        ({"visit_type": "nonsense"}, "visit_type", "Select a valid choice"),
        ({"doctor": "nobody"}, "doctor", "Choose one from the list."),
        ({"name": " "}, "name", "required"),
    ],
)
def test_an_error_is_shown_at_its_field_and_nowhere_else(scheduler, wrong, field, message):
    answer = scheduler.post(ADD, typed(doctor=DoctorFactory().pk) | wrong)
    found = errors(answer)
    assert set(found) == {field}
    assert message in found[field][0]
    assert scheduler.post(ADD, typed(doctor=DoctorFactory().pk) | wrong | {"confirmed": "Do it"}).status_code == 200
    assert not Schedule.objects.exists()


def test_all_errors_are_told_at_once(scheduler):
    answer = scheduler.post(ADD, typed(doctor="", name="", weekdays=[], end_time="08:00", seats="0"))
    assert set(errors(answer)) == {"doctor", "name", "weekdays", "end_time", "seats"}


@pytest.mark.parametrize(
    "name", ["doctor", "department", "name", "kind", "weekdays", "rule", "starts_on", "key", "seats"]
)
@pytest.mark.parametrize("text", ["\x00", "'\"><script>", "\ud800".encode("utf-8", "surrogatepass"), "9" * 400, "𝕏‮"])
def test_no_text_breaks_the_form(scheduler, name, text):
    answer = scheduler.post(ADD, typed(doctor=DoctorFactory().pk, kind="rule", rule="FREQ=DAILY") | {name: text})
    assert answer.status_code in (200, 400)
    assert "<script>" not in answer.content.decode().split("<form", 2)[-1].split("</form>")[0]


@pytest.mark.django_db(transaction=True)
def test_an_overlap_is_named_in_the_preview_and_when_it_is_done_and_the_refusal_is_audited(scheduler):
    doctor = DoctorFactory()
    running(doctor=doctor, name="Early birds")
    for sent in ({}, {"confirmed": "Do it"}):
        found = errors(scheduler.post(ADD, typed(doctor=doctor.pk) | sent))
        assert found["start_time"] == ["Overlaps “Early birds”."]
        assert "It overlaps “Early birds” (every Monday to Friday, 09:00" in found["__all__"][0]
    assert Schedule.objects.count() == 1
    refused = AuditLog.objects.get(status="failure")
    assert (refused.action, refused.user_name, refused.details["code"]) == (
        "schedule.saved", "scheduler", "schedule_overlaps",
    )  # fmt: skip


# --- changing ----------------------------------------------------------------------------------------------------


def test_a_change_shows_whom_it_affects_and_names_patients_to_those_who_may_know(scheduler, client):
    schedule = running()
    slot = schedule.slots.filter(starts_at__gt=in_days(2)).order_by("starts_at").last()
    appointment = booked(slot=slot)
    form = of(schedule, end_time="11:30")
    shown = scheduler.post(page("change", schedule), form)
    last = schedule.slots.filter(time=slot.time).count()
    assert slot.time.strftime("%H:%M") == "11:30"
    assert counts(shown) == [
        "0 slots added", f"{last - 1} free slots withdrawn", "1 appointment needs a new time",
    ]  # fmt: skip
    text = shown.content.decode()
    assert str(appointment.patient) in text
    assert "<b>11:30</b>" in text
    client.force_login(staff("Administrator"))
    client.get("/admin/")
    user = staff("Auditor")
    user.user_permissions.set(_permissions("scheduling", "change_schedule", "view_schedule"))
    client.force_login(user)
    shown = client.post(page("change", schedule), form)
    assert shown.context["affected"]["rows"]
    assert appointment.patient.last_name not in shown.content.decode()

    client.force_login(user.__class__.objects.get(username="scheduler"))
    done = client.post(page("change", schedule), form | {"confirmed": "Do it"}, follow=True)
    assert said(done)[0].startswith(f"Saved: Morning clinic, {schedule.doctor.name}. 0 slots added, {last - 1} free")
    appointment.refresh_from_db()
    assert appointment.needs_new_time_since is not None
    changed = AuditLog.objects.get(action="schedule.updated")
    assert changed.details == {"old": {"end_time": "12:00:00"}, "new": {"end_time": "11:30:00"}}

    schedule.refresh_from_db()
    back = client.post(page("change", schedule), of(schedule))
    assert counts(back)[-1] == "1 appointment needs a new time no longer"
    assert [row["patient"] for row in back.context["restored"]["rows"]] == [str(appointment.patient)]


def _permissions(app: str, *names: str):
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(content_type__app_label=app, codename__in=names)


def test_a_plan_that_changed_since_the_preview_is_told(scheduler):
    schedule = running()
    form = of(schedule, end_time="11:30")
    shown = scheduler.post(page("change", schedule), form)
    slot = schedule.slots.filter(starts_at__gt=in_days(2)).order_by("starts_at").last()
    booked(slot=slot)
    sent = {"confirmed": "Do it", "previewed": shown.context["previewed"]}
    answer = scheduler.post(page("change", schedule), form | sent, follow=True)
    assert "1 appointment needs a new time" in said(answer)[0]
    assert "The plan has changed since it was shown to you" in said(answer)[0]


def test_a_schedule_that_somebody_changed_meanwhile_is_not_overwritten(scheduler):
    schedule = running()
    form = of(schedule, room="7")
    schedule.name = "Renamed"
    schedule.save()
    for sent in ({}, {"confirmed": "Do it"}):
        answer = scheduler.post(page("change", schedule), form | sent)
        assert "Somebody else has changed this meanwhile" in errors(answer)["__all__"][0]
    schedule.refresh_from_db()
    assert (schedule.name, schedule.room) == ("Renamed", "")


def test_doctor_and_department_stay_as_they_are(scheduler):
    schedule = running()
    other = DoctorFactory()
    form = of(schedule, doctor=other.pk, department=other.department_id, room="7", confirmed="Do it")
    assert scheduler.post(page("change", schedule), form).status_code == 302
    before = (schedule.doctor, schedule.department)
    schedule.refresh_from_db()
    assert (schedule.doctor, schedule.department, schedule.room) == (*before, "7")


def test_a_rule_in_other_words_is_left_as_it_was_written(scheduler):
    schedule = running(recurrence="BYDAY=MO,TU,WE,TH,FR;FREQ=WEEKLY")
    assert scheduler.post(page("change", schedule), of(schedule, room="7", confirmed="Do it")).status_code == 302
    schedule.refresh_from_db()
    assert schedule.recurrence == "BYDAY=MO,TU,WE,TH,FR;FREQ=WEEKLY"


# --- ending and copying ------------------------------------------------------------------------------------------


def test_a_schedule_is_ended_on_its_last_day(scheduler):
    schedule = running()
    total = schedule.slots.count()
    last = schedule.starts_on + timedelta(days=20)
    kept = schedule.slots.filter(date__lte=last).count()
    form = {"ends_on": f"{last}", "version": version_of(schedule)}
    assert counts(scheduler.post(page("end", schedule), form))[1] == f"{total - kept} free slots withdrawn"
    assert scheduler.post(page("end", schedule), form | {"confirmed": "Do it"}).status_code == 302
    schedule.refresh_from_db()
    assert schedule.ends_on == last
    assert schedule.slots.filter(status="available").count() == kept
    early = {"ends_on": f"{schedule.starts_on - timedelta(days=1)}"}
    assert "ends_on" in errors(scheduler.post(page("end", schedule), early | {"confirmed": "Do it"}))


def test_a_pattern_is_copied_to_another_doctor_and_a_clash_is_named(scheduler):
    schedule = running(slot_minutes=60, end_time="10:00", start_time="09:00", room="7")
    evening = running(doctor=schedule.doctor, name="Evening", start_time="18:00", end_time="19:00", slot_minutes=60)
    other = DoctorFactory(name="Dr Ito")
    form = {"doctor": other.pk, "starts_on": f"{MONDAY}"}
    shown = scheduler.post(page("copy", schedule), form)
    added = schedule.slots.filter(date__gte=MONDAY).count()
    assert counts(shown)[0] == f"{added} slots added"
    answer = scheduler.post(page("copy", schedule), form | {"confirmed": "Do it"}, follow=True)
    assert said(answer)[0].startswith("Copied: Morning clinic, Dr Ito.")
    copy = other.schedules.get()
    assert (copy.recurrence, copy.starts_on, copy.room, copy.slots.count()) == (
        schedule.recurrence, MONDAY, "7", added,
    )  # fmt: skip
    clash = errors(scheduler.post(page("copy", schedule), form | {"all": "on", "confirmed": "Do it"}))
    assert "It overlaps “Morning clinic”" in clash["__all__"][0]
    assert other.schedules.count() == 1

    third = DoctorFactory()
    scheduler.post(page("copy", evening), {**form, "doctor": third.pk, "all": "on", "confirmed": "Do it"})
    assert {one.name for one in third.schedules.all()} == {"Morning clinic", "Evening"}
    same = {**form, "doctor": schedule.doctor_id}
    assert set(errors(scheduler.post(page("copy", schedule), same))) == {"doctor"}


def test_what_is_over_by_the_first_day_is_not_copied(scheduler):
    schedule = running(ends_on=MONDAY)
    form = {"doctor": DoctorFactory().pk, "starts_on": f"{MONDAY + timedelta(days=1)}", "confirmed": "Do it"}
    assert "It is over by then" in errors(scheduler.post(page("copy", schedule), form))["starts_on"][0]


# --- the next dates ------------------------------------------------------------------------------------------------


def test_the_next_ten_dates_are_told_while_somebody_types(scheduler):
    doctor = DoctorFactory(department=DepartmentFactory(time_zone="Asia/Tokyo"))
    query = typed(doctor=doctor.pk, ends_on="", weekdays=["TU"], every="2")
    text = scheduler.get(DATES, query).content.decode()
    first = MONDAY + timedelta(days=1)
    days = [first + timedelta(days=14 * n) for n in range(10)]
    assert re.findall(r"<li>(.*?)</li>", text) == [f"{day:%a} {day.day} {day:%b %Y}" for day in days]
    assert "every other Tuesday, 09:00 to 10:00" in re.sub(r"\s+", " ", text)
    assert "Asia/Tokyo" in text
    assert "Choose the doctor" in scheduler.get(DATES, {"kind": "weekly"}).content.decode()
    wrong = scheduler.get(DATES, query | {"kind": "rule", "rule": "FREQ=HOURLY"}).content.decode()
    assert "fires many times a day" in wrong
    never = query | {"ends_on": f"{MONDAY}"}
    assert "No such day is to come." in scheduler.get(DATES, never).content.decode()
    schedule = ScheduleFactory(doctor=doctor)
    known = scheduler.get(DATES, query | {"doctor": "", "schedule": schedule.pk}).content.decode()
    assert "Asia/Tokyo" in known
    for nonsense in ("kind=x", "schedule=nonsense", "doctor=nonsense&department=nonsense", "starts_on=9999-99-99", ""):
        assert scheduler.get(f"{DATES}?{nonsense}").status_code == 200, nonsense


def test_a_reader_sees_the_schedule_with_its_next_dates_and_no_form(client):
    schedule = running(ends_on=date(2099, 12, 31))
    client.force_login(staff("Clinician"))
    text = client.get(page("change", schedule)).content.decode()
    assert text.count("09:00 to 12:00 Europe/Berlin") == 10
    assert "step_form" not in text
    for method in (client.get, client.post):
        assert method(page("end", schedule)).status_code == 403
    assert AuditLog.objects.filter(action="access.denied", user_name="clinician").count() == 2


def test_the_list_is_filtered_and_searched(scheduler):
    now, over = running(room="Blue room"), ScheduleFactory(ends_on=date(2020, 1, 31), starts_on=date(2020, 1, 1))

    def listed(query: str) -> set:
        return {row.pk for row in scheduler.get(f"/admin/scheduling/schedule/?{query}").context["cl"].result_list}

    assert listed("") == {now.pk, over.pk}
    assert listed("when=running") == {now.pk}
    assert listed("when=over") == {over.pk}
    assert listed("q=blue") == {now.pk}
    assert listed(f"q={over.doctor_id}") == {over.pk}
    assert listed(f"department__id__exact={now.department_id}") == {now.pk}


def test_a_preview_asks_the_database_as_often_for_many_appointments_as_for_one(scheduler):
    from django.db import connection

    schedule = running()
    slots = list(schedule.slots.filter(starts_at__gt=in_days(2), time="11:30"))
    form = of(schedule, end_time="11:30")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            scheduler.post(page("change", schedule), form)
        return len(captured)

    booked(slot=slots[0])
    before = queries()
    for slot in slots[1:5]:
        booked(slot=slot)
    assert queries() == before
