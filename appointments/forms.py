"""The forms that reception books, moves and cancels with. What may be done is decided by the operations alone."""

import hashlib
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AdminTextareaWidget, RelatedFieldWidgetWrapper
from django.utils.translation import gettext_lazy as _

from appointments.idempotency import Idempotency
from appointments.models import Appointment, CancellationCode
from booking_site.core.admin import ChoiceByAutocomplete
from booking_site.core.ids import uuid7
from doctors.models import Department, Doctor
from patients.models import Patient
from scheduling.models import AvailableSlot

LONGEST_REASON = 2000


def reason_field(label: Any, help_text: Any = "") -> forms.CharField:
    widget = AdminTextareaWidget(attrs={"rows": 3})
    return forms.CharField(label=label, required=False, max_length=LONGEST_REASON, widget=widget, help_text=help_text)


def choice(source: str, site: AdminSite, queryset: Any, **kwargs: Any) -> ChoiceByAutocomplete:
    return ChoiceByAutocomplete(Appointment._meta.get_field(source), site, queryset, **kwargs)


class OnceForm(forms.Form):
    """A form that does its work once, however often it is sent: a second click gets the answer of the first."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)

    def idempotency(self, client: str) -> Idempotency:
        """The key covers what was typed: a form that was corrected is another request."""
        typed = repr(sorted((name, str(getattr(value, "pk", value))) for name, value in self.cleaned_data.items()))
        digest = hashlib.sha256(typed.encode()).hexdigest()
        return Idempotency(client=client, key=f"{self.cleaned_data['key']}:{digest}", fingerprint=digest)


class SlotForm(OnceForm):
    """Chooses a free slot. ``department``, ``doctor`` and ``date`` only narrow what the list of slots offers."""

    date = forms.DateField(label=_("Day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, site: AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["department"] = choice(
            "department", site, Department.objects.all(), label=_("Department"), required=False
        )
        self.fields["doctor"] = choice(
            "doctor", site, Doctor.objects.select_related("department"), label=_("Doctor"), required=False
        )
        # Not the free ones only: whether a seat is still free is for the operation to say, and for the audit to know.
        self.fields["slot"] = choice(
            "slot",
            site,
            AvailableSlot.objects.select_related("doctor", "department"),
            label=_("Free slot"),
            help_text=_("Type to search: doctor, department, date (2026-11-23, tomorrow, mon), time (9:30)."),
        )
        self.order_fields(self.field_order)


class BookingForm(SlotForm):
    reason = reason_field(_("Reason"))
    is_urgent = forms.BooleanField(
        label=_("Urgent"), required=False, help_text=_("First in line for a new time, should this one fall through.")
    )
    field_order = ["patient", "department", "doctor", "date", "slot", "reason", "is_urgent"]

    def __init__(self, *args: Any, site: AdminSite, may_add_patient: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, site=site, **kwargs)
        patient = choice(
            "patient",
            site,
            Patient.objects.all(),
            label=_("Patient"),
            help_text=_("Type to search: name in any order, digits of the phone number, e-mail, record number."),
        )
        patient.widget = RelatedFieldWidgetWrapper(
            patient.widget,
            Appointment._meta.get_field("patient").remote_field,
            site,
            can_add_related=may_add_patient,
        )
        self.fields["patient"] = patient
        self.order_fields(self.field_order)


class MoveForm(SlotForm):
    reason = reason_field(_("Why it is moved"), _("For the audit log."))
    field_order = ["department", "doctor", "date", "slot", "reason"]


class CancelForm(forms.Form):
    code = forms.ChoiceField(label=_("Kind of reason"), choices=[("", _("Choose")), *CancellationCode.choices])
    reason = reason_field(_("Why it is cancelled"))

    @property
    def why(self) -> dict[str, Any]:
        """For ``operations.cancel``."""
        return {"cancellation_code": self.cleaned_data["code"], "reason": self.cleaned_data["reason"]}
