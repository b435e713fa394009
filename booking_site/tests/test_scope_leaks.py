"""The side doors of the console: autocompletes, list filters, orderings, pop-ups. No row or field outside the scope."""

import re
from itertools import count

import pytest
from django.urls import reverse

from appointments.models import Appointment
from booking_site.testing.factories import in_days
from booking_site.testing.world import SIDES, build
from booking_site.tests.test_matrix import rows_seen
from scheduling.models import AvailableSlot, Closure, Schedule

pytestmark = pytest.mark.django_db
# model to choose from: through which foreign key
CHOOSERS = {
    "department": ("appointments", "appointment", "department"),
    "doctor": ("appointments", "appointment", "doctor"),
    "patient": ("appointments", "appointment", "patient"),
    "availableslot": ("appointments", "appointment", "slot"),
}
LINK = re.compile(r'<a [^>]*href="(/admin/[^"#]+)')
LISTS = ["doctors_department", "doctors_doctor", "patients_patient", "scheduling_closure", "scheduling_schedule",
         "scheduling_availableslot", "appointments_appointment"]  # fmt: skip


@pytest.fixture
def world():
    return build()


def offered(client, chooser: tuple[str, str, str]) -> set[str]:
    names = dict(zip(("app_label", "model_name", "field_name"), chooser, strict=True))
    found: set[str] = set()
    for page in count(1):
        answer = client.post(reverse("admin:autocomplete"), {**names, "term": "", "page": page})
        assert answer.status_code == 200, answer
        found |= {row["id"] for row in answer.json()["results"]}
        if not answer.json()["pagination"]["more"]:
            break
    return found


@pytest.mark.parametrize("role", ["Reception", "Scheduler", "Clinician", "Administrator"])
def test_autocompletes_offer_what_the_person_sees(world, client, role):
    client.force_login(world.users[role])
    for model, chooser in CHOOSERS.items():
        got = offered(client, chooser)
        of_side = {side: str(getattr(world.sides[side], model).pk) for side in SIDES}
        seen = {side for side in SIDES if of_side[side] in got}
        assert (model, seen) == (model, set(rows_seen(role[0] if role != "Administrator" else "D", model)))


@pytest.mark.parametrize("role", ["Auditor", "nobody"])
def test_autocompletes_are_refused_to_those_who_see_no_such_records(world, client, role):
    client.force_login(world.users[role])
    for chooser in CHOOSERS.values():
        names = dict(zip(("app_label", "model_name", "field_name"), chooser, strict=True))
        assert client.get(reverse("admin:autocomplete"), names).status_code == 403


@pytest.mark.parametrize("role", ["Reception", "Scheduler", "Clinician", "Administrator"])
def test_lists_show_what_the_person_sees(world, client, role):
    client.force_login(world.users[role])
    letter = role[0] if role != "Administrator" else "D"
    for name in LISTS:
        by_day = name in ("scheduling_availableslot", "appointments_appointment")
        answer = client.get(reverse(f"admin:{name}_changelist"), {"day": "all"} if by_day else {})
        model = name.split("_")[1]
        shown = {row.pk for row in answer.context["cl"].result_list}
        seen = {side for side in SIDES if getattr(world.sides[side], model).pk in shown}
        assert (name, seen) == (name, set(rows_seen(letter, model)))


def test_the_week_of_a_doctor_shows_nothing_of_other_departments(world, client):
    """Not even where a doctor of one's own sits elsewhere for a day."""
    own, elsewhere = world.sides["own"], world.sides["elsewhere"]
    slot, appointment = own.availableslot, own.appointment
    Appointment.objects.filter(pk=appointment.pk).update(department=elsewhere.department)
    AvailableSlot.objects.filter(pk__in=[slot.pk, appointment.slot_id]).update(department=elsewhere.department)
    week = {"doctor": own.doctor.pk, "date": f"{slot.date}"}
    client.force_login(world.users["Reception"])
    text = client.get(reverse("admin:scheduling_week"), week).content.decode()
    assert (f"{slot.pk}" in text, f"{appointment.pk}" in text) == (False, False)
    client.force_login(world.users["Administrator"])
    assert f"{appointment.pk}" in client.get(reverse("admin:scheduling_week"), week).content.decode()


