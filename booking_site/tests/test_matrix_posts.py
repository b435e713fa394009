"""Who may do what with whose rows: everything that the console takes by POST, by each role, with the rows of each side.

Refused things change no row at all, and stand in the audit log as ``access.denied``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.urls import reverse
from oauth2_provider.models import get_access_token_model

from appointments.admin.picking import Picking
from appointments.models import Appointment, IdempotencyKey
from appointments.steps import STEPS
from audit.models import AuditLog
from booking_site.api.models import ApiClient
from booking_site.core.ids import uuid7
from booking_site.core.operations import version_of
from booking_site.testing.factories import PASSWORD, TESTER, in_days
from booking_site.testing.world import LETTERS, SEES, SIDES, build
from booking_site.tests.test_matrix import addresses, by_default, model_of
from doctors.models import Department, Doctor, StaffProfile
from patients.models import Patient, PatientConsent, PatientMerge
from scheduling import operations
from scheduling.admin.week import STEPS as OF_A_WEEK
from scheduling.models import AvailableSlot, Closure, Schedule, VisitType
from scheduling.picker import Asked

pytestmark = pytest.mark.django_db
KEPT = [
    *(Appointment, AvailableSlot, Schedule, Closure, Department, Doctor, StaffProfile, Patient, VisitType, ApiClient),
    *(User, Group, User.groups.through, Group.permissions.through, StaffProfile.departments.through),
    *(PatientMerge, PatientConsent, IdempotencyKey),  # the latter keeps that a slip was sent
    *(UserSession, Authenticator),
    *(ApiClient.departments.through, get_access_token_model()),
]
DAY = f"{in_days(20).date()}"
NEW_YEAR = f"{in_days(366).year}-01-01"
INLINE = {"staff_profile-TOTAL_FORMS": "0", "staff_profile-INITIAL_FORMS": "0"}
PASSWORDS = {"password1": "a long pass phrase", "password2": "a long pass phrase", "usable_password": "true"}


def schedule_form(**more: str) -> dict[str, Any]:
    return {
        "name": "Evening", "kind": "weekly", "every": "1", "position": "1", "weekdays": ["SA"], "starts_on": DAY,
        "start_time": "18:00", "end_time": "19:00", "visit_type": "consultation", "slot_minutes": "30",
        "buffer_minutes": "0", "seats": "1", "is_public": "on", "confirmed": "yes", "key": str(uuid7()), **more,
    }  # fmt: skip


def closure_form(**more: str) -> dict[str, Any]:
    return {"kind": "days", "first_day": DAY, "reason": "Works", "confirmed": "yes", "key": str(uuid7()), **more}


KEY = uuid7()  # of a form


def held(user: User, s: Any) -> None:
    """The seat is held by the person's own form."""
    token = Picking(SimpleNamespace(user=user), KEY, Asked(None)).token  # type: ignore[arg-type]
    operations.hold(actor=TESTER, slot_id=s.availableslot.pk, hold_token=token, new_token=token)


@dataclass(frozen=True)
class Act:
    """``page`` by its name, with a query that may name rows of the side (``s``); ``row`` its record among those of a
    side, ``data`` what is sent (of the side's rows), ``who`` may do it with rows that they see. ``first``: what has
    been done by then."""

    page: str
    who: str
    data: Callable[[Any], dict[str, Any]]
    row: str = ""
    wide: bool = False  # with patients, whom reception sees all over the hospital, or with what is one's own
    first: Callable[[User, Any], None] | None = None


def step(name: str, who: str, row: str) -> Act:
    return Act("appointments_appointment_step", who, lambda s: {"step": name}, row=row)


