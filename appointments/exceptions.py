import uuid
from typing import Any

from booking_site.core.errors import Conflict, Invalid, NotFound


class AppointmentNotFound(NotFound):
    code = "appointment_not_found"

    def __init__(self) -> None:
        super().__init__("There is no appointment with this id.")


class PatientNotFound(NotFound):
    code = "patient_not_found"

    def __init__(self) -> None:
        super().__init__("There is no patient with this id.")


class PatientInactive(Conflict):
    code = "patient_inactive"

    def __init__(self) -> None:
        super().__init__("This patient's record is closed. Reactivate it before booking.")


class PatientDoubleBooked(Conflict):
    code = "patient_double_booked"

    def __init__(self, detail: str = "The patient already has an appointment at that time.") -> None:
        super().__init__(detail)


class PatientLimitReached(Conflict):
    code = "patient_limit_reached"

    def __init__(self, visit_type: str, limit: int) -> None:
        super().__init__(
            f"The patient has as many visits of the type {visit_type} ahead as there may be ({limit}). "
            "Move or cancel one of them instead."
        )


class DoctorMismatch(Invalid):
    code = "doctor_mismatch"

    def __init__(self) -> None:
        super().__init__(
            "The slot belongs to another doctor.",
            errors=[{"field": "doctor_id", "code": self.code, "detail": "The slot belongs to another doctor."}],
        )


class InvalidTransition(Conflict):
    code = "invalid_transition"

    def __init__(self, *, status: str, target: str) -> None:
        super().__init__(f"An appointment that is {status} cannot become {target}.")


class MailRefused(Conflict):
    """The slip was not sent. ``code``: ``no_mail_server``, ``no_address``, ``no_consent`` or ``mail_failed``."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code=code)


class NothingToUndo(InvalidTransition):
    def __init__(self, detail: str) -> None:
        Conflict.__init__(self, detail)


class NoFreeSeat(Conflict):
    """``next_one``: when and with whom the next free seat is; empty when there is none at all."""

    code = "no_free_seat"

    def __init__(self, next_one: str) -> None:
        there = f"The next one is {next_one}." if next_one else "There is none on a later day either."
        super().__init__(f"No seat is free today any more. {there}")


class AlreadyToday(Conflict):
    """``which``: when and with whom."""

    code = "already_today"

    def __init__(self, which: str) -> None:
        super().__init__(f"The patient has an appointment today already: {which}. Check in for that one instead.")


class PatientsDoubleBooked(Conflict):
    """As one person, the two patients would have to be in two places at once."""

    code = "patient_double_booked"

    def __init__(self, first: Any, second: Any) -> None:
        one, other = (f"{visit.date} {visit.time:%H:%M}, {visit.doctor.name}" for visit in (first, second))
        super().__init__(f"These appointments overlap: {one}, and {other}. Cancel or move one of them first.")


class MergeNotFound(NotFound):
    code = "merge_not_found"

    def __init__(self) -> None:
        super().__init__("There is no merge with this id.")


class MergeNotUndoable(Conflict):
    code = "merge_not_undoable"

    def __init__(self, survivor_id: uuid.UUID) -> None:
        super().__init__(
            f"The record that stayed has itself been merged since, into {survivor_id}. Take that merge back first."
        )
