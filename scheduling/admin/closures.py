"""When nobody comes: closures, added, changed, lifted, and put in force again."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking_site.core.actor import actor_of
from booking_site.core.admin import RelatedSelectFilter, submitted, version_in
from booking_site.core.scope import scope_of
from booking_site.core.wallclock import clock_label, day_label
from doctors.models import Department, Doctor
from scheduling import planning
from scheduling.admin.holidays import HolidayPage
from scheduling.admin.planning import PlanAdmin, Summary, plans_for
from scheduling.forms.closures import ClockForm, ClosureForm, clock_of
from scheduling.forms.plan import EmptyForm
from scheduling.generation import Difference
from scheduling.models import Closure


class ComingFilter(admin.SimpleListFilter):
    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("coming", _("Now or to come")), ("past", _("Past"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now = timezone.now()
        coming = Q(last_day__gte=now.date()) | Q(ends_at__gt=now)
        return {"coming": queryset.filter(coming), "past": queryset.exclude(coming)}.get(self.value() or "", queryset)


@admin.register(Closure)
class ClosureAdmin(HolidayPage, PlanAdmin):
    list_display = ["span", "scope", "reason", "source", "is_active"]
    list_filter = [ComingFilter, "is_active", ("department", RelatedSelectFilter), ("doctor", RelatedSelectFilter)]
    search_fields = ["reason", "doctor__name", "doctor__id", "department__name"]
    search_help_text = _("Reason, doctor or department.")
    sortable_by = ("reason", "is_active")
    steps = ("lift", "renew")
    fields = ["span", "scope", "reason", "source", "is_active"]

    def seen(self, request: HttpRequest, rows: Any) -> Any:
        """Those that concern the person's departments: of the hospital, of a department, of a doctor who works there;
        and, of a doctor, their own and those of their department."""
        scope = scope_of(request.user)
        if scope.everything or not (scope.departments or scope.doctor):
            return rows.filter(scope.q())
        doctors = self.admin_site.get_model_admin(Doctor).seen(request, Doctor.objects.order_by()).values("pk")  # type: ignore[attr-defined]
        departments = self.admin_site.get_model_admin(Department).seen(request, Department.objects.order_by())  # type: ignore[attr-defined]
        of_all = Q(department=None, doctor=None)
        return rows.filter(of_all | Q(doctor__in=doctors) | Q(department__in=departments.values("pk")))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("doctor__department", "department")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return super().get_search_results(request, queryset, search_term.replace("\x00", ""))

    # --- showing ---------------------------------------------------------------------------------------------

    @admin.display(description=_("when"))
    def span(self, closure: Closure) -> str:
        return span_label(closure)

    @admin.display(description=_("closed"))
    def scope(self, closure: Closure) -> str:
        return scope_label(closure)

    # --- adding and changing -----------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        pages = [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"scheduling_closure_{name}")
            for name, view in (("clock", self.clock_view), ("holidays", self.holidays_view))
        ]
        return [*pages, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial = {name: request.GET[name] for name in ("department", "doctor", "first_day") if name in request.GET}
        form = self.limited(request, ClosureForm(submitted(request), initial=initial, site=self.admin_site))
        closure = form.instance

        def do() -> tuple[Difference, Any, str]:
            done = planning.add_closures(actor=actor_of(request), closures=[closure])
            return done, _("Closed: %s.") % label(closure), self.page_of(request, closure.pk)

        return self._closure_page(
            request,
            form,
            title=_("Add a closure"),
            preview=lambda: planning.preview_closures([closure]),
            summary=lambda: said_of(closure),
            do=do,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        known = self.get_object(request, unquote(object_id)) if request.method == "GET" else None
        if not self.has_plan_permission(request) or (known is not None and not plans_for(request.user, known)):
            return super().change_view(request, object_id, form_url, extra_context)
        closure = self._to_change(request, object_id)
        if isinstance(closure, HttpResponse):
            return closure
        if not closure.is_active:
            tools = {"renew_url": self.page("renew", closure.pk)}
            return super().change_view(request, object_id, form_url, {**tools, **(extra_context or {})})
        form = self.limited(request, ClosureForm(submitted(request), instance=closure, site=self.admin_site))
        return self._closure_page(
            request,
            form,
            title=_("Change the closure"),
            preview=lambda: planning.preview_closures([closure], before=[form.before]),
            summary=lambda: said_of(closure),
            do=lambda: self._change(request, closure, form.changed_names, _("Changed: %s.")),
            original=form.before,
            original_label=label(form.before),
            tools=[(_("Lift it"), self.page("lift", closure.pk))],
        )

    def _closure_page(self, request: HttpRequest, form: Any, **kwargs: Any) -> HttpResponse:
        return self.plan_page(
            request,
            form,
            live=self.page("clock"),
            live_title=_("Whose clock counts"),
            ready=lambda: self.refuse_outside(request, form, [form.instance]),
            **kwargs,
        )

    def _change(
        self, request: HttpRequest, closure: Closure, names: list[str], said: Any
    ) -> tuple[Difference, Any, str]:
        done = planning.change_closure(
            actor=actor_of(request), closure=closure, fields=names, expected_versions=version_in(request)
        )
        return done, said % label(closure), self.page_of(request, closure.pk)

    def clock_view(self, request: HttpRequest) -> HttpResponse:
        """For the page, while somebody chooses: by whose clock the times are read."""
        if not (self.has_add_permission(request) or self.has_plan_permission(request)):
            raise PermissionDenied
        form = self.limited(request, ClockForm(request.GET))
        form.is_valid()
        zone = clock_of(form.cleaned_data.get("department"), form.cleaned_data.get("doctor"))
        context = {"zone": zone, "moments": request.GET.get("kind") == "moments"}
        return TemplateResponse(request, "console/plan_clock.html", context)

    # --- lifting, and putting in force again --------------------------------------------------------------------

    def lift_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._switch(request, object_id, on=False, title=_("Lift the closure"), said=_("Lifted: %s."))

    def renew_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title = _("Put the closure in force again")
        return self._switch(request, object_id, on=True, title=title, said=_("In force again: %s."))

    def _switch(self, request: HttpRequest, object_id: str, *, on: bool, title: Any, said: Any) -> HttpResponse:
        closure = self._to_change(request, object_id)
        if isinstance(closure, HttpResponse):
            return closure
        before = self.get_object(request, str(closure.pk))
        closure.is_active = on
        return self.plan_page(
            request,
            EmptyForm(submitted(request)),
            title=title,
            preview=lambda: planning.preview_closures([closure], before=[before] if before else []),
            summary=lambda: said_of(closure),
            do=lambda: self._change(request, closure, ["is_active"], said),
            original=before,
            original_label=label(closure),
        )


def label(closure: Closure) -> str:
    return f"{closure.reason}, {span_label(closure)}, {scope_label(closure)}"


def scope_label(closure: Closure) -> str:
    if closure.doctor is not None:
        return closure.doctor.name
    return closure.department.name if closure.department is not None else str(_("the whole hospital"))


def span_label(closure: Closure) -> str:
    """Whole days, or both moments by the clock of the place that is closed."""
    if closure.starts_at is not None and closure.ends_at is not None:
        zone = clock_of(closure.department, closure.doctor)
        return f"{_moment(closure.starts_at, zone)} – {_moment(closure.ends_at, zone)}"
    assert closure.first_day is not None and closure.last_day is not None  # noqa: PT018, S101 - closure_span_complete
    first, last = day_label(closure.first_day), day_label(closure.last_day)
    return first if first == last else f"{first} – {last}"


def _moment(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return clock_label(local.date(), local.time(), zone, moment)


def said_of(closure: Closure) -> list[Summary]:
    days = [_("Whole days, by each site's own clock")] if closure.first_day else []
    return [
        Summary(_("Closed"), [scope_label(closure)]),
        Summary(_("When"), [span_label(closure), *days]),
        Summary(_("Reason"), [closure.reason]),
    ]
