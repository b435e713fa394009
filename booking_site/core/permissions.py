"""What a member of staff may do: Django's permissions of the user and of their groups, asked for at once with the names
of the groups. Nobody else signs in here.

Every page of the console asks, the board of the day every few seconds: Django's own backend takes two queries for it,
which it builds anew each time.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.db.models import CharField, QuerySet, Value

from booking_site.core.sql import compiled

ROLE = ""  # in the place of an app: the name of a group


class StaffBackend(ModelBackend):
    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.is_staff

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        is_asked = user_obj.is_active and obj is None and not user_obj.is_superuser
        if is_asked and not hasattr(user_obj, "_perm_cache"):
            _ask(user_obj)
        return super().get_all_permissions(user_obj, obj)


def roles_of(user: Any) -> frozenset[str]:
    """The names of the user's groups."""
    if not hasattr(user, "_roles"):
        _ask(user)
    return user._roles


def _ask(user: Any) -> None:
    given = _given_to(user.pk)
    user._roles = frozenset(name for app, name in given if app == ROLE)
    if not user.is_superuser:  # who have all
        user._perm_cache = {f"{app}.{codename}" for app, codename in given if app != ROLE}


@compiled
def _given_to(user: int) -> QuerySet:
    given = Permission.objects.order_by().values_list("content_type__app_label", "codename")
    roles = Group.objects.order_by().filter(user=user).values_list(Value(ROLE, output_field=CharField()), "name")
    return given.filter(user=user).union(given.filter(group__user=user), roles)
