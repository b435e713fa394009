"""What the log has been told in the request that is being answered: so that the answer to a change, which shows the
record that was changed, is no second entry, and one that changed nothing is an entry all the same."""

import uuid
from contextvars import ContextVar
from typing import Any

from django.core.signals import request_started
from django.dispatch import receiver

_patients: ContextVar[tuple[str, frozenset[uuid.UUID]]] = ContextVar("patients_told_of", default=("", frozenset()))


@receiver(request_started)
def forget(**kwargs: Any) -> None:
    _patients.set(("", frozenset()))


def note(request_id: str, patient_id: uuid.UUID | None) -> None:
    """The request has an entry, about this patient if any."""
    if request_id and patient_id is not None:
        known_id, known = _patients.get()
        _patients.set((request_id, (known if known_id == request_id else frozenset()) | {patient_id}))


def is_told(request_id: str, patient_id: uuid.UUID | None) -> bool:
    """Whether this request has an entry about the patient already."""
    known_id, known = _patients.get()
    return request_id == known_id and patient_id in known
