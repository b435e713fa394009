"""The page that moves an appointment to another time."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from appointments import operations
from appointments.forms import MoveForm
from booking_site.core.actor import actor_of
from booking_site.core.admin import submitted, version_in
from booking_site.core.errors import DomainError


def move_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    appointment = model_admin.to_step(request, object_id)
    if isinstance(appointment, HttpResponse):
        return appointment
    initial = {"department": appointment.department_id}
    form = model_admin.limited(request, MoveForm(submitted(request), initial=initial, site=model_admin.admin_site))
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
            appointment = model_admin.get_object(request, object_id)
        else:
            return model_admin.done(request, appointment.pk, _("Moved: %s."))
    return model_admin.step_page(request, form, title=_("Move the appointment"), button=_("Move"), original=appointment)
