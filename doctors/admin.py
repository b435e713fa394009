from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from booking_site.core.admin import RecordAdmin, RelatedSelectFilter
from booking_site.core.scope import scope_of
from doctors.models import Department, Doctor, next_code


class SiteFilter(admin.AllValuesFieldListFilter):
    """Names what has no name: to be without a site."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or _("No site")}


@admin.register(Department)
class DepartmentAdmin(RecordAdmin):
    """Those who belong to none but are a doctor see the one that they work in."""

    list_display = ["name", "code", "site", "time_zone", "phone", "is_active"]
    list_filter = ["is_active", ("site", SiteFilter)]
    search_fields = ["name", "code", "site"]
    fields = ["name", "code", "site", "time_zone", "phone", "is_active"]

    def seen(self, request: HttpRequest, rows: Any) -> Any:
        scope = scope_of(request.user)
        own = Q(pk__in=Doctor.objects.filter(pk=scope.doctor).values("department")) if scope.doctor else Q(pk__in=[])
        return rows if scope.everything else rows.filter(Q(pk__in=scope.departments) | own)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Slots and appointments keep the wall clock that they were made with: a zone is chosen once.
        return ["time_zone"] if obj else []

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term.replace("\x00", ""))
        return found.filter(is_active=True) if _is_autocomplete(request) else found, duplicates


class DoctorForm(forms.ModelForm):
    def clean_id(self) -> str:
        return self.cleaned_data["id"] or next_code()


@admin.register(Doctor)
class DoctorAdmin(RecordAdmin):
    form = DoctorForm
    list_display = ["name", "id", "department", "specialization", "phone", "is_active"]
    list_filter = ["is_active", ("department", RelatedSelectFilter)]
    list_select_related = ["department"]
    search_fields = ["name", "id", "specialization", "department__name"]
    search_help_text = _("Name, code, specialization or department.")
    autocomplete_fields = ["department"]
    fields = ["id", "name", "department", "specialization", "experience", "email", "phone", "is_active"]

    def seen(self, request: HttpRequest, rows: Any) -> Any:
        return rows.seen_by(scope_of(request.user))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("department")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A guest is looked at; the record is for the doctor's own department."""
        theirs = obj is None or scope_of(request.user).allows(department_id=obj.department_id, doctor_id=obj.pk)
        return theirs and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["id"] if obj else []

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term.replace("\x00", ""))
        return found.filter(is_active=True) if _is_autocomplete(request) else found, duplicates

    def option_label(self, obj: Doctor) -> str:
        return ", ".join(filter(None, [obj.name, obj.specialization, obj.department.name]))


def _is_autocomplete(request: HttpRequest) -> bool:
    return "field_name" in request.GET
