"""Appointments for reception: the day's list, and booking, moving and cancelling through the operations.

The views that write are our own. The stock ones work inside a transaction, which would take the audit row of a
refusal with it.
"""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from appointments.admin.booking import book_page, booking_urls
from appointments.admin.cancelling import cancel_page, cancel_selected
from appointments.admin.merging import merge_page, unmerge_page
from appointments.admin.moving import move_page
from appointments.admin.patient import patient_page
from appointments.admin.privacy import consents_page, erase_page, export_page
from appointments.admin.reports import reports_page
from appointments.admin.slip import ics_file, pdf_file, send_page, slip_page
from appointments.admin.steps import came_from, step_page
from appointments.admin.walk_in import walk_in_live, walk_in_page
from appointments.admin.worklist import WorklistPages
from appointments.models import MOMENTS, Appointment, Status
from appointments.origin import doer_label, source_label
from appointments.steps import Desk
from appointments.today import pages as today
from booking_site.core import shown
from booking_site.core.admin import RelatedSelectFilter
from booking_site.core.found import PostedSearch
from booking_site.core.operations import version_of
from booking_site.core.wallclock import clock_html, clock_label, moment_html, short_day_label
from patients.models import Patient
from scheduling.days import DayFilter
from scheduling.models import VisitType

# The pages of one appointment: name, address below its own, page.
PAGES = (
    ("move", "move/", move_page),
    ("cancel", "cancel/", cancel_page),
    ("step", "step/", step_page),
    ("slip", "slip/", slip_page),
    ("slip_pdf", "slip.pdf", pdf_file),
    ("slip_ics", "slip.ics", ics_file),
    ("slip_send", "slip/send/", send_page),
)


