"""Who gets which page of the console, and with whose rows: one table, held against every address of the site.

Letters: R Reception, S Scheduler, C Clinician, A Auditor, D Administrator, - staff without a role. A page that is in no
table fails ``test_every_address_is_in_the_tables``. What is sent by POST is in ``test_matrix_posts``.
"""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import URLResolver, reverse

from appointments.models import Appointment
from booking_site.core.scoped import ScopedAdmin
from booking_site.testing.world import LETTERS, NOBODY, SEES, SIDES, build
from doctors.models import Department, Doctor

pytestmark = pytest.mark.django_db

# --- pages without a record: who gets them; the others are refused (403) ------------------------------------------
PLAIN = {
    "index": "RSCAD-",
    "password_change": "RSCAD-",
    "password_change_done": "RSCAD-",
    "jsi18n": "RSCAD-",
    "auth_user_changelist": "D",
    "auth_user_add": "D",
    "auth_group_changelist": "D",
    "auth_group_add": "",
    "api_apiclient_changelist": "D",
    "api_apiclient_add": "D",
    "doctors_department_changelist": "RSCD",
    "doctors_department_add": "D",
    "doctors_doctor_changelist": "RSCD",
    "doctors_doctor_add": "SD",
    "patients_patient_changelist": "RSCD",
    "patients_patient_add": "RD",
    "scheduling_week": "RSCD",
    "scheduling_closure_changelist": "RSCD",
    "scheduling_closure_add": "SD",
    "scheduling_closure_clock": "SD",
    "scheduling_closure_holidays": "SD",
    "scheduling_schedule_changelist": "RSCD",
    "scheduling_schedule_add": "SD",
    "scheduling_schedule_dates": "SD",
    "scheduling_availableslot_changelist": "RSCD",
    "scheduling_availableslot_add": "SD",
    "scheduling_visittype_changelist": "RSCD",
    "scheduling_visittype_add": "D",
    "appointments_appointment_changelist": "RSCD",
    "appointments_appointment_add": "RD",
    "appointments_appointment_worklist": "RSD",
    "appointments_appointment_rebook_all": "RSD",
    "booking_state": "RSD",
    "walk_in": "RD",
    "walk_in_live": "RD",
    "reports": "SD",
    "day_sheet": "RSCD",
    "today_data": "RSCD",
    "audit_auditlog_changelist": "AD",
    "audit_auditlog_add": "",
    "audit_patients": "AD",
}
# --- pages of a record: who gets them with a row that they see; who sees which row is in ``rows_seen`` ----------------
OF_A_ROW = {
    "auth_user_change": "D",
    "auth_user_password_change": "D",
    "auth_user_end_sessions": "D",
    "auth_user_remove_factors": "D",
    "auth_group_change": "D",
    "api_apiclient_change": "D",
    "doctors_department_change": "RSCD",
    "doctors_doctor_change": "RSCD",
    "patients_patient_change": "RSCD",
    "patient": "RSCD",
    "patient_merge": "RD",
    "patient_consents": "RD",
    "patient_erase": "D",
    "scheduling_closure_change": "RSCD",
    "scheduling_closure_lift": "SD",
    "scheduling_closure_renew": "SD",
    "scheduling_schedule_change": "RSCD",
    "scheduling_schedule_end": "SD",
    "scheduling_schedule_copy": "SD",
    "scheduling_availableslot_change": "RSCD",
    "scheduling_visittype_change": "RSCD",
    "appointments_appointment_change": "RSCD",
    "appointments_appointment_move": "RSD",
    "appointments_appointment_cancel": "RSD",
    "appointments_appointment_slip": "RSCD",
    "appointments_appointment_slip_pdf": "RSCD",
    "appointments_appointment_slip_ics": "RSCD",
    "audit_auditlog_change": "AD",
}
# --- pages that take what is sent to them and show nothing: who is told so, and how -----------------------------------
POST_ONLY = {
    "scheduling_availableslot_withdraw": ("SD", 405),
    "scheduling_availableslot_reinstate": ("SD", 405),
    "patient_unmerge": ("RD", 405),
    "patient_export": ("D", 405),
    "appointments_appointment_step": ("RSCAD-", 405),
    "appointments_appointment_slip_send": ("RSD", 405),
    "appointments_appointment_rebook": ("RSD", 302),
    "appointments_appointment_urgent": ("RSD", 302),
}
ASKED = {"today_data": {"date": "2026-11-23"}}  # what a page cannot do without
POST_ONLY_PLAIN = {  # 405 to those
    "booking_find": "RSD", "booking_release": "RSD", "today_move": "RSCAD-", "audit_export": "AD",
}  # fmt: skip
ELSEWHERE = {  # tested by name below, or in files of their own
    *("login", "logout", "autocomplete", "app_list", "appointments_appointment_rebooking_report"),
    *("today_panel", "audit_patient"),
}
HOSPITAL_WIDE = {"user", "group", "apiclient", "visittype", "auditlog"}
APPS = {
    "auth": "D", "api": "D", "doctors": "RSCD", "patients": "RSCD", "scheduling": "RSCD", "appointments": "RSCD",
    "audit": "AD",
}  # fmt: skip