ACTS = {
    "check in": step("check_in", "RCD", "appointment"),
    "start": step("start", "RCD", "arrived"),
    "complete": step("complete", "RCD", "with_doctor"),
    "mark as missed": step("no_show", "RCD", "overdue"),
    "undo a step": step("undo", "RCD", "arrived"),
    "undo a cancellation": step("undo", "RSD", "cancelled"),
    "book": Act(
        "appointments_appointment_add", "RD",
        lambda s: {"patient": str(s.patient.pk), "slot": str(s.availableslot.pk), "key": str(KEY)},
    ),
    "register and book": Act(
        "appointments_appointment_add", "RD",
        lambda s: {
            "is_new": "yes", "new-last_name": "New", "new-first_name": "Ny", "new-dob": "1980-01-01",
            "slot": str(s.availableslot.pk), "key": str(KEY),
        },
    ),
    "hold a seat": Act(
        "appointments_appointment_add", "RD",
        lambda s: {"look": "", "slot": str(s.availableslot.pk), "key": str(KEY)},
    ),
    "hold a seat to move to": Act(
        "appointments_appointment_move", "RSD",
        lambda s: {"look": "", "slot": str(s.availableslot.pk), "key": str(KEY)}, row="appointment",
    ),
    "release the seat that one's form holds": Act(
        "booking_release", "RSD", lambda s: {"held": str(s.availableslot.pk), "key": str(KEY)}, wide=True, first=held
    ),
    "book a walk-in": Act(
        "walk_in", "RD",
        lambda s: {
            "patient": str(s.patient.pk), "department": str(s.department.pk), "doctor": s.doctor.pk, "key": str(KEY),
        },
    ),
    "overbook a walk-in": Act(
        "walk_in", "RD",
        lambda s: {
            "patient": str(s.patient.pk), "doctor": s.doctor.pk, "key": str(KEY), "visit_type": "consultation",
            "overbook": "on", "overbook_reason": "x",
        },
    ),
    "send a slip": Act(
        "appointments_appointment_slip_send", "RSD", lambda s: {"asked_for": "on", "key": str(KEY)}, row="appointment"
    ),
    "cancel": Act("appointments_appointment_cancel", "RSD", lambda s: {"code": "ill"}, row="appointment"),
    "cancel those that are ticked": Act(
        "appointments_appointment_changelist?day=all", "RSD",
        lambda s: {
            "action": "cancel_selected", "confirmed": "yes", "code": "ill", "_selected_action": [str(s.appointment.pk)],
        },
    ),
    "move": Act(
        "appointments_appointment_move", "RSD",
        lambda s: {"slot": str(s.availableslot.pk), "key": str(uuid7())}, row="appointment",
    ),
    "move on the board": Act(
        "today_move", "RSD",
        lambda s: {
            "appointment": str(s.appointment.pk), "slot": str(s.availableslot.pk), "version": version_of(s.appointment),
        },
    ),
    "rebook one": Act(
        "appointments_appointment_rebook", "RSD", lambda s: {"slot": str(s.availableslot.pk)}, row="waiting"
    ),
    "mark as urgent": Act("appointments_appointment_urgent", "RSD", lambda s: {"urgent": "yes"}, row="waiting"),
    "rebook all": Act("appointments_appointment_rebook_all", "RSD", lambda s: {"appointments": str(s.waiting.pk)}),
    "withdraw a seat": Act("scheduling_availableslot_withdraw", "SD", lambda s: {"note": "x"}, row="availableslot"),
    "offer a seat again": Act("scheduling_availableslot_reinstate", "SD", lambda s: {}, row="withdrawn_slot"),
    "withdraw seats that are ticked": Act(
        "scheduling_availableslot_changelist?day=all", "SD",
        lambda s: {"action": "withdraw_selected", "_selected_action": [str(s.availableslot.pk)]},
    ),
    "offer seats again that are ticked": Act(
        "scheduling_availableslot_changelist?day=all", "SD",
        lambda s: {"action": "reinstate_selected", "_selected_action": [str(s.withdrawn_slot.pk)]},
    ),
    "offer seats of a week again": Act(
        "scheduling_week", "SD",
        lambda s: {"doctor": s.doctor.pk, "step": "reinstate", "slots": [str(s.withdrawn_slot.pk)]},
    ),
    "withdraw seats of a week": Act(
        "scheduling_week", "SD",
        lambda s: {"doctor": s.doctor.pk, "step": "withdraw", "slots": [str(s.availableslot.pk)]},
    ),
    "add a seat": Act(
        "scheduling_availableslot_add", "SD",
        lambda s: {
            "slot_id": str(uuid7()), "doctor": s.doctor.pk, "date": DAY, "time": "12:00", "visit_type": "consultation",
        },
    ),
    "add a seat in a department": Act(
        "scheduling_availableslot_add", "SD",
        lambda s: {
            "slot_id": str(uuid7()), "doctor": s.doctor.pk, "department": str(s.department.pk), "date": DAY,
            "time": "12:00", "visit_type": "consultation",
        },
    ),
    "add a schedule": Act("scheduling_schedule_add", "SD", lambda s: schedule_form(doctor=s.doctor.pk)),
    "change a schedule": Act(
        "scheduling_schedule_change", "SD",
        lambda s: schedule_form(version=version_of(s.schedule), is_active="on"), row="schedule",
    ),
    "end a schedule": Act(
        "scheduling_schedule_end", "SD",
        lambda s: {"ends_on": DAY, "confirmed": "yes", "version": version_of(s.schedule)}, row="schedule",
    ),
    "copy a schedule": Act(
        "scheduling_schedule_copy", "SD",
        lambda s: {"doctor": s.colleague.pk, "starts_on": DAY, "confirmed": "yes"}, row="schedule",
    ),
    "load holidays for a department": Act(
        f"scheduling_closure_holidays?country=DE&region=&year={NEW_YEAR[:4]}&department={{s.department.pk}}", "SD",
        lambda s: {"days": NEW_YEAR, "confirmed": "yes"},
    ),
    "add a closure of a doctor": Act("scheduling_closure_add", "SD", lambda s: closure_form(doctor=s.doctor.pk)),
    "add a closure of a department": Act(
        "scheduling_closure_add", "SD", lambda s: closure_form(department=str(s.department.pk))
    ),
    "change a closure": Act(
        "scheduling_closure_change", "SD",
        lambda s: closure_form(doctor=s.doctor.pk, version=version_of(s.closure)), row="closure",
    ),
    "lift a closure": Act(
        "scheduling_closure_lift", "SD",
        lambda s: {"confirmed": "yes", "version": version_of(s.closure)}, row="closure",
    ),
    "renew a closure": Act(
        "scheduling_closure_renew", "SD",
        lambda s: {"confirmed": "yes", "version": version_of(s.lifted)}, row="lifted",
    ),
    "add a doctor": Act("doctors_doctor_add", "SD", lambda s: {"name": "New", "department": str(s.department.pk)}),
    "change a doctor": Act(
        "doctors_doctor_change", "SD", lambda s: {"name": "Other", "department": str(s.department.pk)}, row="doctor"
    ),
    "add a patient": Act("patients_patient_add", "RD", lambda s: {"last_name": "New", "dob": "1980-01-01"}, wide=True),
    "change a patient": Act(
        "patients_patient_change", "RD", lambda s: {"last_name": "Other", "dob": "1980-01-01"}, row="patient", wide=True
    ),
    "write notes on a patient": Act(
        "patient", "RD", lambda s: {"notes": "x", "version": version_of(s.patient)}, row="patient", wide=True
    ),
    "merge two patients": Act(
        "patient_merge?other={s.duplicate.pk}&stays={s.patient.pk}", "RD", lambda s: {}, row="patient", wide=True
    ),
    "take a merge back": Act(
        "patient_unmerge", "RD", lambda s: {"merge": str(s.merge.pk)}, row="patient", wide=True
    ),
    "write down consents": Act(
        "patient_consents", "RD", lambda s: {"email": "on", "source": "desk", "version": version_of(s.patient)},
        row="patient", wide=True,
    ),
    "erase a patient": Act(
        "patient_erase", "D", lambda s: {"reason": "mistake", "confirmed": "on", "version": version_of(s.duplicate)},
        row="duplicate", wide=True,
    ),
    "change a department": Act(
        "doctors_department_change", "D", lambda s: {"name": f"New {s.department.name}"}, row="department"
    ),
}  # fmt: skip
# What concerns the whole hospital: only who sees everything does it.
FOR_ALL = {
    "close the whole hospital": ("scheduling_closure_add", "", lambda s: closure_form()),
    "change a closure of the hospital": (
        "scheduling_closure_change", "closure", lambda s: closure_form(version=version_of(s.closure)),
    ),
    "lift a closure of the hospital": (
        "scheduling_closure_lift", "closure", lambda s: {"confirmed": "yes", "version": version_of(s.closure)},
    ),
    "load holidays for all": (
        f"scheduling_closure_holidays?country=DE&region=&year={NEW_YEAR[:4]}&department=", "",
        lambda s: {"days": NEW_YEAR, "confirmed": "yes"},
    ),
    "add a department": ("doctors_department_add", "", lambda s: {"name": "New", "time_zone": "Europe/Berlin"}),
    "add a visit type": (
        "scheduling_visittype_add", "", lambda s: {"code": "new", "name": "New", "duration_minutes": "30",
        "earliest_days": "10", "latest_minutes": "0"},
    ),
    "change a visit type": (
        "scheduling_visittype_change", "visittype", lambda s: {"name": "New", "duration_minutes": "30",
        "earliest_days": "10", "latest_minutes": "0"},
    ),
    "add a user": ("auth_user_add", "", lambda s: {"username": "new", **PASSWORDS, **INLINE}),
    "change a user": ("auth_user_change", "user", lambda s: {"username": "renamed", **INLINE}),
    "add a client": (
        "api_apiclient_add", "", lambda s: {"name": "New", "redirect_uris": "https://app.example/x"},
    ),
    "change a client": ("api_apiclient_change", "apiclient", lambda s: {"name": "Renamed"}),
    "end the sessions of a user": ("auth_user_end_sessions", "user", lambda s: {}),
    "take the second factors of a user away": ("auth_user_remove_factors", "user", lambda s: {}),
    "end the tokens of clients that are ticked": (
        "api_apiclient_changelist", "",
        lambda s: {"action": "revoke_selected", "_selected_action": [str(s.apiclient.pk)]},
    ),
    # The last: it gives the session a new key, which is taken back with the rest.
    "set a password": ("auth_user_password_change", "user", lambda s: PASSWORDS),
}  # fmt: skip
# What is sent in vain by anybody: pages that nobody may write with, beside those that delete.
FOR_NOBODY = {
    "auth_group_add": "", "auth_group_change": "group", "audit_auditlog_add": "", "audit_auditlog_change": "auditlog",
    "scheduling_availableslot_change": "availableslot", "appointments_appointment_change": "appointment",
}  # fmt: skip
# What shows something, however it is asked.
SHOWN = {
    *("index", "jsi18n", "app_list", "autocomplete", "login", "logout", "password_change_done"),
    *("auth_user_changelist", "auth_group_changelist", "audit_auditlog_changelist"),
    *("doctors_department_changelist", "doctors_doctor_changelist", "patients_patient_changelist"),
    *("scheduling_closure_changelist", "scheduling_closure_clock"),
    *("scheduling_schedule_changelist", "scheduling_schedule_dates", "scheduling_visittype_changelist"),
    *("appointments_appointment_worklist", "appointments_appointment_rebooking_report"),
    *("appointments_appointment_slip", "appointments_appointment_slip_pdf", "appointments_appointment_slip_ics"),
    *("booking_find", "booking_state", "walk_in_live", "reports", "day_sheet", "today_data", "today_panel"),
    *("patient_export", "audit_patients", "audit_patient", "audit_export"),
}


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


