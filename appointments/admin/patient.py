"""The page of a patient: who they are, their appointments, what reception should know, and who looked at the record."""

import uuid
from collections.abc import Collection
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.admin.worklist import contact
from appointments.visits import age, past, reliability, seen, upcoming
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.admin import CappedPaginator, submitted, version_in
from booking_site.core.errors import DomainError
from booking_site.core.operations import save_record, version_of
from booking_site.core.scope import scope_of
from booking_site.core.trail import trail_of
from booking_site.core.wallclock import moment_html
from patients.duplicates import similar_to
from patients.models import Patient, PatientMerge

PER_PAGE = 20
VIEW, CHANGE, MERGE = "patients.view_patient", "patients.change_patient", "patients.merge_patient"
EXPORT, ERASE = "patients.export_patient", "patients.erase_patient"
DONE = {
    "patient.created": _("registered the patient"),
    "patient.updated": _("changed the record"),
    "patient.merged": _("merged another record into this one"),
    "patient.unmerged": _("took a merge back"),
    "patient.merged_into": _("merged this record into another one"),
    "patient.reopened": _("took the merge of this record back"),
    "patient.consents_changed": _("wrote down what the patient may be reminded by"),
    "patient.exported": _("exported all that is kept on the patient"),
    "patient.erased": _("erased the record"),
}


class NotesForm(forms.Form):
    notes = forms.CharField(
        label=_("Notes for reception"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Seen by reception only: what helps at the desk or on the phone. Nothing about health."),
    )

    def clean_notes(self) -> str:
        return self.cleaned_data["notes"].replace("\r\n", "\n")


def patient_page(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """GET shows the page; POST ``notes`` with ``version`` writes the notes.

    Query: ``upcoming`` and ``past``, the pages of the two lists.
    """
    patient = may_open(model_admin, request, patient_id)
    if isinstance(patient, HttpResponse):
        return patient
    may_change = request.user.has_perm(CHANGE)
    form = NotesForm(submitted(request), initial={"notes": patient.notes})
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if form.is_valid() and _saved(request, patient, form):
            messages.success(request, _("The notes have been saved."))
            return HttpResponseRedirect(patient_url(patient.pk))
    return model_admin.own_page(request, "console/patient.html", **_context(request, patient, form, may_change))


def may_open(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> Any:
    """The patient, whom the page will show; or the answer, when there is none, or another record answers for this
    one."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    patient = model_admin.get_object(request, str(patient_id))
    if patient is None:
        return model_admin.not_found(request)
    if patient.merged_into_id is not None:
        messages.info(request, _("That record has been merged into this one."))
        return HttpResponseRedirect(patient_url(patient.merged_into_id))
    shown.note_record(request, Patient, patient, is_answer=request.method == "POST")
    return patient


def patient_url(pk: Any) -> str:
    return reverse("admin:patient", args=[pk])


def _saved(request: HttpRequest, patient: Patient, form: NotesForm) -> bool:
    patient.notes = form.cleaned_data["notes"]
    try:
        save_record(actor=actor_of(request), instance=patient, fields=["notes"], expected_versions=version_in(request))
    except DomainError as error:
        form.add_error("notes", error.detail)
        return False
    return True


def _context(request: HttpRequest, patient: Patient, form: NotesForm, may_change: bool) -> dict[str, Any]:
    user, now = request.user, timezone.now()
    scope = scope_of(user)
    context: dict[str, Any] = {
        "title": str(patient),
        "patient": patient,
        "one": contact(patient),
        "age": age(patient.dob, now.astimezone(ZoneInfo(settings.TIME_ZONE)).date()) if patient.dob else "",
        "may_change": may_change and patient.erased_at is None,
        "may_merge": user.has_perm(MERGE) and patient.erased_at is None,
        "may_export": user.has_perm(EXPORT),
        "may_erase": user.has_perm(ERASE) and patient.erased_at is None,
        "may_book": patient.is_active and user.has_perm("appointments.add_appointment"),
        "may_see_log": user.has_perm("audit.view_auditlog"),
    }
    if user.has_perm("appointments.view_appointment"):
        context["reliability"] = reliability(patient)
        context["lists"] = [
            _listed(request, name, label, appointments(patient, now), scope)
            for name, label, appointments in (
                ("upcoming", _("Upcoming appointments"), upcoming),
                ("past", _("Past and cancelled appointments"), past),
            )
        ]
    if context["may_change"]:
        given = request.POST.get("version") if form.is_bound else None
        merges = PatientMerge.objects.filter(survivor=patient, undone_at__isnull=True).select_related("duplicate")
        context |= {"form": form, "version": given or version_of(patient)}
        context |= {"similar": lookalikes(request, patient)}
        context |= {"merges": [(each, moment_html(each.merged_at)) for each in merges]}
        shown.note_patients(request, Patient, [each.duplicate_id for each, _merged_at in context["merges"]])
    if may_change or context["may_see_log"]:
        shown.announce(request)  # this look is on the list as well
        context |= _trail(patient)
    return context


def lookalikes(request: HttpRequest, patient: Patient) -> list[Any]:
    """Candidates (see ``similar_to``) whose records are still their own."""
    found = similar_to(
        *(patient.first_name, patient.last_name, patient.dob, patient.phone, patient.email, patient.mrn),
        exclude=patient.pk,
    )
    found = [each for each in found if each.patient.merged_into_id is None]
    shown.note_patients(request, Patient, [each.patient.pk for each in found])
    return found


def _listed(request: HttpRequest, name: str, label: Any, appointments: Any, scope: Any) -> dict[str, Any]:
    page = CappedPaginator(appointments, PER_PAGE).get_page(request.GET.get(name))
    return {"name": name, "label": label, "page": page, "visits": seen(page.object_list, scope)}


def _trail(patient: Patient) -> dict[str, Any]:
    """Who changed what, and who looked; of the records merged into this one, too. When, who, and what of it."""
    keys = [patient.pk, *Patient.objects.filter(merged_into=patient).values_list("pk", flat=True)]
    trail = trail_of(Patient, keys)
    return {
        "changes": [
            (moment_html(each.moment), each.who, DONE.get(each.action, each.action), labels(each.fields), each.status)
            for each in trail.changes
        ],
        "views": [(moment_html(each.moment), each.who, each.times) for each in trail.views],
    }


def labels(names: Collection[str]) -> str:
    """What the fields of a patient are called, in their order."""
    return ", ".join(str(field.verbose_name) for field in Patient._meta.concrete_fields if field.attname in names)
