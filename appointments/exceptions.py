import uuid
from typing import Any

from django.utils.translation import gettext as _

from booking_site.core.errors import Conflict, Invalid, NotFound
from booking_site.core.wallclock import short_day_label


class AppointmentNotFound(NotFound):
    code = "appointment_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no appointment with this id."))


class PatientNotFound(NotFound):
    code = "patient_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no patient with this id."))


class PatientInactive(Conflict):
    code = "patient_inactive"

    def __init__(self) -> None:
        super().__init__(_("This patient's record is closed. Reactivate it before booking."))


class PatientDoubleBooked(Conflict):
    """``other_id``: the appointment that the patient has then, where it is known."""

    code = "patient_double_booked"

    def __init__(self, detail: str = "", other_id: uuid.UUID | None = None) -> None:
        super().__init__(detail or _("The patient already has an appointment at that time."))
        self.other_id = other_id


class PatientLimitReached(Conflict):
    code = "patient_limit_reached"

    def __init__(self, visit_type: str, limit: int) -> None:
        super().__init__(
            _(
                "The patient has as many visits of the type %(visit_type)s ahead as there may be (%(limit)d). "
                "Move or cancel one of them instead."
            )
            % {"visit_type": visit_type, "limit": limit}
        )


class DoctorMismatch(Invalid):
    code = "doctor_mismatch"

    def __init__(self) -> None:
        detail = _("The slot belongs to another doctor.")
        super().__init__(detail, errors=[{"field": "doctor_id", "code": self.code, "detail": detail}])


class InvalidTransition(Conflict):
    code = "invalid_transition"

    def __init__(self, *, status: str, target: str) -> None:
        moves = {"status": status, "target": target}
        super().__init__(_("An appointment that is %(status)s cannot become %(target)s.") % moves)


class NotYetMissed(InvalidTransition):
    def __init__(self) -> None:
        Conflict.__init__(self, _("The appointment is still to come: nobody has missed it yet."))


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
        super().__init__(
            _("No seat is free today any more. The next one is %(next_one)s.") % {"next_one": next_one}
            if next_one
            else _("No seat is free today any more. There is none on a later day either.")
        )


class DoctorNotThere(Conflict):
    """Nobody is sent to a doctor who sees nobody in that department today."""

    code = "doctor_not_there"

    def __init__(self, doctor: str, department: str) -> None:
        detail = _("%(doctor)s has no seats in %(department)s today. Choose a doctor who is there.") % {
            "doctor": doctor,
            "department": department,
        }
        super().__init__(detail, errors=[{"field": "doctor", "code": self.code, "detail": detail}])


class AlreadyToday(Conflict):
    """``which``: when and with whom."""

    code = "already_today"

    def __init__(self, which: str) -> None:
        super().__init__(
            _("The patient has an appointment today already: %(which)s. Check in for that one instead.")
            % {"which": which}
        )


class PatientsDoubleBooked(Conflict):
    """As one person, the two patients would have to be in two places at once."""

    code = "patient_double_booked"

    def __init__(self, first: Any, second: Any) -> None:
        one, other = (
            f"{short_day_label(visit.date)} {visit.time:%H:%M}, {visit.doctor.name}" for visit in (first, second)
        )
        super().__init__(
            _("These appointments overlap: %(one)s, and %(other)s. Cancel or move one of them first.")
            % {"one": one, "other": other}
        )


class MergeNotFound(NotFound):
    code = "merge_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no merge with this id."))


class MergeNotUndoable(Conflict):
    code = "merge_not_undoable"

    def __init__(self, survivor_id: uuid.UUID) -> None:
        super().__init__(
            _("The record that stayed has itself been merged since, into %(survivor)s. Take that merge back first.")
            % {"survivor": survivor_id}
        )


class PatientStillExpected(Conflict):
    """A record with live appointments is not erased. ``visits``: the first of them."""

    code = "patient_has_appointments"

    def __init__(self, visits: list[Any], *, has_more: bool) -> None:
        named = [f"{short_day_label(visit.date)} {visit.time:%H:%M}, {visit.doctor.name}" for visit in visits]
        super().__init__(
            _("There are appointments to come or not yet finished: %(visits)s. Cancel or finish them first.")
            % {"visits": "; ".join([*named, *(["..."] if has_more else [])])}
        )


class RecordMustBeKept(Conflict):
    code = "record_must_be_kept"

    def __init__(self, until: Any) -> None:
        super().__init__(
            _("The person was treated here: by law the record is kept until %(until)s.")
            % {"until": short_day_label(until)}
        )