@admin.register(Appointment)
class AppointmentAdmin(PostedSearch, WorklistPages):
    scoped = {"department": "department", "doctor": "doctor"}
    list_display = ["when", "person", "doctor", "department", "state"]
    list_filter = [DayFilter, "status", ("department", RelatedSelectFilter), ("doctor", RelatedSelectFilter)]
    search_fields = ["patient__search_text"]  # what makes Django show the search box; see get_search_results
    search_help_text = _("The patient: words of the name in any order, phone digits, e-mail or record number.")
    sortable_by = ()  # in the one order that has an index
    actions = ["cancel_selected"]

    # --- who may do what ---------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("appointments.add_appointment")

    def has_step_permission(self, request: HttpRequest) -> bool:
        """May move and cancel. (The stock change permission is refused to all: no page edits an appointment.)"""
        return request.user.has_perm("appointments.change_appointment")

    # --- the list ----------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("patient", "doctor", "department")

    def get_list_display(self, request: HttpRequest) -> Any:
        desk = Desk(request.user)

        @admin.display(description=_("next"))
        def steps(appointment: Appointment) -> str:
            return desk.buttons(appointment)

        return [*self.list_display, steps]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        return queryset.filter(patient__in=Patient.objects.search(term).order_by().values("pk")), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup == "patient__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("when"))
    def when(self, appointment: Appointment) -> str:
        return clock_html(appointment.date, appointment.time, appointment.department.time_zone, appointment.starts_at)

    @admin.display(description=_("patient"))
    def person(self, appointment: Appointment) -> str:
        url = reverse("admin:patient", args=[appointment.patient_id])
        born = self.born(appointment)
        return format_html(
            '<a href="{}"><bdi>{}</bdi></a> <span class="second">{}</span>', url, appointment.patient, born
        )

    @admin.display(description=_("born"))
    def born(self, appointment: Appointment) -> str:
        return short_day_label(appointment.patient.dob) if appointment.patient.dob else "-"

    @admin.display(description=_("status"))
    def state(self, appointment: Appointment) -> str:
        return format_html(
            '<span class="status status-{}">{}</span>', appointment.status, appointment.get_status_display()
        )

    # --- one appointment ---------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        ended = ["cancellation_code", "cancellation_reason"] if obj and obj.status == Status.CANCELLED else []
        origin = ["origin", "doer", "requested", *(["external_id"] if obj and obj.external_id else [])]
        return [
            (None, {"fields": ["when", "person", "doctor", "department", "kind", "reason"]}),
            (_("Progress"), {"fields": ["state", "moments", *ended]}),
            (_("Origin"), {"fields": [*origin, "slot", "id"]}),
        ]

    @admin.display(description=_("so far"))
    def moments(self, appointment: Appointment) -> str:
        zone = appointment.department.time_zone
        reached = [
            (self.opts.get_field(name).verbose_name, moment_html(moment, zone))  # type: ignore[union-attr]
            for name in MOMENTS.values()
            if (moment := getattr(appointment, name)) is not None
        ]
        return format_html_join("", "<div>{} {}</div>", reached)

    @admin.display(description=_("visit type"))
    def kind(self, appointment: Appointment) -> str:
        kind = VisitType.objects.filter(pk=appointment.visit_type).first()
        return kind.name if kind else appointment.visit_type

    @admin.display(description=_("source"))
    def origin(self, appointment: Appointment) -> str:
        return source_label(appointment.source)

    @admin.display(description=_("booked by"))
    def doer(self, appointment: Appointment) -> str:
        return doer_label(appointment.booked_by) or "-"

    @admin.display(description=_("requested time"))
    def requested(self, appointment: Appointment) -> str:
        return moment_html(appointment.requested_datetime, appointment.department.time_zone)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"may_step": self.has_step_permission(request), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context |= {"title": _("Appointment of %s") % context["original"].patient, "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    # --- booking, moving, cancelling: each page in a module of its own ----------------------------------------

    def console_urls(self) -> list[Any]:
        def view(name: str, route: str, page: Any) -> Any:
            def run(request: HttpRequest) -> HttpResponse:
                return page(self, request)

            return path(route, self.admin_site.admin_view(run), name=name)

        def of_patient(name: str, route: str, page: Any) -> Any:
            def run(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
                return page(self.admin_site.get_model_admin(Patient), request, patient_id)

            return path(f"patients/patient/<uuid:patient_id>/{route}", self.admin_site.admin_view(run), name=name)

        return [
            view("walk_in", "walk-in/", walk_in_page),
            view("walk_in_live", "walk-in/live/", walk_in_live),
            view("reports", "reports/", reports_page),
            *today.urls(self),
            of_patient("patient", "", patient_page),
            of_patient("patient_consents", "consents/", consents_page),
            of_patient("patient_export", "export/", export_page),
            of_patient("patient_erase", "erase/", erase_page),
            of_patient("patient_merge", "merge/", merge_page),
            of_patient("patient_unmerge", "unmerge/", unmerge_page),
            *booking_urls(self),
        ]

    def get_urls(self) -> list[Any]:
        def view(name: str, route: str, page: Any) -> Any:
            def run(request: HttpRequest, object_id: str) -> HttpResponse:
                return page(self, request, object_id)

            name = f"appointments_appointment_{name}"
            return path(f"<path:object_id>/{route}", self.admin_site.admin_view(run), name=name)

        return [*(view(*page) for page in PAGES), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return book_page(self, request)

    @admin.action(description=_("Cancel the selected appointments"), permissions=["step"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return cancel_selected(self, request, queryset)

    def to_step(self, request: HttpRequest, object_id: str) -> Any:
        """The appointment to move or cancel; or the answer, when there is none to be found."""
        if not self.has_step_permission(request):
            raise PermissionDenied
        object_id = unquote(object_id)
        found = self.get_object(request, object_id)
        if found is None:
            return self.not_found(request)
        shown.note_record(request, Appointment, found)
        return found

    def label(self, appointment: Appointment) -> str:
        when = clock_label(appointment.date, appointment.time, appointment.department.time_zone, appointment.starts_at)
        return f"{appointment.patient}, {when}, {appointment.doctor}"

    def own_page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """``came_from``: the page that the page's own link and its form lead back to, if any."""
        return super().own_page(request, template, came_from=came_from(request), **context)

    def done(self, request: HttpRequest, pk: Any, message: Any, *, moved_from: uuid.UUID | None = None) -> HttpResponse:
        """Back to where the form was opened from, or to the appointment. ``moved_from``: the slot that it had before;
        the message leads to where it can be moved back."""
        appointment, to, links = self.get_object(request, str(pk)), came_from(request), []
        its_page = reverse("admin:appointments_appointment_change", args=[pk])
        if to and not to.startswith(its_page) and self.has_view_permission(request):
            links.append((its_page, _("See the appointment")))
        if moved_from not in (None, appointment.slot_id):
            move = reverse("admin:appointments_appointment_move", args=[pk])
            links.append((f"{move}?slot={moved_from}", _("Move back")))
        said = format_html(
            "{}{}", message % self.label(appointment), format_html_join("", ' <a href="{}">{}</a>', links)
        )
        self.message_user(request, said, messages.SUCCESS)
        home = its_page if self.has_view_permission(request) else reverse("admin:index")
        return HttpResponseRedirect(to or home)

    def step_page(
        self, request: HttpRequest, form: Any, *, title: Any, button: Any, original: Any = None, **context: Any
    ) -> HttpResponse:
        if original is not None:
            context |= {"original_label": self.label(original), "version": version_of(original)}
        return self.form_page(request, form, title=title, button=button, original=original, **context)
