"""What clients asked and were answered, one event for each operation, in whatever order they came to an end."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """``status`` None: the client never learnt the outcome. Times are seconds of the monotonic clock."""

    client: int
    kind: str  # book, cancel, move
    patient: str | None
    slot: str | None
    appointment: str | None
    key: str | None
    asked: float
    answered: float | None
    status: int | None
    code: str | None


History = list[Event]
