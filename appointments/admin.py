"""Appointments for reception: the day's list, and booking, moving and cancelling through the operations.

The views that write are our own. The stock ones work inside a transaction, which would take the audit row of a
refusal with it.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from appointments import operations
from appointments.forms import BookingForm, CancelForm, MoveForm
from appointments.models import Appointment, Status
from appointments.worklist import WorklistPages
from booking_site.core.actor import actor_of
from booking_site.core.admin import RelatedSelectFilter, submitted, version_in
from booking_site.core.errors import DomainError
from booking_site.core.operations import version_of
from booking_site.core.wallclock import clock_html, clock_label, moment_label
from patients.models import Patient
from scheduling.days import DayFilter

AT_ONCE = 100  # appointments that one list action cancels
STEPS = ("move", "cancel")
MOMENTS = ("booked_at", "checked_in_at", "started_at", "completed_at", "cancelled_at", "no_show_at")


@admin.register(Appointment)
class AppointmentAdmin(WorklistPages):
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
        return [*self.list_display, "steps"] if self.has_step_permission(request) else self.list_display

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        return queryset.filter(patient__in=Patient.objects.search(term).order_by().values("pk")), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup == "patient__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description=_("when"))
    def when(self, appointment: Appointment) -> str:
        return clock_html(appointment.date, appointment.time, appointment.department.time_zone, appointment.starts_at)

    @admin.display(description=_("patient"))
    def person(self, appointment: Appointment) -> str:
        url = reverse("admin:patients_patient_change", args=[appointment.patient_id])
        born = self.born(appointment)
        return format_html('<a href="{}">{}</a> <span class="second">{}</span>', url, appointment.patient, born)

    @admin.display(description=_("born"))
    def born(self, appointment: Appointment) -> str:
        return f"{appointment.patient.dob:%Y-%m-%d}" if appointment.patient.dob else "-"

    @admin.display(description=_("status"))
    def state(self, appointment: Appointment) -> str:
        return format_html(
            '<span class="status status-{}">{}</span>', appointment.status, appointment.get_status_display()
        )

    @admin.display(description=_("next"))
    def steps(self, appointment: Appointment) -> str:
        if appointment.status != Status.BOOKED:
            return ""
        move, cancel = (reverse(f"admin:appointments_appointment_{v}", args=[appointment.pk]) for v in STEPS)
        return format_html(
            '<a class="step" href="{}">{}</a> <a class="step" href="{}">{}</a>', move, _("Move"), cancel, _("Cancel")
        )

    # --- one appointment ---------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        ended = ["cancellation_reason"] if obj and obj.status == Status.CANCELLED else []
        origin = ["source", "booked_by", "requested", *(["external_id"] if obj and obj.external_id else [])]
        return [
            (None, {"fields": ["when", "patient", "born", "doctor", "department", "visit_type", "reason"]}),
            (_("Progress"), {"fields": ["state", "moments", *ended]}),
            (_("Origin"), {"fields": [*origin, "slot", "id"]}),
        ]

    @admin.display(description=_("so far"))
    def moments(self, appointment: Appointment) -> str:
        zone = appointment.department.time_zone
        reached = [
            (self.opts.get_field(name).verbose_name, moment_label(moment, zone))  # type: ignore[union-attr]
            for name in MOMENTS
            if (moment := getattr(appointment, name)) is not None
        ]
        return format_html_join("", "<div>{} {}</div>", reached)

    @admin.display(description=_("requested time"))
    def requested(self, appointment: Appointment) -> str:
        return moment_label(appointment.requested_datetime, appointment.department.time_zone)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"may_step": self.has_step_permission(request), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context |= {"title": _("Appointment of %s") % context["original"].patient, "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    # --- booking, moving, cancelling ---------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        steps = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(getattr(self, f"{name}_view")),
                name=f"appointments_appointment_{name}",
            )
            for name in STEPS
        ]
        return [*steps, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        may_add_patient = request.user.has_perm("patients.add_patient")
        form = BookingForm(
            submitted(request),
            initial={name: request.GET[name] for name in BookingForm.field_order if name in request.GET},
            site=self.admin_site,
            may_add_patient=may_add_patient,
        )
        if form.is_valid():
            chosen = form.cleaned_data
            try:
                made = operations.book(
                    actor=actor_of(request),
                    patient_id=chosen["patient"].pk,
                    slot_id=chosen["slot"].pk,
                    doctor_id=chosen["doctor"].pk if chosen["doctor"] else None,
                    reason=chosen["reason"],
                    is_urgent=chosen["is_urgent"],
                    source="console",
                    idempotency=form.idempotency(f"console:{request.user.pk}"),
                )
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                return self._done(request, made.pk, _("Booked: %s."))
        return self._page(request, form, title=_("Book an appointment"), button=_("Book"))

    def move_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        appointment = self._to_step(request, object_id)
        if isinstance(appointment, HttpResponse):
            return appointment
        form = MoveForm(submitted(request), initial={"department": appointment.department_id}, site=self.admin_site)
        if form.is_valid():
            try:
                operations.reschedule(
                    actor=actor_of(request),
                    appointment_id=appointment.pk,
                    slot_id=form.cleaned_data["slot"].pk,
                    reason=form.cleaned_data["reason"],
                    expected_versions=version_in(request),
                    idempotency=form.idempotency(f"console:{request.user.pk}"),
                )
            except DomainError as error:
                form.add_error(None, error.detail)
                appointment = self.get_object(request, object_id)
            else:
                return self._done(request, appointment.pk, _("Moved: %s."))
        return self._page(request, form, title=_("Move the appointment"), button=_("Move"), original=appointment)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        appointment = self._to_step(request, object_id)
        if isinstance(appointment, HttpResponse):
            return appointment
        form = CancelForm(submitted(request))
        if form.is_valid():
            try:
                operations.cancel(
                    actor=actor_of(request),
                    appointment_id=appointment.pk,
                    reason=form.cleaned_data["reason"],
                    expected_versions=version_in(request),
                )
            except DomainError as error:
                form.add_error(None, error.detail)
                appointment = self.get_object(request, object_id)
            else:
                return self._done(request, appointment.pk, _("Cancelled: %s."))
        return self._page(
            request, form, title=_("Cancel the appointment"), button=_("Cancel the appointment"), original=appointment
        )

    @admin.action(description=_("Cancel the selected appointments"), permissions=["step"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Asks for a reason, then cancels one by one: what is refused is named and does not stop the others."""
        chosen = list(queryset[: AT_ONCE + 1])
        if len(chosen) > AT_ONCE:
            self.message_user(request, _("Choose at most %d appointments at once.") % AT_ONCE, messages.ERROR)
            return None
        form = CancelForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._page(
                request,
                form,
                title=_("Cancel the selected appointments"),
                button=_("Cancel these appointments"),
                chosen=[(appointment, self._label(appointment)) for appointment in chosen],
                checkbox=ACTION_CHECKBOX_NAME,
            )
        done = 0
        for appointment in chosen:
            try:
                operations.cancel(
                    actor=actor_of(request), appointment_id=appointment.pk, reason=form.cleaned_data["reason"]
                )
                done += 1
            except DomainError as error:
                self.message_user(request, f"{self._label(appointment)}: {error.detail}", messages.ERROR)
        if done:
            self.message_user(request, _("Cancelled: %d.") % done, messages.SUCCESS)
        return None

    def _to_step(self, request: HttpRequest, object_id: str) -> Any:
        if not self.has_step_permission(request):
            raise PermissionDenied
        object_id = unquote(object_id)
        found = self.get_object(request, object_id)
        return self.not_found(request) if found is None else found

    def _label(self, appointment: Appointment) -> str:
        when = clock_label(appointment.date, appointment.time, appointment.department.time_zone, appointment.starts_at)
        return f"{appointment.patient}, {when}, {appointment.doctor}"

    def _done(self, request: HttpRequest, pk: Any, message: Any) -> HttpResponse:
        appointment = self.get_object(request, str(pk))
        self.message_user(request, message % self._label(appointment), messages.SUCCESS)  # type: ignore[arg-type]
        if self.has_view_permission(request):
            return HttpResponseRedirect(reverse("admin:appointments_appointment_change", args=[pk]))
        return HttpResponseRedirect(reverse("admin:index"))

    def _page(
        self, request: HttpRequest, form: Any, *, title: Any, button: Any, original: Any = None, **context: Any
    ) -> HttpResponse:
        if original is not None:
            context |= {"original_label": self._label(original), "version": version_of(original)}
        return self.form_page(request, form, title=title, button=button, original=original, **context)