def rows() -> list[Any]:
    """A digest of each table that the console may write to."""
    tables = [model._meta.db_table for model in KEPT]
    each = "SELECT '{0}', md5(string_agg(row::text, ',' ORDER BY row::text)) FROM {0} AS row"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each.format(table) for table in tables))
        return sorted(cursor.fetchall())  # parallel workers give them in any order


def outcome(client, page: str, row: str, data: dict[str, Any], places: Any) -> str:
    """``done`` when rows have changed, ``denied`` when none has and the audit log has it; everything is taken back."""
    name, _question, query = page.partition("?")
    url = reverse(f"admin:{name}", args=[getattr(places, row).pk] if row else [])
    with transaction.atomic():
        before, denied = rows(), AuditLog.objects.filter(action="access.denied").count()
        response = client.post(f"{url}?{query.format(s=places)}", data)
        changed = rows() != before
        told = AuditLog.objects.filter(action="access.denied").count() - denied
        transaction.set_rollback(True)
    if changed:
        return "done"
    return "denied" if told else f"{response.status_code} unchanged and untold: {said(response)}"


def said(response) -> str:
    """Why nothing was done, should it have been."""
    context = response.context or {}
    return str(context.get("errors", ""))


@pytest.mark.parametrize("role", LETTERS)
def test_what_each_role_may_do_with_rows_inside_and_outside_its_scope(world, client, role):
    client.force_login(world.users[role])
    letter, got, want = LETTERS[role], {}, {}
    for name, act in ACTS.items():
        for side in SIDES:
            places = world.sides[side]
            with transaction.atomic():
                if act.first is not None:
                    act.first(world.users[role], places)
                got[name, side] = outcome(client, act.page, act.row, act.data(places), places)
                transaction.set_rollback(True)
            may = letter in act.who and (act.wide or side in SEES[letter])
            want[name, side] = "done" if may else "denied"
    assert got == want


