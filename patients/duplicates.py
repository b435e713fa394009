"""Who may be registered already."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.models import Patient


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient who may be the same person. ``score``: 0 to 100. ``reasons``: why, for people, strongest first."""

    patient: Patient
    score: int
    reasons: tuple[str | Promise, ...]


def similar_to(
    first_name: str,
    last_name: str,
    dob: date | None = None,
    phone: str = "",
    email: str = "",
    mrn: str | None = None,
    exclude: UUID | None = None,
    limit: int = 5,
) -> list[Candidate]:
    """Patients who may be the person described, most alike first. ``exclude``: the key of the patient themselves."""
    names = Q(first_name__iexact=first_name.strip(), last_name__iexact=last_name.strip())
    swapped = Q(first_name__iexact=last_name.strip(), last_name__iexact=first_name.strip())
    found = Patient.objects.filter(Q(dob=dob) if dob else Q())
    if exclude is not None:
        found = found.exclude(pk=exclude)
    return [Candidate(patient, 90, (_("same name"),)) for patient in found.filter(names | swapped)[:limit]]
