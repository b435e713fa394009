"""The page for patients without an appointment: who (found, or registered on the spot), where, and one button. Beside
it, while it is filled in: what the patient has today already, the next free seats with the time that one waits for
them, and when the chosen doctor is there."""

import uuid
from collections import defaultdict
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.admin import who as people
from appointments.admin.who import Who
from appointments.arrival import arrival_of
from appointments.forms import OnceForm, choice, reason_field
from appointments.models import LIVE, Appointment, Status
from appointments.steps import ATTEND
from appointments.walkins import free_today, seats_today, today_of, walk_in
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.errors import DomainError
from booking_site.core.ids import uuid7
from booking_site.core.scope import Scope, scope_of
from booking_site.core.wallclock import clock_label, duration_label, time_label
from doctors.models import Department, Doctor
from patients.models import Patient
from scheduling.admin.seats import OVERBOOK, VisitTypeChoice, who_may_overbook
from scheduling.models import AvailableSlot, VisitType
from scheduling.week import local_time

NEEDED = ("appointments.add_appointment", ATTEND)
SHOWN = 5  # free seats
CHOICES = ("patient", "department", "doctor", "visit_type")


class WalkInForm(OnceForm):
    """``patient``: the id of one who is found, or that a new one will have. See ``admin.who``."""

    patient = forms.UUIDField(widget=forms.HiddenInput, error_messages={"required": _("Choose a patient.")})
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
            "No free seat, but one more beside what the doctor has today. Choose doctor and visit type, say why."
        ),
    )
    overbook_reason = forms.CharField(
        label=_("Why overbooked"),
        required=False,
        max_length=200,
        widget=AdminTextInputWidget,
        help_text=_("About the time, not about the patient."),
    )
    field_order = ["department", "doctor", "visit_type", "reason"]

    def __init__(self, *args: Any, model_admin: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registered: list[str] = []
        site, user = model_admin.admin_site, request.user
        self.scope = scope_of(user)
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

    def keep(self, who: Who, registered: Patient) -> None:
        """Registered, but refused: the patient stays chosen, and the form begins anew for another attempt."""
        self.registered = [_("%s is registered, but not booked yet.") % registered]
        who.patient, who.is_new, who.text, who.candidates = registered, False, people.patient_label(registered), []
        self.data: Any = self.data.copy()
        self.data["key"] = str(uuid7())

    def refuse(self, error: DomainError) -> None:
        """Show a refusal at the field that it is about."""
        at = [found["field"] for found in error.errors if found["field"] in self.fields]
        self.add_error(at[0] if at else None, error.detail)


def walk_in_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Query: what is chosen already, by the names of the fields."""
    _check(request)
    key = _key(request)
    who = people.read(request, key)
    form = _form(model_admin, request, who, key)
    if _is_sent(request) and (made := _come(request, form, who)) is not None:
        return model_admin.done(request, made.pk, _("Checked in: %s."))
    return model_admin.form_page(
        request,
        form,
        "console/walk_in.html",
        title=_("Walk-in"),
        button=_("Book and check in"),
        note="" if "overbook" in form.fields else _("Who may overbook: %s.") % who_may_overbook(),
        live_fields=" ".join(CHOICES),
        errors=form.errors or (_is_sent(request) and who.is_new and (who.new.errors or who.candidates)),
        **_shown(request, form, who),
        **_live(request, {name: form[name].value() for name in CHOICES}),
    )


def _form(model_admin: Any, request: HttpRequest, who: Who, key: uuid.UUID) -> WalkInForm:
    """As it was sent, or, where it only asks who is found, as it is filled in so far."""
    patient = str(who.patient.pk) if who.patient else str(key) if who.is_new else ""
    data = initial = None
    if _is_sent(request):
        data = request.POST.copy()
        data["patient"] = patient
    else:
        filled = request.POST.dict() or {name: request.GET[name] for name in CHOICES if name in request.GET}
        initial = filled | {"patient": patient, "key": key}
    return WalkInForm(data, initial=initial, model_admin=model_admin, request=request)


def _is_sent(request: HttpRequest) -> bool:
    return request.method == "POST" and "look" not in request.POST


def _key(request: HttpRequest) -> uuid.UUID:
    """Of the form; a patient who is registered with it has the same."""
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid7()


def _come(request: HttpRequest, form: WalkInForm, who: Who) -> Appointment | None:
    """Register, if it is somebody new, then book and check in. When it returns None, form and ``who`` say why."""
    if not form.is_valid():  # nobody is registered either
        return None
    chosen = form.cleaned_data
    registered = people.register(request, who, chosen["key"]) if who.is_new else None
    if who.is_new and registered is None:
        return None
    try:
        return walk_in(
            actor=actor_of(request),
            patient_id=chosen["patient"],
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
    if registered is not None:
        form.keep(who, registered)
    return None


def _shown(request: HttpRequest, form: WalkInForm, who: Who) -> dict[str, Any]:
    """What the templates of the booking page show of who is chosen, found or to be registered."""
    people.note(request, who)
    return {
        "who": who,
        "picking": {"troubles": {"patient": form.errors.get("patient", []), "registered": form.registered}},
        "about_patient": people.about(who.patient) if who.patient else [],
        "who_choices": [(one, people.about(one)) for one in who.found],
        "candidates": [(one, people.about(one.patient)) for one in who.candidates],
    }


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
    """``today``: the patient's appointments; ``seats``: the next free ones; ``where``: whether there is a choice;
    ``hours``: when the doctor is there, None when none is chosen."""
    models: dict[str, Any] = {"patient": Patient, "department": Department, "doctor": Doctor, "visit_type": VisitType}
    chosen = {name: _known(model, typed[name]) for name, model in models.items()}
    where = chosen["department"] or chosen["doctor"]
    scope = scope_of(request.user)
    seats = _seats(scope, *(chosen[name] for name in ("department", "doctor", "visit_type"))) if where else []
    today = list(today_of(chosen["patient"])) if chosen["patient"] else []
    shown.note_patients(request, Appointment, [one.patient_id for one in today])
    back = f"{reverse('admin:walk_in')}?patient={chosen['patient']}"
    return {
        "today": [_told(one, scope) for one in today],
        "seats": seats,
        "where": bool(where),
        "hours": _hours(scope, chosen["doctor"]) if chosen["doctor"] else None,
        "back": back,
    }


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


def _hours(scope: Scope, doctor: str) -> list[dict[str, Any]]:
    """What a doctor has today: a session, or the single seats of a department, with the numbers of its seats."""
    now, sessions = timezone.now(), defaultdict(list)
    for slot in seats_today(doctor).filter(scope.q()):
        sessions[slot.department, slot.schedule_id].append(slot)
    return [
        {
            "department": department,
            "begin": time_label(slots[0].time, department.time_zone, slots[0].starts_at),
            "end": local_time(max(slot.ends_at for slot in slots), department),
            "free": sum(slot.state == AvailableSlot.Status.AVAILABLE and slot.starts_at > now for slot in slots),
            "booked": sum(slot.state == AvailableSlot.Status.BOOKED for slot in slots),
        }
        for (department, _schedule), slots in sessions.items()
    ]


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