@pytest.mark.parametrize("role", LETTERS)
def test_what_concerns_the_whole_hospital_is_for_those_who_see_all_of_it(world, client, role):
    client.force_login(world.users[role])
    got = {
        name: outcome(client, page, row, data(world.shared), world.shared)
        for name, (page, row, data) in FOR_ALL.items()
    }
    assert got == dict.fromkeys(FOR_ALL, "done" if role == "Administrator" else "denied")


@pytest.mark.parametrize("role", LETTERS)
def test_nobody_deletes_or_writes_what_is_kept_as_it_is(world, client, role):
    client.force_login(world.users[role])
    deleted = {page: model_of(page) for page in filter(None, addresses()) if page.endswith("_delete")}
    got = {}
    for page, row in (FOR_NOBODY | deleted).items():
        places = world.shared if hasattr(world.shared, row) else world.sides["own"]
        got[page] = outcome(client, page, row, {"post": "yes", "name": "x"}, places)
    assert got == dict.fromkeys(got, "denied")


@pytest.mark.parametrize("role", LETTERS)
def test_everybody_changes_their_own_password(world, client, role):
    client.force_login(world.users[role])
    new = {"old_password": PASSWORD, "new_password1": "a long pass phrase", "new_password2": "a long pass phrase"}
    assert outcome(client, "password_change", "", new, world.shared) == "done"


