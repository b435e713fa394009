"""Slots, to be looked at. A seat is withdrawn and offered again by operations."""

import re
from collections.abc import Callable
from datetime import date, time
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from booking_site.core.actor import actor_of
from booking_site.core.admin import ReadOnlyAdmin, RelatedSelectFilter
from booking_site.core.errors import DomainError
from booking_site.core.wallclock import clock_html, clock_label, moment_html
from doctors.models import Department, Doctor
from scheduling import operations
from scheduling.admin.seats import add_seat_page
from scheduling.admin.week import week_page
from scheduling.days import DayFilter, on
from scheduling.models import AvailableSlot, SlotQuerySet

AT_ONCE = 200  # slots of one list action
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class StatusFilter(admin.SimpleListFilter):
    """Free is what can be booked now: an expired hold counts, a past or closed seat does not."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("free", _("free")), *AvailableSlot.Status.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "free":
            return queryset.free(to_staff=True)
        return queryset.filter(status=self.value()) if self.value() in AvailableSlot.Status.values else queryset


class StepForm(ActionForm):
    """What is to be done with the slots that are ticked, and why."""

    note = forms.CharField(label=_("Reason for withdrawing:"), required=False, max_length=200)


@admin.register(AvailableSlot)
class SlotAdmin(ReadOnlyAdmin):
    scoped = {"department": "department", "doctor": "doctor"}
    list_display = ["when", "doctor", "department", "minutes", "visit_type", "seat", "state"]
    action_form = StepForm
    list_filter = [DayFilter, StatusFilter, ("department", RelatedSelectFilter), ("doctor", RelatedSelectFilter)]
    search_fields = ["doctor__name"]  # what makes Django show the search box; see get_search_results
    search_help_text = _("Doctor, department or specialization; a date (2026-11-23, tomorrow, mon); a time (9:30).")
    sortable_by = ()  # in the one order that has an index
    actions = ["withdraw_selected", "reinstate_selected"]
    fields = [
        *("when", "doctor", "department", "duration_minutes", "visit_type", "is_public", "seat", "state"),
        *("note", "held", "schedule", "made", "changed"),
    ]

    def get_queryset(self, request: HttpRequest) -> SlotQuerySet:
        return super().get_queryset(request).select_related("doctor", "department", "visit_type")  # type: ignore[return-value]

    def get_list_display(self, request: HttpRequest) -> Any:
        book = ["book"] if request.user.has_perm("appointments.add_appointment") else []
        return [*self.list_display, *book]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("scheduling.add_availableslot")

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("scheduling.change_availableslot")

    # --- finding ---------------------------------------------------------------------------------------------

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        for word in search_term.replace("\x00", "").replace(",", " ").split()[:8]:
            queryset = queryset.filter(meaning(word))
        return queryset, False

    def option_label(self, obj: AvailableSlot) -> str:
        when = clock_label(obj.date, obj.time, obj.department.time_zone, obj.starts_at)
        seat = f", {_('seat')} {obj.seat}" if obj.seat > 1 else ""
        return f"{when}, {obj.doctor.name}, {obj.department.name}{seat}"

    # --- showing ---------------------------------------------------------------------------------------------

    @admin.display(description=_("when"))
    def when(self, slot: AvailableSlot) -> str:
        return clock_html(slot.date, slot.time, slot.department.time_zone, slot.starts_at)

    @admin.display(description=_("minutes"))
    def minutes(self, slot: AvailableSlot) -> int:
        return slot.duration_minutes

    @admin.display(description=_("status"))
    def state(self, slot: AvailableSlot) -> str:
        status = slot.state
        badge = format_html('<span class="status status-{}">{}</span>', status.value, status.label)
        return format_html('{} <span class="second">{}</span>', badge, ", ".join(marks(slot)))

    @admin.display(description=_("book"))
    def book(self, slot: AvailableSlot) -> str:
        if slot.status not in ("available", "held") or slot.starts_at <= timezone.now():
            return ""
        url = f"{reverse('admin:appointments_appointment_add')}?slot={slot.pk}"
        return format_html('<a class="step" href="{}">{}</a>', url, _("Book"))

    @admin.display(description=_("held until"))
    def held(self, slot: AvailableSlot) -> str:
        return moment_html(slot.held_until, slot.department.time_zone)

    @admin.display(description=_("made"))
    def made(self, slot: AvailableSlot) -> str:
        return moment_html(slot.created_at, slot.department.time_zone)

    @admin.display(description=_("last changed"))
    def changed(self, slot: AvailableSlot) -> str:
        return moment_html(slot.updated_at, slot.department.time_zone)

    # --- the week, and adding a seat ---------------------------------------------------------------------------

    def console_urls(self) -> list[Any]:
        return [path("scheduling/week/", self.admin_site.admin_view(self.week_view), name="scheduling_week")]

    def week_view(self, request: HttpRequest) -> HttpResponse:
        return week_page(self, request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return add_seat_page(self, request)

    # --- withdrawing and offering again ------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        def view(operation: Callable[..., AvailableSlot], name: str) -> Any:
            def run(request: HttpRequest, object_id: str) -> HttpResponse:
                return self.step_view(request, object_id, operation)

            route = f"<path:object_id>/{name}/"
            return path(route, self.admin_site.admin_view(run), name=f"scheduling_availableslot_{name}")

        return [view(operations.withdraw, "withdraw"), view(operations.reinstate, "reinstate"), *super().get_urls()]

    def step_view(self, request: HttpRequest, object_id: str, operation: Callable[..., AvailableSlot]) -> HttpResponse:
        if not self.has_withdraw_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        slot = self.get_object(request, object_id)
        if slot is None:
            return self.not_found(request)
        self.step(request, [slot], operation, request.POST.get("note", ""))
        return HttpResponseRedirect(reverse("admin:scheduling_availableslot_change", args=[slot.pk]))

    @admin.action(description=_("Withdraw the selected slots"), permissions=["withdraw"])
    def withdraw_selected(self, request: HttpRequest, queryset: SlotQuerySet) -> None:
        self.step(request, queryset, operations.withdraw, request.POST.get("note", ""))

    @admin.action(description=_("Offer the selected slots again"), permissions=["withdraw"])
    def reinstate_selected(self, request: HttpRequest, queryset: SlotQuerySet) -> None:
        self.step(request, queryset, operations.reinstate)

    def step(self, request: HttpRequest, slots: Any, operation: Callable[..., AvailableSlot], note: str = "") -> None:
        """One operation, and so one transaction, for each slot; what is refused does not stop the others."""
        chosen = list(slots[: AT_ONCE + 1])
        if len(chosen) > AT_ONCE:
            self.message_user(request, _("Choose at most %d slots at once.") % AT_ONCE, messages.ERROR)
            return
        reason = {"note": note[:200]} if operation is operations.withdraw else {}
        done = 0
        for slot in chosen:
            try:
                after = operation(actor=actor_of(request), slot_id=slot.pk, **reason)
            except DomainError as error:
                self.message_user(request, f"{self.option_label(slot)}: {error.detail}", messages.ERROR)
            else:
                done += 1
                last = after.get_status_display()
        if done:
            self.message_user(request, _("%d now %s.") % (done, last), messages.SUCCESS)


def marks(slot: AvailableSlot) -> list[str]:
    """What is special about a slot, in words."""
    told = {
        _("staff only"): not slot.is_public,
        _("single seat"): slot.schedule_id is None,
        _("by hand"): slot.by_hand,
        _("needs a new time"): slot.retiring,
        slot.note: bool(slot.note),
    }
    return [str(words) for words, holds in told.items() if holds]


def meaning(word: str) -> Q:
    """What one word of a search for slots says: a day, a time of day, or a part of a name."""
    lower = word.lower()
    if lower in ("today", "tomorrow"):
        return on(lower)
    if len(lower) >= 3 and lower[:3] in WEEKDAYS and (len(lower) == 3 or lower.endswith("day")):
        # Django counts the days of a week from 1 for Sunday.
        return Q(date__week_day=(WEEKDAYS.index(lower[:3]) + 1) % 7 + 1)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", word):
            return Q(date=date.fromisoformat(word))
        if re.fullmatch(r"\d{1,2}:\d\d", word):
            return Q(time=time.fromisoformat(word.zfill(5)))
    except ValueError:
        return Q(pk__in=[])
    # Names are looked up first, in their small tables: the slots are then found by their keys, through an index.
    named = Q(name__icontains=word) | Q(specialization__icontains=word) | Q(id__iexact=word)
    doctors = list(Doctor.objects.order_by().filter(named).values_list("pk", flat=True))
    departments = list(Department.objects.order_by().filter(name__icontains=word).values_list("pk", flat=True))
    return Q(doctor_id__in=doctors) | Q(department_id__in=departments)
