"""A patient's rights, each on a page: what they have agreed to, a copy of all that is kept, and being forgotten."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from appointments.admin.patient import CHANGE, ERASE, EXPORT, may_open, patient_url
from appointments.erasing import erase, refuse
from appointments.exporting import export
from appointments.origin import doer_label
from booking_site.core.actor import actor_of
from booking_site.core.admin import submitted, version_in
from booking_site.core.errors import DomainError
from booking_site.core.operations import version_of
from booking_site.core.wallclock import moment_html
from patients import consents
from patients.models import Channel, ConsentSource, ErasureReason, Patient

SAID = [(source.value, source.label) for source in (ConsentSource.DESK, ConsentSource.PHONE, ConsentSource.WRITING)]


class ConsentForm(forms.Form):
    """A box for each channel."""

    source = forms.ChoiceField(label=_("How the patient has said it"), choices=[("", _("Choose")), *SAID])

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, channel in consents.FIELDS.items():
            label = _field(name).verbose_name
            self.fields[channel] = forms.BooleanField(label=label, required=False, initial=getattr(patient, name))
        self.order_fields([*Channel.values, "source"])

    @property
    def given(self) -> dict[str, bool]:
        return {channel: self.cleaned_data[channel] for channel in Channel.values}


class EraseForm(forms.Form):
    reason = forms.ChoiceField(
        label=_("Why"),
        choices=[("", _("Choose")), *ErasureReason.choices],
        help_text=_("One of these and no text of yours: what is written here stays."),
    )
    confirmed = forms.BooleanField(label=_("This is the right person, and it cannot be taken back."))


def consents_page(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """What the patient may be reminded by, and its history. POST a box for each channel, ``source`` and ``version``."""
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    patient = may_open(model_admin, request, patient_id)
    if isinstance(patient, HttpResponse):
        return patient
    form = ConsentForm(submitted(request), patient=patient)
    if form.is_valid():
        try:
            consents.record(
                actor=actor_of(request),
                patient_id=patient.pk,
                given=form.given,
                source=form.cleaned_data["source"],
                expected_versions=version_in(request),
            )
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, _("The consents have been saved."))
            return HttpResponseRedirect(patient_url(patient.pk))
    history = [(moment_html(each.recorded_at), each, doer_label(each.recorded_by)) for each in patient.consents.all()]
    context = {"title": _("Consents of %s") % patient, "button": _("Save"), "patient": patient, "history": history}
    return _form_page(model_admin, request, form, "console/patient_consents.html", context)


def export_page(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """POST: the document as a file."""
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    patient = may_open(model_admin, request, patient_id)
    if isinstance(patient, HttpResponse):
        return patient
    try:
        document = export(actor=actor_of(request), patient_id=patient.pk)
    except DomainError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(patient_url(patient.pk))
    disposition = f'attachment; filename="patient-{patient.pk}.json"'
    return HttpResponse(document, content_type="application/json", headers={"Content-Disposition": disposition})


def erase_page(model_admin: Any, request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """POST ``reason``, ``confirmed`` and ``version``: forget the patient. What stands in the way is told before."""
    if not request.user.has_perm(ERASE):
        raise PermissionDenied
    patient = may_open(model_admin, request, patient_id)
    if isinstance(patient, HttpResponse):
        return patient
    if patient.erased_at is not None:
        messages.info(request, _("This record has been erased already."))
        return HttpResponseRedirect(patient_url(patient.pk))
    form = EraseForm(submitted(request))
    if form.is_valid():
        try:
            erase(
                actor=actor_of(request),
                patient_id=patient.pk,
                reason=form.cleaned_data["reason"],
                expected_versions=version_in(request),
            )
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, _("The record has been erased."))
            return HttpResponseRedirect(patient_url(patient.pk))
    context = {"title": _("Erase %s") % patient, "button": _("Erase for good"), "patient": patient}
    context |= {"hindrance": _hindrance(patient), "visits": patient.appointments.count()}
    return _form_page(model_admin, request, form, "console/patient_erase.html", context)


def _form_page(
    model_admin: Any, request: HttpRequest, form: forms.Form, template: str, context: dict[str, Any]
) -> HttpResponse:
    shown = request.POST.get("version") if form.is_bound else None
    patient: Patient = context["patient"]
    context |= {"version": shown or version_of(patient), "came_from": patient_url(patient.pk)}
    return model_admin.form_page(request, form, template, **context)


def _hindrance(patient: Patient) -> str:
    try:
        refuse(patient.pk)
    except DomainError as error:
        return error.detail
    return ""


def _field(name: str) -> Any:
    return Patient._meta.get_field(name)