def test_all_that_is_taken_by_post_is_in_the_tables(world, rf):
    sent = [(act.page.partition("?")[0], act.data(world.sides["own"])) for act in ACTS.values()]
    sent += [(page.partition("?")[0], data(world.shared)) for page, _row, data in FOR_ALL.values()]
    named = {page for page in addresses() if page is not None and not by_default(page)}
    taking = named - SHOWN - FOR_NOBODY.keys()
    assert {page for page, _data in sent} | {"password_change"} == taking

    def of(page: str, name: str) -> set[str]:
        return {data[name] for each, data in sent if each == page and name in data}

    assert of("appointments_appointment_step", "step") == STEPS.keys()
    assert of("scheduling_week", "step") == OF_A_WEEK.keys()
    request = rf.get("/")
    request.user = User(is_superuser=True)
    for model, model_admin in admin.site._registry.items():
        changelist = f"{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert (changelist, of(changelist, "action")) == (changelist, model_admin.get_actions(request).keys())


def test_what_shows_something_changes_nothing_whatever_is_sent(world, client):
    client.force_login(world.users["Administrator"])
    own, sent = world.sides["own"], {}
    for act in ACTS.values():
        sent |= act.data(own)
    rows_of = {"app_list": "auth", "today_panel": own.appointment.pk, "audit_patient": own.patient.pk}
    rows_of |= {page: own.appointment.pk for page in SHOWN if "_slip" in page} | {"patient_export": own.patient.pk}
    for page in SHOWN - {"login", "logout"}:
        url = reverse(f"admin:{page}", args=[rows_of[page]] if page in rows_of else [])
        with transaction.atomic():
            before = rows()
            client.post(url, sent)
            assert (page, rows() == before) == (page, True)
            transaction.set_rollback(True)


