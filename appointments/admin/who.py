"""Whom a booking is for: a patient who is found, or one who is registered on the spot."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from appointments.forms import NewPatientForm
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.errors import Conflict, DomainError
from booking_site.core.operations import save_record
from booking_site.core.wallclock import short_day_label
from patients.duplicates import Candidate, similar_to
from patients.finding import find
from patients.models import Patient

MOST_FOUND = 10
ADD, VIEW = "patients.add_patient", "patients.view_patient"


@dataclass
class Who:
    """``new``: what has been typed of somebody who is to be registered. ``candidates``: who may be the same person."""

    text: str
    patient: Patient | None
    may_register: bool
    is_new: bool
    new: NewPatientForm
    found: list[Patient] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    is_searched: bool = False

    @property
    def new_name(self) -> str:
        """Of whom is to be registered, as far as it has been typed."""
        return " ".join(filter(None, ((self.new[name].value() or "").strip() for name in ("first_name", "last_name"))))

    @property
    def shown_candidates(self) -> str:
        """The ids of the candidates: what somebody has seen who registers all the same."""
        return ",".join(sorted(str(one.patient.pk) for one in self.candidates))


def patient_label(patient: Patient) -> str:
    """Enough to tell namesakes apart."""
    return ", ".join([str(patient), *about(patient)])


def about(patient: Patient) -> list[str]:
    born = _("born %s") % short_day_label(patient.dob) if patient.dob else ""
    return [str(part) for part in (born, patient.mrn, patient.phone) if part]


def read(request: HttpRequest, key: uuid.UUID) -> Who:
    """A chosen patient stays chosen until something else is typed over their name. ``key``: of the form."""
    data = request.POST if request.method == "POST" else request.GET
    chosen = data.get("found_patient") or data.get("patient", "")
    text = request.POST.get("who")  # no name is taken from an address
    rows = Patient.objects.select_related("merged_into")
    patient = rows.filter(pk=known).first() if (known := _uuid(chosen)) else None
    patient = patient.merged_into or patient if patient else None  # the record that stays
    may_see = request.user.has_perm(VIEW)
    if patient is not None and not data.get("found_patient") and text is not None:
        patient = patient if text.strip() == patient_label(patient) else None
    may_register = request.user.has_perm(ADD)
    who = Who(
        text=patient_label(patient) if patient else (text or "").strip(),
        patient=patient,
        may_register=may_register,
        is_new=may_register and patient is None and "is_new" in data,
        new=NewPatientForm(request.POST if "is_new" in request.POST else None, initial=_guess(text or "")),
    )
    if who.is_new and who.new.is_valid():
        who.candidates = _similar(who.new, key)
    elif who.text and patient is None and may_see and not who.is_new and "X-Part" not in request.headers:
        who.found, who.is_searched = find(who.text, MOST_FOUND), True
    return who


def note(request: HttpRequest, who: Who) -> None:
    """Who is shown: chosen, found, or perhaps the same person."""
    people = [*([who.patient] if who.patient else []), *who.found, *(one.patient for one in who.candidates)]
    shown.note_patients(request, Patient, [one.pk for one in people], although_none=who.is_searched)


def register(request: HttpRequest, who: Who, key: uuid.UUID) -> Patient | None:
    """The new patient, or None when something is to be corrected or to be confirmed first.

    Its key is that of the form: a form that is sent twice registers once.
    """
    if not who.new.is_valid():
        return None
    if who.candidates and request.POST.get("all_the_same") != who.shown_candidates:
        return None
    patient: Patient = who.new.save(commit=False)
    patient.pk = key
    try:
        save_record(actor=actor_of(request), instance=patient)
    except Conflict as error:
        twin = Patient.objects.filter(pk=key).first()
        if twin is None or patient_label(twin) != patient_label(patient):
            who.new.add_error(None, error.detail)
            return None
        return twin
    except DomainError as error:
        who.new.add_error(None, error.detail)
        return None
    return patient


def _similar(new: NewPatientForm, key: uuid.UUID) -> list[Candidate]:
    given: dict[str, Any] = new.cleaned_data
    names = (given["first_name"], given["last_name"])
    return similar_to(*names, dob=given["dob"], phone=given["phone"], exclude=key)


def _guess(text: str) -> dict[str, str]:
    """What was typed to search for somebody, to begin to register them with."""
    if sum(letter.isdigit() for letter in text) >= 5:
        return {"phone": text.strip()}
    first, _space, last = text.strip().rpartition(" ")
    return {"first_name": first, "last_name": last}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
