"""The steps at the front desk: buttons beside an appointment, wherever it is shown."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from appointments.exceptions import AppointmentNotFound
from appointments.models import Appointment, Status
from appointments.steps import STEPS, may_take, why_not_missed
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.errors import DomainError, Invalid
from booking_site.core.operations import version_of


def step_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """POST ``step`` (a name of STEPS) and ``next`` (where to go then; the page it came from without it), ``version`` in
    the query (what the page showed).

    Answers with a redirect and a message, or, to a script that accepts JSON, with ``{"id", "status", "label",
    "version", "detail"}`` (``detail``: the message) or ``{"code", "detail"}``.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    appointment = model_admin.get_object(request, unquote(object_id))
    if appointment is None:
        return _refused(request, AppointmentNotFound()) if _wants_json(request) else model_admin.not_found(request)
    step = STEPS.get(request.POST.get("step", ""))
    if step is None:
        return _refused(request, Invalid(str(_("Choose what to do."))))
    if not may_take(request.user, step, appointment):
        raise PermissionDenied
    try:
        if step.target is None or appointment.status != step.target:  # the second of two clicks finds it done
            if step.target == Status.NO_SHOW and (refusal := why_not_missed(appointment, timezone.now())) is not None:
                raise refusal
            step.operation(
                actor=actor_of(request),
                appointment_id=appointment.pk,
                expected_versions=frozenset(request.GET.getlist("version")) or None,
            )
    except DomainError as error:
        return _refused(request, error)
    appointment = model_admin.get_object(request, str(appointment.pk))
    done = step.done % model_admin.label(appointment)
    if _wants_json(request):
        shown.note_record(request, Appointment, appointment, is_answer=True)
        return JsonResponse(described(appointment) | {"detail": done})
    messages.success(request, done)
    return _back(request, appointment)


def described(appointment: Appointment) -> dict[str, str]:
    return {
        "id": str(appointment.pk),
        "status": appointment.status,
        "label": str(appointment.get_status_display()),
        "version": version_of(appointment),
    }


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"code": error.code, "detail": error.detail}, status=error.status_code)
    messages.error(request, error.detail)
    return _back(request)


def _wants_json(request: HttpRequest) -> bool:
    return request.accepts("application/json") and not request.accepts("text/html")


def came_from(request: HttpRequest) -> str:
    """The page to lead back to: as the form says, or else the link that was followed (``next`` in its query), or else
    the page that it stood on. Empty when that is no page of the console, or the same page again."""
    linked = [request.GET.get("next"), request.headers.get("Referer")]
    for to in [request.POST["next"]] if "next" in request.POST else linked:
        is_ours = url_has_allowed_host_and_scheme(
            to, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
        if to and is_ours:
            path = urlsplit(to).path
            if path.startswith(reverse("admin:index")) and path != request.path:
                return to
    return ""


def _back(request: HttpRequest, appointment: Appointment | None = None) -> HttpResponse:
    if to := came_from(request):
        return HttpResponseRedirect(to)
    if appointment is not None:
        return HttpResponseRedirect(reverse("admin:appointments_appointment_change", args=[appointment.pk]))
    return HttpResponseRedirect(reverse("admin:index"))
