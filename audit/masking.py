"""What the audit log must not repeat: it proves that a value changed, and enough of it to recognise it by."""

import datetime
import uuid
from typing import Any

# Fields of any object whose values are shown by their ends only.
SENSITIVE = frozenset({"first_name", "last_name", "email", "phone", "insurance_id", "dob", "mrn"})
# Fields that may tell of a person's health: only whether there was something.
CONFIDENTIAL = frozenset({"reason", "cancellation_reason", "notes"})


def masked(name: str, value: Any) -> Any:
    """A value fit for ``details`` (JSON), masked when its field is sensitive."""
    if value in (None, ""):
        return value
    if name in CONFIDENTIAL:
        return f"[{len(str(value))} characters]"
    if name in SENSITIVE:
        text = str(value)
        return "***" if len(text) < 6 else f"{text[0]}***{text[-2:]}"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    return value