def addresses(patterns=None, found=None) -> dict[str | None, str]:
    """Every address of the site by its name."""
    found = {} if found is None else found
    for pattern in admin.site.urls[0] if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            addresses(pattern.url_patterns, found)
        else:
            found[pattern.name] = str(pattern.pattern)
    return found


def by_default(name: str) -> bool:
    """The history and deletion of any record: the same for all, below."""
    return re.fullmatch(r"\w+_(history|delete)", name) is not None


def model_of(page: str) -> str:
    return "patient" if page.partition("_")[0] == "patient" else page.split("_")[1]


def rows_seen(letter: str, model: str) -> tuple[str, ...]:
    """The sides whose row of a model a role sees, once it may see any."""
    if model == "patient" and letter in "RS":
        return SIDES
    if model == "department" and letter == "C":
        return ("own", "beside")  # the department of both
    return SEES[letter]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Built once: no test of this file changes a row."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


def answer(client, url: str, **query) -> str:
    response = client.get(url, query)
    to = response.headers.get("Location", "")
    if to.startswith(reverse("admin:login")):
        return "login"
    return "gone" if to == reverse("admin:index") else str(response.status_code)


def test_every_address_is_in_the_tables():
    named = {name for name in addresses() if name is not None and not by_default(name)}
    assert named == PLAIN.keys() | OF_A_ROW.keys() | POST_ONLY.keys() | POST_ONLY_PLAIN.keys() | ELSEWHERE


def test_addresses_without_a_name_are_those_of_django_only():
    unnamed = [pattern for pattern in _all_patterns() if pattern.name is None]
    assert {str(pattern.pattern) for pattern in unnamed} == {"<path:object_id>/", "(?P<url>.*)$"}


def _all_patterns(patterns=None):
    for pattern in admin.site.urls[0] if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from _all_patterns(pattern.url_patterns)
        else:
            yield pattern


def row_pages(world) -> list[tuple[str, str, str]]:
    """(page, side, address) of every page of a record, for the row of each side; "shared" for those of all."""
    found = []
    for page in (*OF_A_ROW, *POST_ONLY):
        model = model_of(page)
        places = {"shared": world.shared} if model in HOSPITAL_WIDE else world.sides
        kind = "waiting" if page.endswith(("_rebook", "_urgent")) else "lifted" if page.endswith("_renew") else model
        for side, rows in places.items():
            found.append((page, side, reverse(f"admin:{page}", args=[getattr(rows, kind).pk])))
    return found


def expected(letter: str, page: str, side: str) -> str:
    who, code = POST_ONLY.get(page, (OF_A_ROW.get(page), 200))
    if page == "appointments_appointment_step":
        return str(code)  # says nothing of any row
    if letter not in who:
        return "403"
    if code == 302:
        return "302"  # back to the list, whatever the row
    is_seen = side == "shared" or code == 405 or side in rows_seen(letter, model_of(page))
    return str(code) if is_seen else "gone"


@pytest.mark.parametrize("role", LETTERS)
def test_pages_without_a_record(world, client, role):
    client.force_login(world.users[role])
    letter = LETTERS[role]
    got = {page: answer(client, reverse(f"admin:{page}"), **ASKED.get(page, {})) for page in (*PLAIN, *POST_ONLY_PLAIN)}
    want = {page: "200" if letter in who else "403" for page, who in PLAIN.items()}
    assert got == want | {page: "405" if letter in who else "403" for page, who in POST_ONLY_PLAIN.items()}


