"""Users and their roles. Groups are made by a migration: here they are looked at, and given to users."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from booking_site.core.actor import actor_of
from booking_site.core.admin import AnnouncedAdmin
from booking_site.core.signals import record_saved

admin.site.unregister([User, Group])


@admin.register(User)
class StaffAdmin(AnnouncedAdmin, UserAdmin):
    """Nobody raises themselves: only a superuser makes superusers, gives single permissions, or touches a superuser."""

    list_display = ["username", "first_name", "last_name", "email", "roles", "is_active", "is_staff"]
    list_filter = ["is_active", "groups"]
    filter_horizontal = ["groups", "user_permissions"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        moments = ["last_login", "date_joined"]
        return moments if request.user.is_superuser else [*moments, "is_superuser", "user_permissions"]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            record_saved.send(
                sender=User,
                actor=actor_of(request),
                instance=self.get_object(request, unquote(id)),
                changes={"password": ("***", "***")},
                created=False,
            )
        return response

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all())


@admin.register(Group)
class RoleAdmin(AnnouncedAdmin, GroupAdmin):
    pass