@pytest.mark.parametrize("role", ["Reception", "Scheduler", "Clinician"])
def test_the_board_and_the_day_sheet_show_nothing_of_other_departments(world, client, role):
    client.force_login(world.users[role])
    elsewhere = world.sides["elsewhere"]
    day = f"{elsewhere.appointment.date}"
    for asked in ({"doctor": elsewhere.doctor.pk}, {"department": f"{elsewhere.department.pk}"}, {}):
        for page in ("today_data", "day_sheet", "index"):
            text = client.get(reverse(f"admin:{page}"), {"date": day, **asked}).content.decode()
            assert (page, asked, "Patient elsewhere" in text) == (page, asked, False)
    client.force_login(world.users["Administrator"])
    text = client.get(reverse("admin:today_data"), {"date": day, "doctor": elsewhere.doctor.pk}).content.decode()
    assert "Patient elsewhere" in text


def test_a_guest_of_the_department_is_seen_there_and_changed_at_home(world, client):
    guest, own = world.sides["elsewhere"].doctor, world.sides["own"]
    Schedule.objects.filter(pk=world.sides["elsewhere"].schedule.pk).update(department=own.department)
    client.force_login(world.users["Scheduler"])
    page = reverse("admin:doctors_doctor_change", args=[guest.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"name": "Mine", "department": own.department.pk}).status_code == 403
    assert str(guest.pk) in offered(client, CHOOSERS["doctor"])
    sent = {"doctor": guest.pk, "kind": "days", "first_day": f"{in_days(20).date()}", "reason": "x", "confirmed": "yes"}
    assert (
        "Choose one of your departments" in client.post(reverse("admin:scheduling_closure_add"), sent).content.decode()
    )
    assert not Closure.objects.filter(reason="x").exists()


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("doctors_doctor", "appointments={appointment}"),
        ("doctors_doctor", "appointments__isnull=False"),
        ("doctors_doctor", "staff_profile__user__password__startswith=m"),
        ("patients_patient", "appointments={appointment}"),
        ("patients_patient", "insurance_id__startswith=1"),
        ("appointments_appointment", "reason__startswith=R"),
        ("appointments_appointment", "patient__insurance_id__startswith=1"),
        ("scheduling_availableslot", "appointments={appointment}"),
        ("api_apiclient", "client_secret__startswith=p"),
        ("auth_user", "password__startswith=m"),
    ],
)
def test_lists_are_filtered_by_what_they_offer_only(world, client, page, query):
    client.force_login(world.users["Administrator"])
    key = world.sides["elsewhere"].appointment.pk
    assert client.get(f"{reverse(f'admin:{page}_changelist')}?{query.format(appointment=key)}").status_code == 400


@pytest.mark.parametrize("query", ["o=1", "o=99", "o=-1.2", "o=x", "_popup=1", "_to_field=id", "_to_field=reason",
                                   "_popup=1&_to_field=name", "all=", "p=-1", "e=1"])  # fmt: skip
def test_orderings_and_pop_ups_break_no_list_and_widen_none(world, client, query):
    client.force_login(world.users["Reception"])
    for name in LISTS:
        answer = client.get(f"{reverse(f'admin:{name}_changelist')}?{query}", follow=True)
        assert (name, answer.status_code in (200, 400)) == (name, True)
        if name.startswith("doctors_") or answer.status_code == 400 or "cl" not in answer.context:
            continue
        shown = {row.pk for row in answer.context["cl"].result_list}
        outside = getattr(world.sides["elsewhere"], name.split("_")[1]).pk
        assert outside not in shown or name == "patients_patient"


@pytest.mark.parametrize("role", ["Reception", "Scheduler", "Clinician", "Auditor", "Administrator"])
def test_nothing_is_offered_that_would_be_refused(world, client, role):
    """Every link of the main pages answers those to whom it is shown."""
    client.force_login(world.users[role])
    start = [reverse("admin:index")]
    if role != "Auditor":
        own = world.sides["own"]
        start += [reverse(f"admin:{name}_changelist") for name in LISTS]
        start += [
            f"{reverse('admin:scheduling_week')}?doctor={own.doctor.pk}&date={own.availableslot.date}",
            *(reverse(f"admin:{name}_change", args=[getattr(own, name.split("_")[1]).pk]) for name in LISTS),
            reverse("admin:scheduling_closure_change", args=[world.shared.closure.pk]),
        ]
    refused = {}
    for page in start:
        text = client.get(page).content.decode()
        for link in sorted(set(LINK.findall(text))):
            answer = client.get(link.replace("&amp;", "&"))
            if answer.status_code == 403:
                refused[page, link] = answer.status_code
    assert refused == {}
