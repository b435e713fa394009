"""Who looked at this patient: finding the record, and the page that tells it.

Who reads the log need not read patients: a record is found by what the person who asks knows already (its number or id,
or the exact name with the date of birth), sent by POST, and is shown by number and id. Its name is for those who see
patients.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Q, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from audit.days import FROM, TO, day_in, moments
from audit.looking import Looks, changes_of, keys_of, looks_at
from audit.looking import read as looks_in
from audit.models import AuditLog
from audit.words import WAYS
from booking_site.core import shown
from booking_site.core.admin import CappedPaginator, submitted
from booking_site.core.sql import SearchFold
from booking_site.core.wallclock import day_label, moment_html
from patients.models import Patient

PER_PAGE = 50
MOST_FOUND = 10
NAMES = ("first_name", "last_name")


class FindForm(forms.Form):
    """One record by its number or id, or those of the exact name and date of birth."""

    number = forms.CharField(
        label=_("Record number or id"), required=False, max_length=64, widget=forms.TextInput(attrs={"size": 40})
    )
    first_name = forms.CharField(label=_("First name"), required=False, max_length=200)
    last_name = forms.CharField(label=_("Last name"), required=False, max_length=200)
    dob = forms.DateField(
        label=_("Date of birth"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        names = given.get("first_name") or given.get("last_name")
        if not self.errors and not (given.get("number") or (names and given.get("dob"))):
            raise forms.ValidationError(_("Give the record number or id, or the full name and the date of birth."))
        return given

    def found(self) -> list[Patient]:
        given = self.cleaned_data
        if given["number"]:
            return list(Patient.objects.filter(_numbered(given["number"])).order_by("pk")[:MOST_FOUND])
        kept = {f"folded_{name}": SearchFold(name) for name in NAMES}
        same = {f"folded_{name}": SearchFold(Value(given[name])) for name in NAMES}
        named = Patient.objects.filter(dob=given["dob"]).annotate(**kept)
        return list(named.filter(**same).order_by("pk")[:MOST_FOUND])


def _numbered(number: str) -> Q:
    where = Q(mrn=number)
    with suppress(ValueError):
        where |= Q(pk=uuid.UUID(number))
    return where


def find_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """POST what is known of the patient: leads to their page, or shows those who are meant."""
    _check(model_admin, request)
    form = FindForm(submitted(request))
    found: list[Patient] | None = None
    if form.is_valid():
        found = form.found()
        shown.note_list(request, Patient, found)
        if len(found) == 1:
            return HttpResponseRedirect(reverse("admin:audit_patient", args=[found[0].pk]))
    return model_admin.form_page(
        request,
        form,
        "console/audit_find.html",
        title=_("Who looked at a patient"),
        button=_("Find"),
        found=found,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """``Looks`` in words. ``times``: of the record itself; ``ways``: the names of the pages."""

    looks: Looks
    day: str
    ways: list[str]

    @property
    def times(self) -> int:
        return self.looks.times - self.looks.of_lists


def patient_page(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Query: ``from`` and ``to`` (days, both included), ``page`` of the looks, ``changes`` (page of the changes)."""
    _check(model_admin, request)
    keys = keys_of(patient_id)
    first, last = (day_in(request.GET.get(name)) for name in (FROM, TO))
    span = moments(first, last)
    looks = CappedPaginator(looks_at(keys, *span), PER_PAGE).get_page(request.GET.get("page"))
    changes = CappedPaginator(changes_of(keys, *span), PER_PAGE).get_page(request.GET.get("changes"))
    patient = Patient.objects.filter(pk=patient_id).first()
    if patient is None and not AuditLog.objects.filter(patient_id=patient_id).exists():
        return model_admin.not_found(request)
    shown.note_patients(request, AuditLog, keys)
    return model_admin.own_page(
        request,
        "console/audit_patient.html",
        title=_("Who looked at this patient"),
        patient_id=patient_id,
        number=patient.mrn if patient else None,
        name=str(patient) if patient and _sees(model_admin, request, patient) else "",
        merged=keys[1:],
        first=first,
        last=last,
        looks=looks,
        lines=[_line(row) for row in looks.object_list],
        changes=changes,
        done=[(moment_html(row.timestamp), row, ", ".join(_fields(row))) for row in changes.object_list],
        entries=_entries(patient_id, first, last),
    )


def _entries(patient_id: uuid.UUID, first: date | None, last: date | None) -> str:
    """The query of the list for all entries about the patient in these days."""
    days = {name: f"{day}" for name, day in ((FROM, first), (TO, last)) if day is not None}
    return urlencode({"q": f"{patient_id}", **days})


def _line(row: dict[str, Any]) -> Line:
    looks = looks_in(row)
    return Line(looks=looks, day=day_label(looks.day), ways=sorted({str(WAYS.get(way, way)) for way in looks.ways}))


def _fields(row: AuditLog) -> list[str]:
    """The names of those that were there before and have changed."""
    old = row.details.get("old")
    return list(old) if isinstance(old, dict) else []


def _sees(model_admin: Any, request: HttpRequest, patient: Patient) -> bool:
    of_patients = model_admin.admin_site.get_model_admin(Patient)
    if not of_patients.has_view_permission(request):
        return False
    return of_patients.seen(request, Patient.objects.filter(pk=patient.pk)).exists()


def _check(model_admin: Any, request: HttpRequest) -> None:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
