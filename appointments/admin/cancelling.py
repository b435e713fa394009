"""Cancelling: one appointment on a page of its own, or those that are selected in the list."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from appointments import operations
from appointments.forms import CancelForm
from appointments.models import Appointment
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.admin import submitted, version_in
from booking_site.core.errors import DomainError

AT_ONCE = 100  # appointments that one list action cancels


def cancel_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    appointment = model_admin.to_step(request, object_id)
    if isinstance(appointment, HttpResponse):
        return appointment
    form = CancelForm(submitted(request))
    if form.is_valid():
        try:
            operations.cancel(
                actor=actor_of(request),
                appointment_id=appointment.pk,
                expected_versions=version_in(request),
                **form.why,
            )
        except DomainError as error:
            form.add_error(None, error.detail)
            appointment = model_admin.get_object(request, object_id)
        else:
            return model_admin.done(request, appointment.pk, _("Cancelled: %s."))
    title = _("Cancel the appointment")
    return model_admin.step_page(request, form, title=title, button=title, original=appointment)


def cancel_selected(model_admin: Any, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
    """Asks for a reason, then cancels one by one: what is refused is named and does not stop the others."""
    chosen = list(queryset[: AT_ONCE + 1])
    if len(chosen) > AT_ONCE:
        model_admin.message_user(request, _("Choose at most %d appointments at once.") % AT_ONCE, messages.ERROR)
        return None
    form = CancelForm(request.POST if "confirmed" in request.POST else None)
    if not form.is_valid():
        shown.note_list(request, Appointment, chosen)
        return model_admin.step_page(
            request,
            form,
            title=_("Cancel the selected appointments"),
            button=_("Cancel these appointments"),
            chosen=[(appointment, model_admin.label(appointment)) for appointment in chosen],
            checkbox=ACTION_CHECKBOX_NAME,
        )
    done = 0
    for appointment in chosen:
        try:
            operations.cancel(actor=actor_of(request), appointment_id=appointment.pk, **form.why)
            done += 1
        except DomainError as error:
            model_admin.message_user(request, f"{model_admin.label(appointment)}: {error.detail}", messages.ERROR)
    if done:
        model_admin.message_user(request, _("Cancelled: %d.") % done, messages.SUCCESS)
    return None