@pytest.mark.parametrize("role", LETTERS)
def test_booking_takes_a_seat_that_one_sees_for_a_patient_of_anywhere(world, client, role):
    client.force_login(world.users[role])
    letter, got, want = LETTERS[role], {}, {}
    for side in SIDES:
        for patient in SIDES:
            key = str(uuid7())
            sent = {
                "patient": str(world.sides[patient].patient.pk),
                "slot": str(world.sides[side].other_slot.pk),
                "key": key,
            }
            got[side, patient] = outcome(client, "appointments_appointment_add", "", sent, world.sides[side])
            want[side, patient] = "done" if letter in "RD" and side in SEES[letter] else "denied"
    assert got == want


@pytest.mark.parametrize("role", ["Reception", "Scheduler", "Administrator"])
def test_search_boxes_offer_every_patient_but_only_doctors_that_one_sees(world, client, role):
    client.force_login(world.users[role])

    def offered(what: str, text: str) -> set[str]:
        answer = client.post(reverse("admin:booking_find"), {"what": what, "q": text})
        return {one["name"] for one in answer.json()["offered"]}

    for side in SIDES:
        assert f"Patient {side}" in " ".join(offered("who", f"Patient {side}"))
        doctors = offered("whose", f"Doctor {side}")
        assert (side, f"Doctor {side}" in doctors) == (side, side in SEES[LETTERS[role]])


def test_an_appointment_is_moved_to_no_seat_outside_the_scope(world, client):
    client.force_login(world.users["Reception"])
    own, elsewhere = world.sides["own"], world.sides["elsewhere"]
    sent = {"slot": str(elsewhere.availableslot.pk), "key": str(uuid7())}
    assert outcome(client, "appointments_appointment_move", "appointment", sent, own) == "denied"
    assert outcome(client, "appointments_appointment_rebook", "waiting", sent, own) == "denied"
    on_board = {"appointment": str(own.appointment.pk), "version": version_of(own.appointment), **sent}
    assert outcome(client, "today_move", "", on_board, own) == "denied"


def test_holidays_are_loaded_for_a_department_by_its_scheduler_and_for_all_by_nobody_else(world, client):
    client.force_login(world.users["Scheduler"])
    page, query = "scheduling_closure_holidays", {"country": "DE", "region": "", "year": str(in_days(366).year)}
    for department in ("", world.sides["elsewhere"].department.pk):
        refused = client.get(reverse(f"admin:{page}"), {**query, "department": department})
        assert list(refused.context["errors"]) == ["department"]
    own = client.get(reverse(f"admin:{page}"), {**query, "department": world.sides["own"].department.pk})
    assert not own.context["errors"]
