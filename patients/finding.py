"""Finding patients for people who type: the right ones first."""

from patients.models import Patient


def find(text: str, limit: int = 10) -> list[Patient]:
    """The patients that ``text`` most likely means, best first, ``limit`` of them at most.

    ``text``: words of the name in any order, a date of birth, a phone number, an e-mail, a record number, or several.
    """
    text = text.replace("\x00", "")
    if not text.strip():
        return []
    return list(Patient.objects.search(text).order_by("-is_active", "last_name", "first_name", "id")[:limit])
