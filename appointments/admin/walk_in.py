"""The page for patients without an appointment: who, where, and one button. Beside it, while it is filled in: what the
patient has today already, and the next free seats with the time that one waits for them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.arrival import arrival_of
from appointments.forms import OnceForm, choice, reason_field
from appointments.models import LIVE, Appointment, Status
from appointments.steps import ATTEND
from appointments.walkins import free_today, today_of, walk_in
from booking_site.core.actor import actor_of
from booking_site.core.admin import submitted
from booking_site.core.errors import DomainError
from booking_site.core.scope import Scope, scope_of
from booking_site.core.wallclock import clock_label, duration_label, time_label
from doctors.models import Department, Doctor
from patients.models import Patient
from scheduling.admin.seats import OVERBOOK, VisitTypeChoice, who_may_overbook
from scheduling.models import AvailableSlot, VisitType

NEEDED = ("appointments.add_appointment", ATTEND)
SHOWN = 5  # free seats
CHOICES = ("patient", "department", "doctor", "visit_type")


class WalkInForm(OnceForm):
    reason = reason_field(_("Reason"))
    visit_type = VisitTypeChoice(
        label=_("Visit type"), required=False, empty_label=_("Any"), queryset=VisitType.objects.filter(is_active=True)
    )
    although_booked = forms.BooleanField(
        label=_("A second appointment"),
        required=False,
        help_text=_("The patient has an appointment today already, and shall have this one as well."),
    )
    overbook = forms.BooleanField(
        label=_("Overbook"),
        required=False,
        help_text=_(
            "No free seat, but one more beside what the doctor has now. Choose doctor and visit type, say why."
        ),
    )
    overbook_reason = forms.CharField(
        label=_("Why overbooked"),
        required=False,
        max_length=200,
        widget=AdminTextInputWidget,
        help_text=_("About the time, not about the patient."),
    )
    field_order = ["patient", "department", "doctor", "visit_type", "reason"]

    def __init__(self, *args: Any, model_admin: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        site, user = model_admin.admin_site, request.user
        self.scope = scope_of(user)
        self.fields["patient"] = choice(
            "patient",
            site,
            Patient.objects.all(),
            label=_("Patient"),
            help_text=_("Type to search: name in any order, digits of the phone number, e-mail, record number."),
        )
        self.fields["department"] = choice(
            "department", site, Department.objects.all(), label=_("Department"), required=False
        )
        self.fields["doctor"] = choice(
            "doctor", site, Doctor.objects.select_related("department"), label=_("Doctor"), required=False
        )
        if not user.has_perm(OVERBOOK):
            del self.fields["overbook"], self.fields["overbook_reason"]
        self.order_fields(self.field_order)
        model_admin.limited(request, self)

    def clean(self) -> Any:
        chosen = super().clean() or self.cleaned_data
        if "department" in chosen and "doctor" in chosen and not (chosen["department"] or chosen["doctor"]):
            self.add_error("department", _("Choose a department or a doctor."))
        doctor = chosen.get("doctor")
        if doctor and not chosen.get("department") and not self.scope.everything:
            # Of a doctor who works in several departments only the seats in those of this person.
            if self.scope.allows(department_id=doctor.department_id, doctor_id=doctor.pk):
                chosen["department"] = doctor.department
            else:
                self.add_error("department", _("Choose one of your departments: the doctor's own is none of them."))
        return chosen

    def refuse(self, error: DomainError) -> None:
        """Show a refusal at the field that it is about."""
        at = [found["field"] for found in error.errors if found["field"] in self.fields]
        self.add_error(at[0] if at else None, error.detail)


def walk_in_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Query: what is chosen already, by the names of the fields."""
    _check(request)
    initial = {name: request.GET[name] for name in CHOICES if name in request.GET}
    form = WalkInForm(submitted(request), initial=initial, model_admin=model_admin, request=request)
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            made = walk_in(
                actor=actor_of(request),
                patient_id=chosen["patient"].pk,
                department_id=chosen["department"].pk if chosen["department"] else None,
                doctor_id=chosen["doctor"].pk if chosen["doctor"] else None,
                visit_type=chosen["visit_type"].pk if chosen["visit_type"] else None,
                reason=chosen["reason"],
                overbook=chosen.get("overbook", False),
                overbook_reason=chosen.get("overbook_reason", ""),
                although_booked=chosen["although_booked"],
                idempotency=form.idempotency(f"console:{request.user.pk}"),
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Checked in: %s.") % model_admin.label(_with_names(made)))
            return HttpResponseRedirect(reverse("admin:appointments_appointment_change", args=[made.pk]))
    return model_admin.form_page(
        request,
        form,
        "console/walk_in.html",
        title=_("Walk-in"),
        button=_("Book and check in"),
        note="" if "overbook" in form.fields else _("Who may overbook: %s.") % who_may_overbook(),
        live_fields=" ".join(CHOICES),
        **_live(request, {name: form[name].value() for name in CHOICES}),
    )


def walk_in_live(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """What stands beside the form, for what is chosen so far."""
    _check(request)
    return render(
        request, "console/walk_in_live.html", _live(request, {name: request.GET.get(name) for name in CHOICES})
    )


def _check(request: HttpRequest) -> None:
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied


def _live(request: HttpRequest, typed: dict[str, Any]) -> dict[str, Any]:
    """``today``: the patient's appointments; ``seats``: the next free ones; ``where``: whether there is a choice."""
    models: dict[str, Any] = {"patient": Patient, "department": Department, "doctor": Doctor, "visit_type": VisitType}
    chosen = {name: _known(model, typed[name]) for name, model in models.items()}
    where = chosen["department"] or chosen["doctor"]
    scope = scope_of(request.user)
    seats = _seats(scope, *(chosen[name] for name in ("department", "doctor", "visit_type"))) if where else []
    today = today_of(chosen["patient"]) if chosen["patient"] else []
    back = f"{reverse('admin:walk_in')}?patient={chosen['patient']}"
    return {"today": [_told(one, scope) for one in today], "seats": seats, "where": bool(where), "back": back}


def _known(model: Any, value: Any) -> Any:
    """The key, as the database knows it; None for what is no key at all."""
    try:
        key = model._meta.pk.to_python(value) if value else None
    except ValidationError:
        return None
    return None if key is None or "\x00" in str(key) else key


def _seats(scope: Scope, department: Any, doctor: Any, visit_type: Any) -> list[dict[str, Any]]:
    now = timezone.now()
    free = free_today(department, doctor, visit_type).filter(scope.q()).select_related("visit_type")
    return [_seat(slot, max(1, round((slot.starts_at - now).total_seconds() / 60))) for slot in free[:SHOWN]]


def _seat(slot: AvailableSlot, minutes: int) -> dict[str, Any]:
    return {
        "clock": time_label(slot.time, slot.department.time_zone, slot.starts_at),
        "slot": slot,
        "wait": duration_label(minutes),
    }


def _told(appointment: Appointment, scope: Scope) -> dict[str, Any]:
    """One of today's: the steps beside it are offered only to those who may see it."""
    seen = scope.allows(department_id=appointment.department_id, doctor_id=appointment.doctor_id)
    zone = appointment.department.time_zone
    arrived = arrival_of(appointment) if appointment.status == Status.BOOKED else None
    slot = appointment.slot if appointment.status == Status.NO_SHOW else None
    return {
        "appointment": appointment,
        "when": clock_label(appointment.date, appointment.time, zone, appointment.starts_at),
        "seen": seen,
        "live": appointment.status in LIVE,
        "arrival": arrived.label if arrived else "",
        "missed": appointment.status == Status.NO_SHOW,
        "seat_is_free": slot is not None and slot.state == AvailableSlot.Status.AVAILABLE,
    }


def _with_names(appointment: Appointment) -> Appointment:
    return Appointment.objects.select_related("patient", "doctor", "department").get(pk=appointment.pk)
