"""The console as a whole: who sees what, nothing is deleted, no page breaks, no page counts its rows one by one."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oauth2_provider.models import get_access_token_model, get_grant_model, get_refresh_token_model

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.api.models import ApiClient
from booking_site.testing.factories import (
    ClosureFactory,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    staff,
)
from doctors.models import Department, Doctor
from patients.models import Patient
from scheduling.models import AvailableSlot, Closure, Schedule, VisitType

pytestmark = pytest.mark.django_db
MODELS = [
    *(Department, Doctor, Patient, VisitType, Schedule, Closure, AvailableSlot, Appointment, AuditLog, ApiClient),
    *(User, Group),
]
# role: what its pages let it do, as model: letters of view, add, change (by form), step (own pages)
ROLES = {
    "Reception": {
        "department": "v", "doctor": "v", "patient": "vac", "visittype": "v", "schedule": "v", "closure": "v",
        "availableslot": "v", "appointment": "vas",
    },
    "Scheduler": {
        "department": "v", "doctor": "vac", "patient": "v", "visittype": "v", "schedule": "vas", "closure": "vas",
        "availableslot": "vas", "appointment": "vs",
    },
    "Clinician": {
        "department": "v", "doctor": "v", "patient": "v", "visittype": "v", "schedule": "v", "closure": "v",
        "availableslot": "v", "appointment": "v",
    },
    "Auditor": {"auditlog": "v"},
    "Administrator": {
        "department": "vac", "doctor": "vac", "patient": "vac", "visittype": "vac", "schedule": "vas",
        "closure": "vas", "availableslot": "vas", "appointment": "vas", "auditlog": "v", "apiclient": "vac",
        "user": "vac", "group": "v",
    },
}  # fmt: skip


NO_PLACE_CHOSEN = {"staff_profile-TOTAL_FORMS": "0", "staff_profile-INITIAL_FORMS": "0"}


def url(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def rows():
    """One row of every model."""
    appointment = booked(reason="Follow-up")
    doctor = appointment.doctor
    schedule = Schedule.objects.create(
        doctor=doctor, department=doctor.department, name="Mornings", recurrence="FREQ=WEEKLY", starts_on="2026-01-01",
        start_time="09:00", end_time="12:00", slot_minutes=30,
    )  # fmt: skip
    client = ApiClient.objects.create(
        name="Portal", client_type="confidential", authorization_grant_type="client-credentials", scopes="slots:read",
        client_secret="a secret that is never shown",
    )  # fmt: skip
    return {
        Department: doctor.department, Doctor: doctor, Patient: appointment.patient, Schedule: schedule,
        VisitType: schedule.visit_type, Closure: ClosureFactory(),
        AvailableSlot: SlotFactory(doctor=doctor), Appointment: appointment, AuditLog: AuditLog.objects.first(),
        ApiClient: client, User: User.objects.create_user("somebody"), Group: Group.objects.get(name="Auditor"),
    }  # fmt: skip


def test_every_model_is_registered_and_tokens_are_not():
    for model in MODELS:
        assert admin.site.is_registered(model), model
    for model in (get_access_token_model(), get_grant_model(), get_refresh_token_model()):
        assert not admin.site.is_registered(model), model


def test_anonymous_people_are_sent_to_the_sign_in(client, rows):
    assert client.get("/", follow=True).redirect_chain[-1][0] == "/admin/login/?next=/admin/"
    for model, row in rows.items():
        for page in (url(model, "changelist"), url(model, "add"), url(model, "change", row.pk)):
            assert client.get(page)["Location"].startswith("/admin/login/"), page


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_its_pages_and_no_others(client, rows, role):
    client.force_login(staff(role))
    for model, row in rows.items():
        may = ROLES[role].get(model._meta.model_name, "")
        want = {
            url(model, "changelist"): "v" in may,
            url(model, "add"): "a" in may,
            url(model, "change", row.pk): "v" in may,
            url(model, "delete", row.pk): False,
        }
        got = {page: client.get(page).status_code for page in want}
        assert got == {page: 200 if ok else 403 for page, ok in want.items()}
        form = client.get(url(model, "change", row.pk)).content
        assert (b'name="_save"' in form) is ("c" in may), model
        assert client.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        assert model._base_manager.filter(pk=row.pk).exists()
    steps = {
        url(Appointment, "move", rows[Appointment].pk): "s" in ROLES[role].get("appointment", ""),
        url(Appointment, "cancel", rows[Appointment].pk): "s" in ROLES[role].get("appointment", ""),
        url(AvailableSlot, "withdraw", rows[AvailableSlot].pk): "s" in ROLES[role].get("availableslot", ""),
        url(AvailableSlot, "reinstate", rows[AvailableSlot].pk): "s" in ROLES[role].get("availableslot", ""),
        url(Schedule, "dates"): "s" in ROLES[role].get("schedule", ""),
        url(Schedule, "end", rows[Schedule].pk): "s" in ROLES[role].get("schedule", ""),
        url(Schedule, "copy", rows[Schedule].pk): "s" in ROLES[role].get("schedule", ""),
        url(Closure, "clock"): "s" in ROLES[role].get("closure", ""),
        url(Closure, "holidays"): "s" in ROLES[role].get("closure", ""),
        url(Closure, "lift", rows[Closure].pk): "s" in ROLES[role].get("closure", ""),
        url(Closure, "renew", rows[Closure].pk): "s" in ROLES[role].get("closure", ""),
    }
    assert {page: client.post(page).status_code == 403 for page in steps} == {
        page: not ok for page, ok in steps.items()
    }


def test_a_superuser_deletes_nothing_either(admin_client, rows):
    for model, row in rows.items():
        assert admin_client.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        answer = admin_client.post(
            url(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        )
        assert answer.status_code in (200, 302, 403)
        assert model._base_manager.filter(pk=row.pk).exists(), model


def test_a_refused_page_is_an_audit_row(client, rows):
    client.force_login(staff("Auditor"))
    assert client.get(url(Patient, "changelist")).status_code == 403
    row = AuditLog.objects.get(action="access.denied")
    assert (row.status, row.user_name, row.details["path"]) == ("denied", "auditor", "/admin/patients/patient/")


@pytest.mark.parametrize("model", [model for model in MODELS if model not in (ApiClient, Group)])
def test_a_list_asks_the_database_as_often_for_five_rows_as_for_one(admin_client, rows, model):
    page = url(model, "changelist") + ("?day=all" if model in (AvailableSlot, Appointment, AuditLog) else "")

    def queries() -> int:
        admin_client.get(page)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = admin_client.get(page)
        assert answer.status_code == 200
        return len(captured), len(answer.context["cl"].result_list)

    ClosureFactory(department=DepartmentFactory())
    before, few = queries()
    for n in range(4):
        appointment = booked(slot=SlotFactory(doctor=DoctorFactory()))
        SlotFactory(doctor=appointment.doctor)
        staff_member = User.objects.create_user(f"user{n}")
        staff_member.groups.add(Group.objects.get(name="Reception"))
        Schedule.objects.create(
            doctor=appointment.doctor, department=appointment.department, name="x", recurrence="FREQ=WEEKLY",
            starts_on="2026-01-01", start_time="09:00", end_time="12:00", slot_minutes=30,
        )  # fmt: skip
        ClosureFactory(doctor=appointment.doctor)
        VisitTypeFactory()
    after, many = queries()
    assert many >= few + 4
    assert after == before


def test_the_index_offers_the_search_for_patients_to_those_who_may(client):
    client.force_login(staff("Reception"))
    assert b"Find a patient" in client.get("/admin/").content
    client.force_login(staff("Auditor"))
    assert b"Find a patient" not in client.get("/admin/").content


def test_history_is_the_audit_log(client, rows):
    client.force_login(staff("Administrator"))
    answer = client.get(url(Appointment, "history", rows[Appointment].pk), follow=True)
    assert [row.action for row in answer.context["cl"].result_list] == ["appointment.booked"]
    client.force_login(staff("Reception"))
    assert client.get(url(Appointment, "history", rows[Appointment].pk)).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_nonsense_in_the_address_breaks_no_page(admin_client, rows, model):
    queries = [
        *("q=%27%22%3C", "q=%00", "day=nonsense", "day=9999-12-31", "day=0001-01-01", "p=99999", "status=x"),
        *("department__id__exact=nonsense", "patient__id__exact=nonsense", "doctor__id__exact=%00"),
    ]
    for query in queries:
        answer = admin_client.get(f"{url(model, 'changelist')}?{query}")
        assert answer.status_code in (200, 302, 400), query
    for key in ("nonsense", "00000000-0000-7000-8000-000000000000", "0", "%00"):
        answer = admin_client.get(url(model, "change", "KEY").replace("KEY", key))
        assert answer.status_code in (302, 400), key


# --- users and clients -----------------------------------------------------------------------------------------


def test_an_administrator_gives_roles_but_raises_nobody_to_superuser(client):
    client.force_login(staff("Administrator"))
    answer = client.post(
        url(User, "add"),
        {
            "username": "new",
            "password1": "a long pass phrase",
            "password2": "a long pass phrase",
            "usable_password": "true",
            **NO_PLACE_CHOSEN,
        },
    )
    assert answer.status_code == 302, answer.content
    new = User.objects.get(username="new")
    role = Group.objects.get(name="Reception")
    client.post(
        url(User, "change", new.pk),
        {
            "username": "new",
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
            "groups": [role.pk],
            "user_permissions": [1],
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00",
            **NO_PLACE_CHOSEN,
        },
    )
    new.refresh_from_db()
    assert (new.is_staff, new.is_superuser, list(new.groups.all()), new.user_permissions.count()) == (
        True,
        False,
        [role],
        0,
    )
    rows = AuditLog.objects.filter(object_type="user", action__in=["user.created", "user.updated"]).order_by(
        "timestamp"
    )
    assert [row.user_name for row in rows] == ["administrator", "administrator"]
    assert "pass phrase" not in str([row.details for row in rows])
    assert rows[1].details["new"]["groups"] == ["Reception"]


def test_an_administrator_cannot_touch_a_superuser(client):
    boss = User.objects.create_superuser("boss", password="a long pass phrase")
    client.force_login(staff("Administrator"))
    assert client.post(url(User, "change", boss.pk), {"username": "mine"}).status_code == 403
    page = reverse("admin:auth_user_password_change", args=[boss.pk])
    new = {"password1": "another pass phrase", "password2": "another pass phrase", "usable_password": "true"}
    assert client.post(page, new).status_code == 403
    boss.refresh_from_db()
    assert boss.check_password("a long pass phrase")


def test_a_new_password_of_a_user_is_audited_by_its_name_only(client):
    user = User.objects.create_user("somebody")
    client.force_login(staff("Administrator"))
    page = reverse("admin:auth_user_password_change", args=[user.pk])
    new = {"password1": "another pass phrase", "password2": "another pass phrase", "usable_password": "true"}
    assert client.post(page, new).status_code == 302
    row = AuditLog.objects.get(action="user.updated")
    assert (row.object_id, row.details["new"]) == (str(user.pk), {"password": "***"})


def test_a_clients_secret_is_nowhere_and_its_scopes_and_limit_can_be_changed(client, rows):
    portal = rows[ApiClient]
    client.force_login(staff("Administrator"))
    page = client.get(url(ApiClient, "change", portal.pk))
    assert "secret" not in page.content.decode().lower()
    form = {"name": "Portal", "redirect_uris": "", "scopes": ["slots:read", "slots:hold"], "requests_per_minute": "30"}
    answer = client.post(url(ApiClient, "change", portal.pk), form)
    assert answer.status_code == 302, answer.content
    secret = portal.client_secret
    portal.refresh_from_db()
    assert (portal.scopes, portal.requests_per_minute, portal.client_secret) == ("slots:read slots:hold", 30, secret)
    row = AuditLog.objects.get(action="apiclient.updated")
    assert row.details == {
        "old": {"scopes": "slots:read", "requests_per_minute": None},
        "new": {"scopes": "slots:read slots:hold", "requests_per_minute": 30},
    }
    client.post(url(ApiClient, "change", portal.pk), {"name": "Portal", "redirect_uris": ""})
    portal.refresh_from_db()
    assert portal.scopes == ""
    bad = client.post(url(ApiClient, "change", portal.pk), {"name": "Portal", "scopes": ["everything"]})
    assert bad.status_code == 200
    assert "everything is not one of the available choices" in bad.content.decode()


def test_an_app_that_acts_for_people_is_registered_here_and_needs_an_address_of_its_own(client):
    client.force_login(staff("Administrator"))
    form = {"name": "Tablet", "redirect_uris": "", "scopes": ["slots:read"]}
    assert b"redirect_uris cannot be empty" in client.post(url(ApiClient, "add"), form).content
    assert client.post(url(ApiClient, "add"), {**form, "redirect_uris": "https://app.example/back"}).status_code == 302
    app = ApiClient.objects.get()
    assert (app.client_type, app.authorization_grant_type) == ("public", "authorization-code")


def test_texts_of_any_kind_are_shown_as_they_are(admin_client):
    naughty = "<script>alert(1)</script>\"'><img src=x onerror=y>"
    patient = PatientFactory(first_name=naughty, last_name="مريم ‮𝕏 ẞ")
    doctor = DoctorFactory(name=naughty)
    appointment = booked(patient=patient, slot=SlotFactory(doctor=doctor), reason=naughty)
    pages = [
        url(Patient, "changelist"), url(Patient, "change", patient.pk), url(Doctor, "changelist"),
        url(Appointment, "changelist") + "?day=all", url(Appointment, "change", appointment.pk),
        url(Appointment, "move", appointment.pk), url(Appointment, "cancel", appointment.pk),
        url(Appointment, "add") + f"?patient={patient.pk}&slot={appointment.slot_id}",
        url(AvailableSlot, "changelist") + "?day=all", url(AvailableSlot, "change", appointment.slot_id),
        url(AuditLog, "changelist") + f"?q={appointment.pk}",
    ]  # fmt: skip
    for page in pages:
        text = admin_client.get(page).content.decode()
        assert "<script>alert" not in text, page
        assert "<img src=x" not in text, page
        if page != pages[-1]:
            assert "&lt;script&gt;alert" in text, page
