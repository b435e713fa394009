"""What of the hospital a caller may touch through operations and the API.

Permissions and scopes say what may be done; the reach says with which rows. Three limits meet here, and a row must be
within all of them: the departments that a client application is limited to, the place of work of the signed-in person
that it acts for, and the patient that it acts for. What lies outside is answered as if it were not there.
"""

import uuid
from dataclasses import dataclass

from django.db.models import Q

from booking_site.core.scope import Scope

EVERYWHERE = Scope(everything=True)


@dataclass(frozen=True, slots=True)
class Reach:
    """``client``: what the application is limited to; ``person``: where the person works for whom it acts; ``patient``:
    the only patient for whom it acts; ``registrar``: the key of a limited client, which sees the patients that it has
    registered itself beside those of its departments."""

    client: Scope = EVERYWHERE
    person: Scope = EVERYWHERE
    patient: uuid.UUID | None = None
    registrar: int | None = None

    @property
    def is_everything(self) -> bool:
        return self.patient is None and self.client.everything and self.person.everything

    @property
    def is_every_patient(self) -> bool:
        """Patients are the whole hospital's for those who are not limited to some of them (see
        ``PatientQuerySet.within``)."""
        person = self.person
        return self.patient is None and self.client.everything and not (person.is_own_only or person.is_nothing)

    @property
    def departments(self) -> frozenset[uuid.UUID] | None:
        """Where all rows lie that are within reach; None when that is no list of departments."""
        lists = [scope for scope in (self.client, self.person) if not (scope.everything or scope.doctor)]
        limits = [scope.departments for scope in lists]
        return frozenset.intersection(*limits) if limits else None

    def q(self, *, department: str = "department", doctor: str = "doctor", patient: str = "") -> Q:
        """The condition on rows with these (paths to) foreign keys; without ``patient``, on rows that have none."""
        of_patient = Q(**{patient: self.patient}) if patient and self.patient is not None else Q()
        return self.client.q(department, doctor) & self.person.q(department, doctor) & of_patient

    def allows(self, *, department_id: uuid.UUID | None, doctor_id: str) -> bool:
        """The same of one row that has no patient."""
        return all(
            scope.allows(department_id=department_id, doctor_id=doctor_id) for scope in (self.client, self.person)
        )


EVERYTHING = Reach()
