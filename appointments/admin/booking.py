"""The page that books an appointment."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from appointments import operations
from appointments.forms import BookingForm
from booking_site.core.actor import actor_of
from booking_site.core.admin import submitted
from booking_site.core.errors import DomainError


def book_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = model_admin.limited(
        request,
        BookingForm(
            submitted(request),
            initial={name: request.GET[name] for name in BookingForm.field_order if name in request.GET},
            site=model_admin.admin_site,
            may_add_patient=request.user.has_perm("patients.add_patient"),
        ),
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
            return model_admin.done(request, made.pk, _("Booked: %s."))
    return model_admin.step_page(request, form, title=_("Book an appointment"), button=_("Book"))
