"""Kinds of visits, and the rules of booking them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from booking_site.core.admin import RecordAdmin
from scheduling.models import VisitType


@admin.register(VisitType)
class VisitTypeAdmin(RecordAdmin):
    """The code is what programs and slots call it: it is chosen once."""

    list_display = ["name", "code", "duration_minutes", "is_public", "is_active"]
    list_filter = ["is_active", "is_public"]
    search_fields = ["name", "code"]
    search_help_text = _("Name or code.")
    fieldsets = [
        (None, {"fields": ["code", "name", "duration_minutes", "instructions", "is_public", "is_active"]}),
        (_("Booking"), {"fields": ["earliest_days", "latest_minutes", "limit_per_doctor_day", "limit_per_patient"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code"] if obj else []

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return super().get_search_results(request, queryset, search_term.replace("\x00", ""))
