"""What a member of staff may do: Django's permissions of the user and of their groups, asked for at once.

Every page of the console asks, the board of the day every few seconds: Django's own backend takes two queries for it,
which it builds anew each time.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import QuerySet

from booking_site.core.sql import compiled


class StaffBackend(ModelBackend):
    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        is_asked = user_obj.is_active and obj is None and not user_obj.is_superuser
        if is_asked and not hasattr(user_obj, "_perm_cache"):
            user_obj._perm_cache = {f"{app}.{codename}" for app, codename in _given_to(user_obj.pk)}
        return super().get_all_permissions(user_obj, obj)


@compiled
def _given_to(user: int) -> QuerySet:
    given = Permission.objects.order_by().values_list("content_type__app_label", "codename")
    return given.filter(user=user).union(given.filter(group__user=user))
