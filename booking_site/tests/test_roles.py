"""Roles and permissions in words: shown in the language of the person, stored as they were."""

import re

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from django.utils.translation import override

from audit.models import AuditLog
from booking_site.console.roles import permission_label, permissions_in_use, role_label
from booking_site.testing.browser import BROWSER, accessible, sign_in
from booking_site.testing.factories import DepartmentFactory, staff
from doctors.models import StaffProfile

GERMAN = {"Accept-Language": "de"}
ROLES = {
    "Reception": "Empfang",
    "Scheduler": "Planung",
    "Clinician": "Behandlung",
    "Auditor": "Revision",
    "Administrator": "Administration",
}
PLACE = {"staff_profile-TOTAL_FORMS": "1", "staff_profile-INITIAL_FORMS": "0"}


def read(client, name: str, *args, language: str = "de") -> str:
    answer = client.get(reverse(f"admin:{name}", args=args), headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def boxes(text: str, field: str) -> dict[str, str]:
    """Label: value of each box of a field."""
    found = re.findall(rf'name="{field}" value="([^"]+)"[^>]*>\s*([^<]+)</label>', text)
    return {label.strip(): value for value, label in found}


@pytest.mark.django_db
def test_a_role_is_named_in_the_language_of_the_person_wherever_it_is_shown(client):
    boss = staff("Administrator")
    other = staff("Reception")
    client.force_login(boss)
    roles = {role.name: role for role in Group.objects.all()}
    for language, names in (("de", ROLES), ("en", dict.fromkeys(ROLES))):
        names = {name: word or name for name, word in names.items()}
        read_in = {"language": language}
        listed = read(client, "auth_group_changelist", **read_in)
        assert set(re.findall(r'<th class="field-role"><a [^>]*>(\w+)</a>', listed)) == set(names.values())
        users = read(client, "auth_user_changelist", **read_in)
        assert set(re.findall(r'<td class="field-roles">(\w+)</td>', users)) == {
            names["Administrator"], names["Reception"],
        }  # fmt: skip
        assert set(re.findall(r'groups__id__exact=\d+">(\w+)</a>', users)) == set(names.values())
        assert boxes(read(client, "auth_user_change", other.pk, **read_in), "groups") == {
            names[name]: f"{role.pk}" for name, role in roles.items()
        }
        assert f'<div class="readonly">{names["Administrator"]}</div>' in read(
            client, "auth_user_change", boss.pk, **read_in
        )
        page = read(client, "auth_group_change", roles["Scheduler"].pk, **read_in)
        assert f"<h1>{names['Scheduler']}</h1>" in page
        assert (names["Scheduler"] == "Scheduler") == ("Scheduler" in page)
    assert set(Group.objects.values_list("name", flat=True)) == ROLES.keys()


@pytest.mark.django_db
def test_a_role_of_the_hospitals_own_keeps_its_name():
    with override("de"):
        assert role_label("Night porters") == "Night porters"


@pytest.mark.django_db
def test_every_permission_has_words():
    labels = {}
    for language in ("en", "de"):
        with override(language):
            labels[language] = {
                f"{each.content_type.app_label}.{each.codename}": permission_label(each)
                for each in permissions_in_use()
            }
    assert labels["en"]["patients.view_patient"] == "Patients: view"
    assert labels["de"]["patients.view_patient"] == "Patienten: ansehen"
    own = {
        f"{model._meta.app_label}.{codename}": words
        for model in apps.get_models()
        for codename, words in model._meta.permissions
    }
    assert len(own) == 7
    assert own.items() <= labels["en"].items()
    assert [name for name in labels["en"] if labels["en"][name] == labels["de"][name]] == []
    given = {
        f"{each.content_type.app_label}.{each.codename}" for each in Permission.objects.filter(group__isnull=False)
    }
    assert given <= labels["en"].keys()


@pytest.mark.django_db
def test_what_somebody_has_been_given_is_among_the_boxes_though_no_page_asks_for_it(client):
    client.force_login(User.objects.create_superuser("boss"))
    user = User.objects.create_user("new", is_staff=True)
    unusual = Permission.objects.get(codename="delete_session")
    assert "Can delete session" not in boxes(read(client, "auth_user_change", user.pk), "user_permissions")
    user.user_permissions.add(unusual)
    page = client.get(reverse("admin:auth_user_change", args=[user.pk]))
    assert page.context["adminform"].form["user_permissions"].value() == [unusual.pk]
    assert str(unusual.pk) in boxes(page.content.decode(), "user_permissions").values()


@pytest.mark.django_db
def test_what_is_ticked_is_given_and_noted_under_its_stored_name(client):
    client.force_login(User.objects.create_superuser("boss"))
    department, user = DepartmentFactory(name="Cardiology"), User.objects.create_user("new", is_staff=True)
    page = read(client, "auth_user_change", user.pk)
    form = {
        "username": "new",
        "is_staff": "on",
        "groups": [boxes(page, "groups")["Planung"]],
        "user_permissions": [boxes(page, "user_permissions")["Patienten: ansehen"]],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00",
        "staff_profile-0-departments": [boxes(page, "staff_profile-0-departments")["Cardiology"]],
        **PLACE,
    }
    answer = client.post(reverse("admin:auth_user_change", args=[user.pk]), form, headers=GERMAN)
    assert answer.status_code == 302, answer.context["errors"]
    assert [group.name for group in user.groups.all()] == ["Scheduler"]
    assert [each.codename for each in user.user_permissions.all()] == ["view_patient"]
    assert list(StaffProfile.objects.get(user=user).departments.all()) == [department]
    noted = AuditLog.objects.get(action="user.updated", object_id=str(user.pk)).details["new"]
    assert (noted["groups"], noted["departments"]) == (["Scheduler"], ["Cardiology"])
    assert [name.split(" | ")[-1] for name in noted["user_permissions"]] == ["Can view patient"]

    role = Group.objects.get(name="Auditor")
    page = read(client, "auth_group_change", role.pk)
    assert boxes(page, "permissions").keys() > {"Protokoll: ansehen", "Darf die Zahlen sehen"}
    form = {"name": "Auditor", "permissions": [boxes(page, "permissions")["Darf die Zahlen sehen"]]}
    client.post(reverse("admin:auth_group_change", args=[role.pk]), form, headers=GERMAN)
    assert [each.codename for each in role.permissions.all()] == ["report_appointment"]
    noted = AuditLog.objects.get(action="group.updated").details
    assert [name.split(" | ")[-1] for name in noted["old"]["permissions"]] == ["Can view auditlog"]
    assert len(noted["new"]["permissions"]) == 1


class TestInABrowser:
    pytestmark = BROWSER

    def test_pages_of_users_and_roles_are_accessible(self, page):
        staff("Administrator", is_superuser=True)
        other = staff("Reception")
        sign_in(page, "administrator")
        for address in ("user/add/", f"user/{other.pk}/change/", f"group/{Group.objects.first().pk}/change/"):
            page.goto(f"/admin/auth/{address}")
            accessible(page)


@pytest.mark.django_db
def test_what_somebody_may_do_is_asked_for_at_once_and_only_of_who_is_active(django_assert_num_queries):
    user = User.objects.create_user("new", is_staff=True)
    user.groups.add(Group.objects.get(name="Auditor"))
    user.user_permissions.add(Permission.objects.get(codename="view_patient"))
    with django_assert_num_queries(1):
        assert user.get_all_permissions() == {"audit.view_auditlog", "patients.view_patient"}
        assert user.has_perm("patients.view_patient")
        assert not user.has_perm("patients.change_patient")
    User.objects.update(is_active=False)
    assert User.objects.get().get_all_permissions() == set()
