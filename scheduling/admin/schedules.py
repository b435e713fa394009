"""How doctors work."""

from django.contrib import admin

from booking_site.core.admin import ReadOnlyAdmin, RelatedSelectFilter
from scheduling.models import Schedule


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ["name", "doctor", "department", "recurrence", "starts_on", "ends_on", "start_time", "end_time"]
    list_filter = ["is_active", ("department", RelatedSelectFilter), ("doctor", RelatedSelectFilter)]
    list_select_related = ["doctor", "department"]
    search_fields = ["name", "doctor__name", "department__name"]
