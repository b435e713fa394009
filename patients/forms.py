"""The form that registers a patient."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from patients.duplicates import Candidate, similar_to

CONFIRMED = "another_person"  # of the box to be ticked; its value names the candidates that were shown


class RegistrationForm(forms.ModelForm):
    """Refuses to register somebody who seems to be a patient already, until it is said that this is another person.

    What is confirmed are the candidates that were shown: when a correction brings others up, they are shown first.
    """

    alike: list[Candidate] = []

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        named = ("first_name", "last_name", "dob", "phone", "email")  # two records with one number cannot be anyway
        self.alike = similar_to(**{name: self.cleaned_data.get(name) for name in named})  # type: ignore[arg-type]
        if not self.is_confirmed:
            raise ValidationError(
                _("This person may be registered already. Look at the records above, and confirm if it is another."),
                code="registered_already",
            )
        return cleaned

    @property
    def alike_keys(self) -> list[str]:
        return [str(candidate.patient.pk) for candidate in self.alike]

    @property
    def is_confirmed(self) -> bool:
        return set(self.alike_keys) <= set(str(self.data.get(CONFIRMED, "")).split())
