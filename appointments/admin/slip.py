"""The slip of an appointment: to look at and print, as PDF, as calendar file, and by mail to the patient."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from appointments.calendar_file import calendar_file
from appointments.forms import OnceForm
from appointments.models import Appointment
from appointments.sending import send_slip
from appointments.slips import slip_of, with_all
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.errors import DomainError

SENDERS = ("appointments.add_appointment", "appointments.change_appointment")  # either


class SendForm(OnceForm):
    asked_for = forms.BooleanField(label=_("The patient has just asked for it"), required=False)


def slip_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    appointment = _found(model_admin, request, object_id)
    if isinstance(appointment, HttpResponse):
        return appointment
    return _page(model_admin, request, appointment, SendForm())


def pdf_file(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    from appointments.slip_pdf import slip_pdf

    return _file(model_admin, request, object_id, slip_pdf, "pdf", "application/pdf")


def ics_file(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    return _file(model_admin, request, object_id, calendar_file, "ics", "text/calendar; charset=utf-8")


def send_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """POST ``key`` and, where the patient has not agreed to mail before, ``asked_for``."""
    if not may_send(request.user):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    appointment = _found(model_admin, request, object_id)
    if isinstance(appointment, HttpResponse):
        return appointment
    form = SendForm(request.POST)
    if form.is_valid():
        try:
            send_slip(
                actor=actor_of(request),
                appointment_id=appointment.pk,
                asked_for=form.cleaned_data["asked_for"],
                idempotency=form.idempotency(f"console:{request.user.pk}"),
            )
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, _("Sent to %s.") % appointment.patient.email)
            return HttpResponseRedirect(reverse("admin:appointments_appointment_slip", args=[appointment.pk]))
    return _page(model_admin, request, appointment, form)


def may_send(user: Any) -> bool:
    return any(user.has_perm(permission) for permission in SENDERS)


def _found(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """The appointment, if the person may see it; or the answer, when there is none to be found."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    seen = model_admin.get_object(request, unquote(object_id))
    found = with_all(Appointment.objects.filter(pk=seen.pk)).first() if seen else None
    if found is None:
        return model_admin.not_found(request)
    shown.note_record(request, Appointment, found)
    return found


def _page(model_admin: Any, request: HttpRequest, appointment: Appointment, form: SendForm) -> HttpResponse:
    patient = appointment.patient
    return model_admin.own_page(
        request,
        "console/slip.html",
        title=_("Slip of %s") % patient,
        original=appointment,
        slip=slip_of(appointment),
        form=form,
        email=patient.email,
        agreed=patient.remind_by_email,
        may_send=settings.SENDS_MAIL and may_send(request.user),
    )


def _file(model_admin: Any, request: HttpRequest, object_id: str, made: Any, kind: str, mime: str) -> HttpResponse:
    appointment = _found(model_admin, request, object_id)
    if isinstance(appointment, HttpResponse):
        return appointment
    slip = slip_of(appointment)
    headers = {"Content-Disposition": f'inline; filename="{slip.file_name}.{kind}"'}
    return HttpResponse(made(slip), content_type=mime, headers=headers)
