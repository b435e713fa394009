"""Users, their roles and where they work. Groups are made by a migration: here they are looked at, and given to users.

Nobody raises themselves, and nobody gives away more than they have: see ``StaffAdmin``.
"""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from booking_site.accounts.ending import password_changed
from booking_site.console.helping import end_sessions_page, remove_factors_page
from booking_site.console.roles import BoxesAdmin, RoleFilter, permissions_html, role_label
from booking_site.core.admin import AnnouncedAdmin
from booking_site.core.found import PostedSearch
from booking_site.core.scope import is_without_place, scope_of
from doctors.models import StaffProfile

CLINICIAN = "Clinician"
IN_WORDS = {"groups": "roles", "user_permissions": "single_permissions"}  # where they are only looked at
RIGHTS = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister([User, Group])


class PlaceForm(forms.ModelForm):
    class Meta:
        model = StaffProfile
        fields = ("all_departments", "departments", "doctor")
        error_messages = {
            "doctor": {"unique": _("Another user is this doctor already. Take the doctor away from that user first.")}
        }


class PlaceInline(BoxesAdmin, admin.StackedInline):
    """Where the user works. Given by those who see the whole hospital, and not to themselves."""

    model = StaffProfile
    form = PlaceForm
    autocomplete_fields = ("doctor",)
    can_delete = False
    max_num = 1
    verbose_name_plural = _("place of work")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_give(request, obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_give(request, obj) and super().has_change_permission(request, obj)

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """No empty form where it could not be saved (a one-to-one relation makes light of ``max_num``)."""
        return int(self.has_add_permission(request, obj))

    def _may_give(self, request: HttpRequest, user: Any) -> bool:
        return user != request.user and scope_of(request.user).everything


@admin.register(User)
class StaffAdmin(BoxesAdmin, PostedSearch, AnnouncedAdmin, UserAdmin):
    """Only a superuser makes superusers, gives single permissions, or touches a superuser. Others give roles that hold
    no more than they may do themselves, and touch nobody who may do more. Nobody changes their own roles or places."""

    list_display = ["username", "first_name", "last_name", "email", "roles", "works_in", "is_active", "is_staff"]
    list_filter = ["is_active", ("groups", RoleFilter)]
    filter_horizontal = []
    inlines = [PlaceInline]
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role"), {"fields": ("is_staff", "groups")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups", "staff_profile__departments")

    # --- who may do what ---------------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and not request.user.is_superuser and (obj.is_superuser or not _within(obj, request.user)):
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["last_login", "date_joined", *IN_WORDS.values()]
        if obj is not None and obj == request.user:
            fixed += RIGHTS
        elif not request.user.is_superuser:
            fixed += ["is_superuser", "user_permissions"]
        return fixed

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown: Any = super().get_fieldsets(request, obj)
        if obj is None:
            return shown
        fixed = self.get_readonly_fields(request, obj) if self.has_change_permission(request, obj) else IN_WORDS
        words = {name: word for name, word in IN_WORDS.items() if name in fixed}
        shown = [
            (title, options | {"fields": [words.get(name, name) for name in options["fields"]]})
            for title, options in shown
        ]
        if obj != request.user:
            return shown
        own = {"description": _("Your own roles and your place of work are changed by somebody else.")}
        return [(name, options | own if "roles" in options["fields"] else options) for name, options in shown]

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = roles_to_give(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True, **super().get_changeform_initial_data(request)}

    # --- saving ------------------------------------------------------------------------------------------------

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user = User.objects.get(pk=form.instance.pk)
        is_clinician = user.groups.filter(name=CLINICIAN).exists()
        if is_clinician and not StaffProfile.objects.filter(user=user, doctor__isnull=False).exists():
            text = _("%s is a clinician, but none of the doctors. Choose the doctor under “Place of work”.")
            self.message_user(request, text % user, messages.WARNING)
        elif is_without_place(user):
            text = _("%s does not belong to any department yet, and sees nothing. Choose one under “Place of work”.")
            self.message_user(request, text % user, messages.WARNING)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = self.get_object(request, unquote(id))
            password_changed(request, user)
        return response

    def console_urls(self) -> list[Any]:
        def page(route: str, view: Any, name: str) -> Any:
            return path(f"auth/user/<int:user_id>/{route}/", self.admin_site.admin_view(partial(view, self)), name=name)

        return [
            page("end-sessions", end_sessions_page, "auth_user_end_sessions"),
            page("remove-factors", remove_factors_page, "auth_user_remove_factors"),
        ]

    # --- showing -----------------------------------------------------------------------------------------------

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(role_label(group.name) for group in user.groups.all()) or "-"

    @admin.display(description=_("single permissions"))
    def single_permissions(self, user: User) -> str:
        return permissions_html(user.user_permissions.select_related("content_type"))

    @admin.display(description=_("works in"))
    def works_in(self, user: User) -> str:
        place = getattr(user, "staff_profile", None)
        if place is None:
            return "-"
        if place.all_departments:
            return str(_("all departments"))
        names = [department.name for department in place.departments.all()]
        return ", ".join([*names, *([place.doctor_id] if place.doctor_id else [])]) or "-"


@admin.register(Group)
class RoleAdmin(BoxesAdmin, AnnouncedAdmin, GroupAdmin):
    list_display = ["role"]
    filter_horizontal = []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """In words for those who only look at it."""
        return ["name", "permissions"] if self.has_change_permission(request, obj) else ["role", "may"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["role", "may"]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if (role := context["original"]) is not None:
            context |= {"title": role_label(role.name), "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("role"), ordering="name")
    def role(self, role: Group) -> str:
        return role_label(role.name)

    @admin.display(description=_("permissions"))
    def may(self, role: Group) -> str:
        return permissions_html(role.permissions.select_related("content_type"))


def powers(user: User) -> Any:
    """What a user may do, also while the account is closed."""
    return Permission.objects.filter(Q(group__user=user) | Q(user=user)).order_by().values("pk")


def roles_to_give(user: Any) -> QuerySet[Group]:
    """Roles that hold no more than the user may do."""
    if user.is_superuser:
        return Group.objects.all()
    return Group.objects.exclude(permissions__in=Permission.objects.exclude(pk__in=powers(user)))


def _within(other: User, user: Any) -> bool:
    """Whether ``other`` may do no more than ``user``."""
    return not Permission.objects.filter(pk__in=powers(other)).exclude(pk__in=powers(user)).exists()
