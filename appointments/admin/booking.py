"""The page that books an appointment: who, with whom or for what, when; then one button."""

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from appointments import operations
from appointments.admin import picking as pick
from appointments.admin import who as people
from appointments.admin.picking import Picking
from appointments.admin.who import Who
from appointments.exceptions import (
    PatientDoubleBooked,
    PatientInactive,
    PatientLimitReached,
    PatientNotFound,
)
from appointments.forms import BookingForm
from appointments.models import Appointment, IdempotencyKey
from appointments.refusals import refuse_overlap
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.errors import DomainError
from booking_site.core.ids import uuid7
from booking_site.core.reach import EVERYTHING
from booking_site.core.scope import scope_of
from patients.exceptions import PatientErased
from patients.finding import find
from patients.models import Patient
from scheduling import picker
from scheduling.models import AvailableSlot
from scheduling.picker import Asked, Whose

LAST = "last_department"  # of the session: where the person has booked last
OF_PATIENT = (PatientNotFound, PatientErased, PatientInactive, PatientDoubleBooked, PatientLimitReached)
LONGEST_SEARCH = 200


def book_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """GET: ``patient``, ``slot``, ``doctor``, ``department``, ``visit_type`` and ``date`` may be chosen by a link."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    picking = pick.read(request, _usual(request))
    who = people.read(request, picking.key)
    form = BookingForm(initial={"key": picking.key})
    if request.method == "POST" and pick.is_look(request):
        form = BookingForm(initial=request.POST.dict() | {"key": picking.key, "is_urgent": "is_urgent" in request.POST})
        pick.follow(picking)
    elif request.method == "POST":
        answer, form = _book(model_admin, request, picking, who)
        if answer is not None:
            return answer
    return _shown(model_admin, request, form, picking, who)


def _shown(model_admin: Any, request: HttpRequest, form: BookingForm, picking: Picking, who: Who) -> HttpResponse:
    if who.patient is not None and picking.slot is not None and "patient" not in picking.troubles:
        _warn(picking, who)
    people.note(request, who)
    context = pick.context(picking) | {
        "form": form,
        "who": who,
        "about_patient": people.about(who.patient) if who.patient else [],
        "who_choices": [(one, people.about(one)) for one in who.found],
        "candidates": [(one, people.about(one.patient)) for one in who.candidates],
        "button": _("Register and book") if who.is_new else _("Book"),
        "is_booking": True,
    }
    if "X-Part" in request.headers:
        return render(request, "console/book_parts.html", context)
    return model_admin.own_page(request, "console/book.html", title=_("Book an appointment"), **context)


def _usual(request: HttpRequest) -> Asked:
    """Where the person has booked last; or the only department that they have."""
    scope = scope_of(request.user)
    only = next(iter(scope.departments)) if len(scope.departments) == 1 and not scope.everything else ""
    department = request.session.get(LAST) or only
    return Asked(picker.whose(f"department:{department}", scope) if department else None)


def _book(
    model_admin: Any, request: HttpRequest, picking: Picking, who: Who
) -> tuple[HttpResponse | None, BookingForm]:
    """Register, if it is somebody new, and book. Without an answer, the form says what is wrong."""
    data = request.POST.copy()
    if "who" in data or "found_patient" in data:
        data["patient"] = str(who.patient.pk) if who.patient else ""
    registered = None
    if who.is_new:
        data["patient"] = str(picking.key)  # which will be theirs
        checked = BookingForm(data)
        checked.full_clean()
        # Nobody is registered while the rest of the form is wrong.
        if (
            set(checked.errors) - {"patient"}
            or picking.troubles
            or (registered := people.register(request, who, picking.key)) is None
        ):
            checked.errors.pop("patient", None)
            return None, _refused(checked, picking)
    form = BookingForm(data)
    if form.is_valid() and not picking.troubles:
        chosen = form.cleaned_data
        whose = picking.asked.whose
        try:
            made = operations.book(
                actor=actor_of(request),
                patient_id=chosen["patient"].pk,
                slot_id=chosen["slot"].pk,
                doctor_id=whose.value if whose is not None and whose.kind == "doctor" else None,
                reason=chosen["reason"],
                hold_token=picking.token if picking.is_holding else "",
                is_urgent=chosen["is_urgent"],
                source="console",
                idempotency=form.idempotency(_client(request)),
            )
        except DomainError as error:
            _tell(error, picking)
        else:
            if picking.held and not picking.is_holding:
                pick.give_up(picking)
            request.session[LAST] = str(made.department_id)
            return model_admin.done(request, made.pk, _("Booked: %s.")), form
    if registered is not None:
        _keep(picking, who, registered)
    return None, _refused(form, picking)


def _keep(picking: Picking, who: Who, registered: Any) -> None:
    """Registered, but not booked: the patient stays chosen, and the form begins anew for another attempt."""
    pick.give_up(picking)
    picking.refuse("registered", _("%s is registered, but not booked yet.") % registered)
    who.patient, who.is_new, who.text, who.candidates = registered, False, people.patient_label(registered), []
    picking.key = uuid7()
    pick.follow(picking)


def _refused(form: BookingForm, picking: Picking) -> BookingForm:
    for name in ("patient", "slot"):
        for message in form.errors.get(name, ()):
            picking.refuse(name, message)
    if "key" in form.errors:
        picking.refuse("slot", _("Something was wrong with this form. Choose the time once more."))
        picking.slot = None
    if picking.held:
        pick.follow(picking)
    return form


def _tell(error: DomainError, picking: Picking) -> None:
    """Beside the field that it is about."""
    if isinstance(error, PatientDoubleBooked):
        picking.refuse("patient", _twice(error))
    elif isinstance(error, OF_PATIENT):
        picking.refuse("patient", error.detail)
    else:
        pick.refused(picking, error)


def _warn(picking: Picking, who: Who) -> None:
    """Before anybody presses the button: the patient is somewhere else then, or the record is closed."""
    if who.patient.erased_at is not None:  # type: ignore[union-attr]
        picking.refuse("patient", PatientErased(who.patient.pk).detail)  # type: ignore[union-attr]
        return
    if not who.patient.is_active:  # type: ignore[union-attr]
        picking.refuse("patient", PatientInactive().detail)
        return
    slot: Any = picking.slot
    try:
        then = AvailableSlot(starts_at=slot["starts_at"], ends_at=slot["ends_at"])
        refuse_overlap(EVERYTHING, who.patient.pk, then)  # type: ignore[union-attr]
    except PatientDoubleBooked as error:
        picking.refuse("patient", _twice(error))


def _twice(error: PatientDoubleBooked) -> dict[str, str]:
    if error.other_id is None:
        return {"text": error.detail}
    return {"text": error.detail, "url": reverse("admin:appointments_appointment_change", args=[error.other_id])}


def _client(request: HttpRequest) -> str:
    return f"console:{request.user.pk}"


# --- what the page asks meanwhile --------------------------------------------------------------------------------


def booking_urls(model_admin: Any) -> list[Any]:
    def page(route: str, view: Any) -> Any:
        def run(request: HttpRequest) -> HttpResponse:
            if not (model_admin.has_add_permission(request) or model_admin.has_step_permission(request)):
                raise PermissionDenied
            return view(request)

        return path(f"appointments/booking/{route}/", model_admin.admin_site.admin_view(run), name=f"booking_{route}")

    return [page("find", find_view), page("release", release_view), page("state", state_view)]


def find_view(request: HttpRequest) -> HttpResponse:
    """What a search box offers while somebody types. By POST: names of patients do not belong into addresses."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    text = request.POST.get("q", "")[:LONGEST_SEARCH]
    if request.POST.get("what") == "whose":
        offered = [_offer(one) for one in picker.find_whose(text, scope_of(request.user))]
    elif request.user.has_perm(people.VIEW):
        found = find(text, people.MOST_FOUND)
        shown.note_list(request, Patient, found)
        offered = [
            {
                "value": str(patient.pk),
                "text": people.patient_label(patient),
                "name": str(patient),
                "about": people.about(patient) + ([] if patient.is_active else [str(_("record closed"))]),
            }
            for patient in found
        ]
    else:
        raise PermissionDenied
    return JsonResponse({"offered": offered})


def _offer(whose: Whose) -> dict[str, Any]:
    about = [part for part in (whose.kind_label, whose.about) if part]
    return {"value": str(whose), "text": whose.label, "name": whose.label, "about": about}


def release_view(request: HttpRequest) -> HttpResponse:
    """The page is left: give up what its form holds."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    pick.give_up(pick.read(request))
    return HttpResponse(status=204)


def state_view(request: HttpRequest) -> HttpResponse:
    """Whether the form with this ``key`` has booked or moved already: asked when somebody comes back to it."""
    made = _made(request, request.GET.get("key", ""))
    if made is None:
        return JsonResponse({"done": False})
    return JsonResponse({"done": True, "url": reverse("admin:appointments_appointment_change", args=[made.pk])})


def _made(request: HttpRequest, key: str) -> Appointment | None:
    try:
        key = str(uuid.UUID(key))
    except ValueError:
        return None
    answered = IdempotencyKey.objects.select_related("appointment")
    found = answered.filter(client=_client(request), key__startswith=f"{key}:", appointment__isnull=False).first()
    return found.appointment if found else None
