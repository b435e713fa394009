"""How doctors work: their schedules, added, changed, ended and copied."""

from collections.abc import Iterable
from datetime import date, time
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from booking_site.core.actor import actor_of
from booking_site.core.admin import RelatedSelectFilter, submitted, version_in
from booking_site.core.wallclock import day_label, short_day_label, zone_html
from scheduling import planning
from scheduling.admin.planning import PlanAdmin, Summary
from scheduling.forms.plan import refuse_invalid, today_at
from scheduling.forms.schedules import CopyForm, DatesForm, EndForm, ScheduleForm
from scheduling.generation import Difference
from scheduling.models import Schedule
from scheduling.recurrence import in_words, upcoming

SHOWN = 10  # dates to come


class RunningFilter(admin.SimpleListFilter):
    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("running", _("Running or to come")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return {
            "running": queryset.filter(running()),
            "over": queryset.exclude(running()),
        }.get(self.value() or "", queryset)


def running() -> Q:
    return Q(is_active=True) & (Q(ends_on__isnull=True) | Q(ends_on__gte=timezone.now().date()))


@admin.register(Schedule)
class ScheduleAdmin(PlanAdmin):
    scoped = {"department": "department", "doctor": "doctor"}
    list_display = [
        *("doctor", "name", "pattern", "hours", "visit_type", "valid", "department"),
    ]
    list_display_links = ["doctor", "name"]
    list_filter = [
        *(RunningFilter, "is_active", ("department", RelatedSelectFilter), ("doctor", RelatedSelectFilter)),
        ("visit_type", RelatedSelectFilter),
    ]
    ordering = ["doctor__name", "starts_on", "start_time", "pk"]
    search_fields = ["name", "doctor__name", "doctor__id", "department__name", "room"]
    search_help_text = _("Name, doctor, department or room.")
    steps = ("end", "copy")
    fields = [
        *("doctor", "department", "name", "pattern", "hours", "starts_on", "ends_on", "dates", "visit_type"),
        *("slot_minutes", "buffer_minutes", "seats", "room", "is_public", "is_active"),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("doctor__department", "department", "visit_type")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return super().get_search_results(request, queryset, search_term.replace("\x00", ""))

    # --- showing ---------------------------------------------------------------------------------------------

    @admin.display(description=_("on"))
    def pattern(self, schedule: Schedule) -> str:
        return schedule.in_words

    @admin.display(description=_("hours"), ordering="start_time")
    def hours(self, schedule: Schedule) -> str:
        start, end = (f"{clock:%H:%M}" for clock in (schedule.start_time, schedule.end_time))
        zone = zone_html(schedule.department.time_zone)
        return format_html('<span class="clock"><b>{}–{}</b></span> {}', start, end, zone)

    @admin.display(description=_("valid"), ordering="starts_on")
    def valid(self, schedule: Schedule) -> str:
        begin = short_day_label(schedule.starts_on)
        span = f"{begin} – {short_day_label(schedule.ends_on)}" if schedule.ends_on else _("from %s") % begin
        off = "" if schedule.is_active else _("not active")
        return format_html('<span class="clock">{}</span> <span class="second">{}</span>', span, off)

    @admin.display(description=_("next dates"))
    def dates(self, schedule: Schedule) -> str:
        return format_html_join("", "<div>{}</div>", ((day,) for day in coming(schedule))) or "-"

    def tools(self, schedule: Schedule) -> list[tuple[Any, str]]:
        week = f"{reverse('admin:scheduling_week')}?{urlencode({'doctor': schedule.doctor_id})}"
        tools = [(_("Copy to another doctor"), self.page("copy", schedule.pk)), (_("Week of the doctor"), week)]
        if schedule.is_active and (schedule.ends_on is None or schedule.ends_on >= timezone.now().date()):
            tools.insert(0, (_("End it"), self.page("end", schedule.pk)))
        return tools

    # --- adding and changing -----------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        dates = path("dates/", self.admin_site.admin_view(self.dates_view), name="scheduling_schedule_dates")
        return [dates, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial = {name: request.GET[name] for name in ("doctor", "department") if name in request.GET}
        form = self.limited(request, ScheduleForm(submitted(request), initial=initial, site=self.admin_site))
        return self._schedule_page(request, form, title=_("Add a schedule"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_plan_permission(request):
            return super().change_view(request, object_id, form_url, extra_context)
        schedule = self._to_change(request, object_id)
        if isinstance(schedule, HttpResponse):
            return schedule
        form = self.limited(request, ScheduleForm(submitted(request), instance=schedule, site=self.admin_site))
        return self._schedule_page(request, form, title=_("Change the schedule"), original=form.before)

    def _schedule_page(self, request: HttpRequest, form: Any, *, title: Any, original: Any = None) -> HttpResponse:
        schedule = form.instance

        def do() -> tuple[Difference, Any, str]:
            done = planning.save_schedule(
                actor=actor_of(request),
                schedule=schedule,
                fields=form.changed_names if original else None,
                expected_versions=version_in(request),
            )
            return done, _("Saved: %s.") % label(schedule), self.page_of(request, schedule.pk)

        return self.plan_page(
            request,
            form,
            title=title,
            ready=lambda: self.refuse_outside(request, form, [schedule]),
            preview=lambda: planning.preview_schedule(schedule),
            summary=lambda: said_of([schedule]),
            do=do,
            original=original,
            original_label=_place(original) if original else "",
            tools=self.tools(original) if original else [],
            live=self.page("dates") + (f"?schedule={original.pk}" if original else ""),
            live_title=_("Next dates"),
        )

    def dates_view(self, request: HttpRequest) -> HttpResponse:
        """For the page, while somebody types: the next dates of what has been typed so far."""
        if not (self.has_add_permission(request) or self.has_plan_permission(request)):
            raise PermissionDenied
        form = self.limited(request, DatesForm(request.GET))
        form.is_valid()
        known = self.get_object(request, request.GET.get("schedule", ""))
        doctor = form.cleaned_data.get("doctor")
        department = form.cleaned_data.get("department") or (doctor.department if doctor else None)
        context = _dates_typed(form, known.department if known else department)
        return TemplateResponse(request, "console/plan_dates.html", context)

    # --- ending and copying ------------------------------------------------------------------------------------

    def end_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        schedule = self._to_change(request, object_id)
        if isinstance(schedule, HttpResponse):
            return schedule
        form = EndForm(submitted(request), initial={"ends_on": today_at(schedule.department.time_zone)})

        def ready() -> bool:
            schedule.ends_on = form.cleaned_data["ends_on"]
            return refuse_invalid(form, schedule)

        def do() -> tuple[Difference, Any, str]:
            done = planning.save_schedule(
                actor=actor_of(request), schedule=schedule, fields=["ends_on"], expected_versions=version_in(request)
            )
            return done, _("Ended: %s.") % label(schedule), self.page_of(request, schedule.pk)

        return self.plan_page(
            request,
            form,
            title=_("End the schedule"),
            ready=ready,
            preview=lambda: planning.preview_schedule(schedule),
            summary=lambda: [*said_of([schedule]), Summary(_("Last day"), [day_label(schedule.ends_on or date.max)])],
            do=do,
            original=schedule,
            original_label=_place(schedule),
        )

    def copy_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        source = self._to_change(request, object_id)
        if isinstance(source, HttpResponse):
            return source
        others = list(self.get_queryset(request).filter(running(), doctor_id=source.doctor_id))
        initial = {"starts_on": today_at(source.department.time_zone)}
        form = self.limited(
            request,
            CopyForm(submitted(request), initial=initial, site=self.admin_site, source=source, running=len(others)),
        )
        made: list[Schedule] = []

        def ready() -> bool:
            first = form.cleaned_data["starts_on"]
            chosen = others if form.cleaned_data["all"] else [source]
            chosen = [one for one in chosen if one.ends_on is None or one.ends_on >= first]
            if not chosen:
                form.add_error("starts_on", _("It is over by then. Choose an earlier day."))
            made[:] = planning.copies(chosen, form.cleaned_data["doctor"], first)
            return bool(made) and all(refuse_invalid(form, copy) for copy in made)

        def do() -> tuple[Difference, Any, str]:
            done = planning.add_schedules(actor=actor_of(request), schedules=made)
            return done, _("Copied: %s.") % "; ".join(map(label, made)), self.page_of(request, made[0].pk)

        return self.plan_page(
            request,
            form,
            title=_("Copy to another doctor"),
            ready=ready,
            preview=lambda: planning.preview_schedules(made),
            summary=lambda: said_of(made),
            do=do,
            original=source,
            original_label=_place(source),
        )


def label(schedule: Schedule) -> str:
    return f"{schedule.name}, {schedule.doctor.name}"


def _place(schedule: Schedule) -> str:
    department = schedule.department
    return f"{schedule.doctor.name}, {department.name}, {schedule.name} ({schedule.in_words}, {department.time_zone})"


def coming(schedule: Schedule, count: int = SHOWN) -> list[str]:
    """The next dates of a schedule in words, with its hours and whose clock they are."""
    if not schedule.is_active:
        return []
    zone = schedule.department.time_zone
    after = max(schedule.starts_on, today_at(zone))
    days = upcoming(schedule.recurrence, schedule.starts_on, after, count, schedule.ends_on, schedule.start_time, zone)
    hours = _("%(begin)s to %(end)s") % {"begin": f"{schedule.start_time:%H:%M}", "end": f"{schedule.end_time:%H:%M}"}
    return [f"{day_label(day)}, {hours} {zone}" for day in days]


def said_of(schedules: Iterable[Schedule]) -> list[Summary]:
    """What a preview says of schedules: what they are, and their next dates."""
    found = []
    for schedule in schedules:
        found += [
            Summary(_("Schedule"), [f"{schedule.name}: {schedule.in_words}"]),
            Summary(_("Doctor"), [f"{schedule.doctor.name}, {schedule.department.name}"]),
            Summary(_("Next dates"), coming(schedule) or [_("none to come")]),
        ]
    return found


def _dates_typed(form: DatesForm, department: Any) -> dict[str, Any]:
    given = form.cleaned_data
    start = given.get("starts_on")
    pattern = form.chosen_pattern()
    problems = [
        text
        for name, found in form.errors.as_data().items()
        for error in found
        if name in ("every", "rule", "weekdays", "starts_on") and error.code != "required"  # it is not typed yet
        for text in error
    ]
    if pattern is None or start is None or department is None:
        return {"problems": problems, "missing": department is None}
    end = start if pattern.kind == "once" else given.get("ends_on")
    zone = department.time_zone
    at = given.get("start_time") or time()
    days = upcoming(pattern.recurrence, start, max(start, today_at(zone)), SHOWN, end, at, zone)
    return {
        "words": in_words(pattern.recurrence, start),
        "days": [day_label(day) for day in days],
        "start": given.get("start_time"),
        "end": given.get("end_time"),
        "zone": zone,
    }
