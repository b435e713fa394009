"""The forms that reception books, moves and cancels with. What may be done is decided by the operations alone."""

import hashlib
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AdminTextareaWidget
from django.utils.translation import gettext_lazy as _

from appointments.idempotency import Idempotency
from appointments.models import Appointment, CancellationCode
from booking_site.core.admin import ChoiceByAutocomplete
from booking_site.core.ids import uuid7
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


class TimeForm(OnceForm):
    """Chooses a time. What the times on offer are narrowed by is no part of the request: see ``admin.picking``."""

    # Not the free ones only: whether a seat is still free is for the operation to say, and for the audit to know.
    slot = forms.ModelChoiceField(
        AvailableSlot.objects.select_related("doctor", "department"),
        error_messages={"required": _("Choose a time."), "invalid_choice": _("Choose one of the times.")},
    )


class BookingForm(TimeForm):
    patient = forms.ModelChoiceField(
        Patient.objects.all(),
        error_messages={"required": _("Choose a patient."), "invalid_choice": _("Choose one from the list.")},
    )
    reason = reason_field(_("Reason"))
    is_urgent = forms.BooleanField(
        label=_("Urgent"), required=False, help_text=_("First in line for a new time, should this one fall through.")
    )


class NewPatientForm(forms.ModelForm):
    """Who is registered while they are booked: what is asked on the phone."""

    prefix = "new"

    class Meta:
        model = Patient
        fields = ["first_name", "last_name", "dob", "phone", "insurance_provider", "insurance_id"]
        widgets = {"dob": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})}


class MoveForm(TimeForm):
    reason = reason_field(_("Why it is moved"), _("For the audit log."))


class CancelForm(forms.Form):
    code = forms.ChoiceField(label=_("Kind of reason"), choices=[("", _("Choose")), *CancellationCode.choices])
    reason = reason_field(_("Why it is cancelled"))

    @property
    def why(self) -> dict[str, Any]:
        """For ``operations.cancel``."""
        return {"cancellation_code": self.cleaned_data["code"], "reason": self.cleaned_data["reason"]}
