"""The page that moves an appointment to another time: the times of its own doctor and visit type first."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from appointments import operations
from appointments.admin import picking as pick
from appointments.admin.picking import Picking
from appointments.forms import MoveForm
from booking_site.core.actor import actor_of
from booking_site.core.admin import version_in
from booking_site.core.errors import DomainError
from booking_site.core.operations import version_of
from booking_site.core.scope import scope_of
from scheduling import picker
from scheduling.picker import Asked


def move_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    appointment = model_admin.to_step(request, object_id)
    if isinstance(appointment, HttpResponse):
        return appointment
    its_doctor = picker.whose(f"doctor:{appointment.doctor_id}", scope_of(request.user))
    picking = pick.read(request, Asked(its_doctor, appointment.visit_type))
    form = MoveForm(initial={"key": picking.key})
    if request.method == "POST" and pick.is_look(request):
        form = MoveForm(initial=request.POST.dict() | {"key": picking.key})
        pick.follow(picking)
    elif request.method == "POST":
        form = MoveForm(request.POST)
        if _moved(request, form, picking, appointment):
            return model_admin.done(request, appointment.pk, _("Moved: %s."), moved_from=appointment.slot_id)
        if picking.held:
            pick.follow(picking)
        appointment = model_admin.get_object(request, object_id)
    shown = pick.context(picking) | {"form": form, "old": model_admin.label(appointment), "button": _("Move")}
    if "X-Part" in request.headers:
        return render(request, "console/book_parts.html", shown)
    return model_admin.own_page(
        request,
        "console/book.html",
        title=_("Move the appointment"),
        original=appointment,
        version=request.POST.get("version") if pick.is_look(request) else version_of(appointment),
        **shown,
    )


def _moved(request: HttpRequest, form: MoveForm, picking: Picking, appointment: Any) -> bool:
    if not form.is_valid():
        for message in form.errors.get("slot", ()):
            picking.refuse("slot", message)
        return False
    if picking.troubles:
        return False
    try:
        operations.reschedule(
            actor=actor_of(request),
            appointment_id=appointment.pk,
            slot_id=form.cleaned_data["slot"].pk,
            reason=form.cleaned_data["reason"],
            hold_token=picking.token if picking.is_holding else "",
            expected_versions=version_in(request),
            idempotency=form.idempotency(f"console:{request.user.pk}"),
        )
    except DomainError as error:
        pick.refused(picking, error)
        return False
    if picking.held and not picking.is_holding:
        pick.give_up(picking)
    return True