@pytest.mark.parametrize("role", LETTERS)
def test_pages_of_a_record_inside_and_outside_the_scope(world, client, role):
    client.force_login(world.users[role])
    letter = LETTERS[role]
    got = {(page, side): answer(client, url) for page, side, url in row_pages(world)}
    assert got == {(page, side): expected(letter, page, side) for page, side, _url in row_pages(world)}


def test_people_who_are_not_signed_in_get_the_sign_in(world, client):
    pages = [reverse(f"admin:{page}") for page in PLAIN if page != "jsi18n"]
    pages += [url for _page, _side, url in row_pages(world)]
    assert {answer(client, url) for url in pages} == {"login"}


@pytest.mark.parametrize("role", LETTERS)
def test_nothing_is_deleted_and_history_is_for_those_who_read_the_audit_log(world, client, role):
    client.force_login(world.users[role])
    got, want = {}, {}
    for page in filter(None, addresses()):
        if not by_default(page):
            continue
        rows = world.shared if model_of(page) in HOSPITAL_WIDE else world.sides["own"]
        got[page] = answer(client, reverse(f"admin:{page}", args=[getattr(rows, model_of(page)).pk]))
        want[page] = "302" if page.endswith("_history") and role in ("Auditor", "Administrator") else "403"
    assert got == want


@pytest.mark.parametrize("role", LETTERS)
def test_an_appointment_on_the_board(world, client, role):
    client.force_login(world.users[role])
    letter = LETTERS[role]
    pages = {side: reverse("admin:today_panel", args=[world.sides[side].appointment.pk]) for side in SIDES}
    got = {side: answer(client, page) for side, page in pages.items()}
    seen = SEES.get(letter)
    assert got == {side: "403" if seen is None else "200" if side in seen else "404" for side in SIDES}


@pytest.mark.parametrize("role", LETTERS)
def test_who_looked_at_a_patient(world, client, role):
    """Who reads the log sees what it tells of anybody, and the names of those patients that they see."""
    client.force_login(world.users[role])
    for side in SIDES:
        patient = world.sides[side].patient
        response = client.get(reverse("admin:audit_patient", args=[patient.pk]))
        assert response.status_code == (200 if LETTERS[role] in "AD" else 403)
        assert (patient.last_name in response.content.decode()) == (LETTERS[role] == "D")


@pytest.mark.parametrize("role", LETTERS)
def test_pages_of_an_app(world, client, role):
    client.force_login(world.users[role])
    got = {app: answer(client, reverse("admin:app_list", args=[app])) for app in APPS}
    assert got == {app: "200" if LETTERS[role] in who else "404" for app, who in APPS.items()}


def test_staff_without_a_department_are_told_whom_to_ask(world, client):
    newcomer = User.objects.create_user("newcomer", is_staff=True)
    newcomer.groups.add(world.shared.group)
    client.force_login(newcomer)
    notice = "You do not belong to any department yet. Ask an administrator."
    index = client.get(reverse("admin:index"))
    assert (index.status_code, notice in index.content.decode()) == (200, True)
    for page in ("index", "password_change"):
        text = client.get(reverse(f"admin:{page}")).content.decode()
        assert (page, "desk-find" in text, reverse("admin:patients_patient_changelist") in text) == (page, False, False)
    refused = [page for page, who in PLAIN.items() if "R" in who and len(who) < len(LETTERS)]
    for page in refused:
        response = client.get(reverse(f"admin:{page}"), headers={"accept": "text/html"})
        assert (page, response.status_code, notice in response.content.decode()) == (page, 403, True)


def test_the_sign_in_tells_nothing_of_rows(client):
    assert client.get(reverse("admin:login")).status_code == 200
    assert NOBODY not in client.get(reverse("admin:login")).content.decode()


def test_every_model_with_a_department_or_a_doctor_says_whose_rows_are_seen():
    """A new admin cannot forget it."""
    forgotten = []
    for model, model_admin in admin.site._registry.items():
        related = {field.related_model for field in model._meta.get_fields() if field.many_to_one or field.one_to_one}
        concerned = model in (Department, Doctor) or related & {Department, Doctor, Appointment}
        limited = model_admin.scoped is not None or type(model_admin).seen is not ScopedAdmin.seen
        if concerned and not limited:
            forgotten.append(model.__name__)
    assert forgotten == []
