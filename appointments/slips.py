"""The appointment slip: what a patient takes home, put together in one place for the page, the PDF and the mail."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.models import Appointment, Status
from booking_site.core.operations import version_of
from booking_site.core.wallclock import day_label, duration_label, moment_label, time_label
from scheduling.models import VisitType

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

BRING = (
    gettext_lazy("your insurance card and an identity document"),
    gettext_lazy("a list of the medicines that you take"),
    gettext_lazy("letters and results of other doctors, if you have any"),
)
# What a slip of an appointment that is not ahead any more says first.
NOT_AHEAD: "dict[str, StrOrPromise]" = {
    Status.CANCELLED: gettext_lazy("This appointment has been cancelled."),
    Status.NO_SHOW: gettext_lazy("This appointment was missed."),
    Status.COMPLETED: gettext_lazy("This visit is over."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Slip:
    """Texts are in the language of the request, and empty where there is nothing to say.

    ``date``, ``clock`` and ``zone`` are the wall clock of the department; ``clock`` is empty where imported history
    knows the day only. ``version``: see ``core.operations.version_of``. ``sequence``: grows with each change.
    """

    appointment_id: uuid.UUID
    number: str
    version: str
    sequence: int
    changed_at: dt.datetime
    is_cancelled: bool
    notice: str
    patient: str
    born: dt.date | None
    record_number: str
    doctor: str
    specialization: str
    visit_type: str
    length: str
    date: dt.date
    clock: str
    zone: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    department: str
    site: str
    room: str
    phone: str
    instructions: str
    bring: tuple[str, ...]
    printed: str

    @property
    def day(self) -> str:
        return day_label(self.date)

    @property
    def place(self) -> str:
        """``Main building, Cardiology, room 12``, of what is known."""
        room = _("room %(room)s") % {"room": self.room} if self.room[:1].isdigit() else self.room
        return ", ".join(part for part in (self.site, self.department, room) if part)

    @property
    def when(self) -> str:
        """``Mon 23 Nov 2026, 09:00 Europe/Berlin``"""
        return f"{self.day}, {self.clock} {self.zone}" if self.clock else self.day

    @property
    def to_change(self) -> str:
        """How the patient moves or cancels it."""
        if self.phone:
            return _("You cannot come? Call %(phone)s, so that somebody else can have the time.") % {
                "phone": self.phone
            }
        return _("You cannot come? Tell the reception, so that somebody else can have the time.")

    @property
    def file_name(self) -> str:
        """Without a name: files lie about on shared computers."""
        return f"appointment-{self.starts_at:%Y%m%d}-{self.number.lower()}"


def with_all(appointments: "QuerySet[Appointment]") -> "QuerySet[Appointment]":
    """Appointments with all that a slip says, in one query."""
    return appointments.select_related("patient", "doctor", "department", "slot__schedule")


def number_of(appointment_id: uuid.UUID) -> str:
    """``1A2B-3C4D``: what people can read out. Of the random end of the id, so that neighbours do not look alike."""
    end = appointment_id.hex[-8:].upper()
    return f"{end[:4]}-{end[4:]}"


def slip_of(appointment: Appointment) -> Slip:
    """What the slip of an appointment (see ``with_all``) says now."""
    patient, department, slot = appointment.patient, appointment.department, appointment.slot
    schedule = slot.schedule if slot is not None else None
    kind = VisitType.objects.filter(pk=appointment.visit_type).first()
    zone = department.time_zone
    minutes = int((appointment.ends_at - appointment.starts_at).total_seconds() // 60)
    clock = time_label(appointment.time, zone, appointment.starts_at) if appointment.time else ""
    return Slip(
        appointment_id=appointment.pk,
        number=number_of(appointment.pk),
        version=version_of(appointment),
        sequence=max(0, int((appointment.updated_at - appointment.created_at).total_seconds())),
        changed_at=appointment.updated_at,
        is_cancelled=appointment.status == Status.CANCELLED,
        notice=str(NOT_AHEAD.get(appointment.status, "")),
        patient=str(patient),
        born=patient.dob,
        record_number=patient.mrn or "",
        doctor=appointment.doctor.name,
        specialization=appointment.doctor.specialization,
        visit_type=kind.name if kind is not None else appointment.visit_type,
        length=duration_label(minutes) if clock else "",
        date=appointment.date,
        clock=clock,
        zone=zone,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        department=department.name,
        site=department.site,
        room=schedule.room if schedule is not None else "",
        phone=department.phone,
        instructions=kind.instructions.strip() if kind is not None else "",
        bring=tuple(str(thing) for thing in BRING),
        printed=moment_label(timezone.now(), zone),
    )
