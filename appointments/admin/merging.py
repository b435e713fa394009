"""The page that makes two records of one person one: choose the other, compare, confirm; and the way back."""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from appointments.admin.patient import MERGE, labels, lookalikes, may_open, patient_url
from appointments.merging import BOTH, DUPLICATE, FIELDS, GROUPS, SURVIVOR, chosen_by_default, clashes, merge, unmerge
from appointments.models import Appointment
from appointments.visits import seen, upcoming
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.admin import ChoiceByAutocomplete
from booking_site.core.errors import DomainError
from booking_site.core.operations import version_of
from booking_site.core.scope import scope_of
from booking_site.core.wallclock import short_day_label
from patients.models import Patient, PatientMerge


class OtherForm(forms.Form):
    """The other record; the query holds its id, no name."""

    def __init__(self, *args: Any, site: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["other"] = ChoiceByAutocomplete(
            Appointment._meta.get_field("patient"),
            site,
            Patient.objects.surviving().exclude(pk=patient.pk),
            label=_("The other record"),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A group of fields of the two records side by side, as texts. ``name``: of the first, which stands for the others.
    ``choice``: whose values the record has afterwards, where they differ; ``offers_both``: whether it can have those of
    both."""

    name: str
    label: str
    survivor: str
    duplicate: str
    choice: str
    offers_both: bool

    @property
    def differs(self) -> bool:
        return self.survivor != self.duplicate


def merge_page(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Query: ``other`` (the other record's id), ``stays`` (the id of the one that stays; without it, the one with more
    appointments, or the older).

    POST merges: ``choice_<field>`` as in ``merging.merge``, of the first field of a group for all of it; ``version`` of
    each of the two as they were shown.
    """
    if not request.user.has_perm(MERGE):
        raise PermissionDenied
    patient = may_open(model_admin, request, patient_id)
    if isinstance(patient, HttpResponse):
        return patient
    form = OtherForm(request.GET if "other" in request.GET else None, site=model_admin.admin_site, patient=patient)
    if not form.is_valid():
        context = {"title": _("Merge %s with another record") % patient, "patient": patient, "form": form}
        context |= {"similar": lookalikes(request, patient), "media": model_admin.media + form.media}
        return model_admin.own_page(request, "console/patient_merge_choose.html", **context)
    survivor, duplicate = _in_order(patient, form.cleaned_data["other"], request.GET.get("stays", ""))
    if request.method == "POST":
        return _merged(request, survivor, duplicate)
    for record in (survivor, duplicate):
        shown.note_record(request, Patient, record)
    return model_admin.own_page(
        request, "console/patient_merge.html", **_preview(request, patient, survivor, duplicate)
    )


def _in_order(patient: Patient, other: Patient, stays: str) -> tuple[Patient, Patient]:
    """The record that stays first."""
    with suppress(ValueError):
        if uuid.UUID(stays) == other.pk:
            return other, patient
        if uuid.UUID(stays) == patient.pk:
            return patient, other

    def weight(record: Patient) -> tuple[bool, int, float]:
        return record.is_active, record.appointments.count(), -record.created_at.timestamp()

    return (patient, other) if weight(patient) >= weight(other) else (other, patient)


def _merged(request: HttpRequest, survivor: Patient, duplicate: Patient) -> HttpResponse:
    choices = {name: chosen for name in FIELDS if (chosen := request.POST.get(f"choice_{name}"))}
    try:
        made = merge(
            actor=actor_of(request),
            survivor_id=survivor.pk,
            duplicate_id=duplicate.pk,
            choices=choices,
            expected_versions=frozenset(request.POST.getlist("version")) or None,
        )
    except DomainError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(request.get_full_path())
    moved = len(made.moved)
    said = ngettext(
        "Merged. %d appointment came with the other record. This can be taken back below.",
        "Merged. %d appointments came with the other record. This can be taken back below.",
        moved,
    )
    messages.success(request, said % moved)
    return HttpResponseRedirect(patient_url(survivor.pk))


def _preview(request: HttpRequest, patient: Patient, survivor: Patient, duplicate: Patient) -> dict[str, Any]:
    scope = scope_of(request.user)
    chosen = chosen_by_default(survivor, duplicate)
    lines = [
        Line(
            name=group[0],
            label=labels(group),
            survivor=_texts(survivor, group),
            duplicate=_texts(duplicate, group),
            choice=chosen[group[0]],
            offers_both=chosen[group[0]] == BOTH,
        )
        for group in GROUPS
    ]
    moving = upcoming(duplicate, timezone.now())
    return {
        "title": _("Merge two records"),
        "reopens": duplicate.is_active and not survivor.is_active,
        "patient": patient,
        "survivor": survivor,
        "duplicate": duplicate,
        "versions": [version_of(survivor), version_of(duplicate)],
        "lines": lines,
        "names": {"survivor": SURVIVOR, "duplicate": DUPLICATE, "both": BOTH},
        "moving": seen(moving, scope),
        "others": duplicate.appointments.count() - len(moving),
        "clashes": [seen(pair, scope) for pair in clashes(survivor.pk, duplicate.pk)],
    }


def _texts(record: Patient, group: tuple[str, ...]) -> str:
    """Each on a line of its own; empty when all are."""
    texts = [_text(record, name) for name in group]
    return "\n".join(text or str(_("(empty)")) for text in texts) if any(texts) else ""


def _text(record: Patient, name: str) -> str:
    value = record.language if name == "preferred_language" else getattr(record, name)
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return short_day_label(value) if isinstance(value, date) else str(value or "")


def unmerge_page(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """POST ``merge``, an id: take it back."""
    if not request.user.has_perm(MERGE):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        found = PatientMerge.objects.filter(pk=uuid.UUID(request.POST.get("merge", "")), survivor=patient_id).first()
    except ValueError:
        found = None
    if found is None:
        messages.error(request, _("There is no such merge of this record."))
        return HttpResponseRedirect(patient_url(patient_id))
    try:
        undone = unmerge(actor=actor_of(request), merge_id=found.pk)
    except DomainError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(patient_url(patient_id))
    said = ngettext(
        "Taken back: the other record is its own again, with %d appointment.",
        "Taken back: the other record is its own again, with %d appointments.",
        undone.moved,
    )
    messages.success(request, said % undone.moved)
    if undone.kept:
        messages.warning(request, _("Changed since, and left as it is: %s.") % labels(undone.kept))
    if undone.numbers:
        numbers = ", ".join(undone.numbers)
        messages.warning(request, _("Neither of the two records has this record number any more: %s.") % numbers)
    if undone.made_since:
        said = ngettext(
            "%d appointment was made since the merge and stays with this record. Look below whose it is.",
            "%d appointments were made since the merge and stay with this record. Look below whose they are.",
            undone.made_since,
        )
        messages.warning(request, said % undone.made_since)
    return HttpResponseRedirect(patient_url(patient_id))
