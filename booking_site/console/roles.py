"""Roles and permissions in words. What is stored stays as migrations wrote it: programs go by it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from booking_site.core.widgets import Checkboxes
from doctors.models import StaffProfile

ROLES: dict[str, Any] = {
    "Reception": pgettext_lazy("role", "Reception"),
    "Scheduler": pgettext_lazy("role", "Scheduler"),
    "Clinician": pgettext_lazy("role", "Clinician"),
    "Auditor": pgettext_lazy("role", "Auditor"),
    "Administrator": pgettext_lazy("role", "Administrator"),
}
VERBS: dict[str, Any] = {
    "view": gettext_lazy("%(records)s: view"),
    "add": gettext_lazy("%(records)s: add"),
    "change": gettext_lazy("%(records)s: change"),
}


def role_label(name: str) -> str:
    """Of a group that the hospital has added itself, its name."""
    return str(ROLES.get(name, name))


def permission_label(permission: Permission) -> str:
    """``Patients: view``; the words of the model for a permission of its own."""
    model = permission.content_type.model_class()
    if model is None:  # of an app that is not installed any more
        return permission.name
    own = dict(model._meta.permissions)
    if permission.codename in own:
        return _(own[permission.codename])
    verb = permission.codename.partition("_")[0]
    if verb not in VERBS:
        return permission.name
    return str(VERBS[verb] % {"records": capfirst(str(model._meta.verbose_name_plural))})


def permissions_html(permissions: Iterable[Permission]) -> str:
    labels = [(permission_label(each),) for each in permissions]
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", labels)) if labels else "-"


def permissions_in_use() -> QuerySet[Permission]:
    """Those that pages ask for (nothing is deleted in the console, and what has no page cannot be opened there), and
    those that somebody has been given all the same: a form that is saved takes away nothing that it does not show."""
    models = ContentType.objects.get_for_models(*admin.site._registry, StaffProfile)
    asked_for = Q(content_type__in=models.values()) & ~Q(codename__startswith="delete_")
    return Permission.objects.filter(
        pk__in=Permission.objects.filter(asked_for | Q(group__isnull=False) | Q(user__isnull=False)).values("pk")
    ).select_related("content_type")


def label_of(record: Any) -> str:
    if isinstance(record, Group):
        return role_label(record.name)
    return permission_label(record) if isinstance(record, Permission) else str(record)


class LabelledBoxes(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return label_of(obj)


class BoxesAdmin(admin.options.BaseModelAdmin):
    """Many-to-many fields as boxes to tick."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if not db_field.many_to_many:
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return self.formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        boxes = {"widget": Checkboxes(capfirst(db_field.verbose_name)), "form_class": LabelledBoxes}
        if db_field.related_model is Permission:
            kwargs["queryset"] = permissions_in_use()
        return super().formfield_for_manytomany(db_field, request, **kwargs | boxes)


class RoleFilter(admin.RelatedFieldListFilter):
    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        return [(key, role_label(str(name))) for key, name in super().field_choices(field, request, model_admin)]
