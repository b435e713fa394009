"""The pages of users: roles and places of work, given by those who may, and never to oneself."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from audit.models import AuditLog
from booking_site.console.admin import roles_to_give
from booking_site.core.scope import Scope, scope_of
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, staff
from doctors.models import StaffProfile

pytestmark = pytest.mark.django_db
ADD = "/admin/auth/user/add/"
PASSWORDS = {"password1": "a long pass phrase", "password2": "a long pass phrase", "usable_password": "true"}


def page(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def place(user: User | None = None, **fields) -> dict:
    """What the part of the form about the place of work sends."""
    profile = getattr(user, "staff_profile", None)
    form = {"staff_profile-TOTAL_FORMS": "1", "staff_profile-INITIAL_FORMS": "1" if profile else "0"}
    known = {"id": profile.pk, "user": user.pk} if profile else {}
    return form | {f"staff_profile-0-{name}": value for name, value in {**known, **fields}.items()}


def sent(user: User, *roles: str, **fields) -> dict:
    groups = [Group.objects.get(name=role).pk for role in roles]
    about = {"username": user.username, "is_active": "on", "is_staff": "on", "groups": groups}
    return about | place(user, **fields)


def fresh_scope(user: User) -> Scope:
    return scope_of(User.objects.get(pk=user.pk))


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def administrator(client):
    user = staff("Administrator")
    client.force_login(user)
    return user


def test_a_new_user_gets_role_and_departments_at_once(client, administrator):
    cardiology, neurology = DepartmentFactory(name="Cardiology"), DepartmentFactory(name="Neurology")
    role = Group.objects.get(name="Reception")
    form = {"username": "new", "is_staff": "on", "groups": [role.pk], **PASSWORDS}
    answer = client.post(ADD, form | place(departments=[cardiology.pk]))
    assert answer.status_code == 302, answer.context["errors"]
    new = User.objects.get(username="new")
    assert (new.is_staff, list(new.groups.all())) == (True, [role])
    assert fresh_scope(new) == Scope(departments=frozenset([cardiology.pk]))
    assert not fresh_scope(new).allows(department_id=neurology.pk, doctor_id="")
    row = AuditLog.objects.get(action="user.created")
    assert (row.details["new"]["groups"], row.details["new"]["departments"]) == (["Reception"], ["Cardiology"])
    assert "pass phrase" not in str(row.details)


def test_a_change_of_the_place_of_work_is_in_the_audit_log_with_what_it_was(client, administrator):
    cardiology, neurology = DepartmentFactory(name="Cardiology"), DepartmentFactory(name="Neurology")
    user = staff("Reception", cardiology)
    doctor = DoctorFactory(department=neurology)
    client.post(page(user), sent(user, "Reception", departments=[neurology.pk], doctor=doctor.pk))
    assert fresh_scope(user) == Scope(departments=frozenset([neurology.pk]), doctor=doctor.pk)
    details = AuditLog.objects.get(action="user.updated").details
    assert (details["old"]["departments"], details["new"]["departments"]) == (["Cardiology"], ["Neurology"])
    assert (details["old"]["doctor"], details["new"]["doctor"]) == (None, doctor.pk)

    user = User.objects.get(pk=user.pk)
    client.post(page(user), sent(user, "Reception", departments=[neurology.pk], doctor=""))
    assert fresh_scope(user) == Scope(departments=frozenset([neurology.pk]))
    details = AuditLog.objects.filter(action="user.updated").latest("timestamp", "pk").details
    assert (details["old"]["doctor"], details["new"]["doctor"]) == (doctor.pk, None)


def test_a_clinician_without_a_doctor_is_warned_of(client, administrator):
    user = staff("Clinician")
    StaffProfile.objects.all().delete()
    user = User.objects.get(pk=user.pk)
    answer = client.post(page(user), sent(user, "Clinician"), follow=True)
    assert any("is a clinician, but none of the doctors" in text for text in said(answer))
    user = User.objects.get(pk=user.pk)
    answer = client.post(page(user), sent(user, "Clinician", doctor=DoctorFactory().pk), follow=True)
    assert not any("none of the doctors" in text for text in said(answer))


def test_staff_without_a_department_are_warned_of(client, administrator):
    user = staff("Reception")
    StaffProfile.objects.all().delete()
    user = User.objects.get(pk=user.pk)
    answer = client.post(page(user), sent(user, "Reception"), follow=True)
    assert any("does not belong to any department yet" in text for text in said(answer))


def test_a_doctor_belongs_to_one_user(client, administrator):
    doctor = DoctorFactory()
    staff("Clinician", doctor=doctor)
    other = User.objects.create_user("other", is_staff=True)
    answer = client.post(page(other), sent(other, "Clinician", doctor=doctor.pk))
    assert "Another user is this doctor already" in answer.content.decode()
    assert StaffProfile.objects.get(doctor=doctor).user.username == "clinician"


def test_nobody_changes_their_own_roles_or_place_of_work(client, administrator):
    department = DepartmentFactory()
    answer = client.post(
        page(administrator), sent(administrator, "Administrator", "Reception", departments=[department.pk])
    )
    assert answer.status_code == 302
    assert [group.name for group in administrator.groups.all()] == ["Administrator"]
    assert StaffProfile.objects.get(user=administrator).departments.count() == 0
    assert "changed by somebody else" in client.get(page(administrator)).content.decode()


def test_who_has_no_place_of_work_is_offered_none_for_themselves(client, administrator):
    StaffProfile.objects.all().delete()
    assert "staff_profile-0-departments" not in client.get(page(administrator)).content.decode()
    client.post(page(administrator), sent(administrator, "Administrator", all_departments="on"))
    assert not StaffProfile.objects.exists()


def test_a_superuser_does_not_lock_themselves_out(admin_client, admin_user):
    admin_client.post(page(admin_user), {"username": "admin"} | place())
    admin_user.refresh_from_db()
    assert (admin_user.is_active, admin_user.is_staff, admin_user.is_superuser) == (True, True, True)


def test_the_administrator_may_give_every_role():
    assert set(roles_to_give(staff("Administrator"))) == set(Group.objects.all())


def test_who_may_do_less_gives_no_greater_role_and_touches_nobody_who_may_do_more(client):
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["add_user", "change_user", "view_user", "view_auditlog"])
    )
    boss, somebody = staff("Administrator"), User.objects.create_user("somebody", is_staff=True)
    client.force_login(helper)
    assert [group.name for group in roles_to_give(helper)] == ["Auditor"]
    assert client.post(page(boss), sent(boss, "Auditor")).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[boss.pk])
    assert client.post(password, PASSWORDS).status_code == 403
    answer = client.post(page(somebody), sent(somebody, "Administrator"))
    assert (answer.status_code, somebody.groups.count()) == (200, 0)
    assert client.post(page(somebody), sent(somebody, "Auditor")).status_code == 302
    assert [group.name for group in somebody.groups.all()] == ["Auditor"]


def test_a_place_of_work_is_given_by_those_who_see_everything(client):
    helper = staff("Auditor", DepartmentFactory())
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["change_user", "view_user", "change_staffprofile", "add_staffprofile"])
    )
    somebody = User.objects.create_user("somebody", is_staff=True)
    client.force_login(helper)
    client.post(page(somebody), sent(somebody, all_departments="on"))
    assert not StaffProfile.objects.filter(user=somebody).exists()
