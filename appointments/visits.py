"""What a patient's page tells of their visits."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.models import LIVE, Appointment, Status
from booking_site.core.scope import Scope
from booking_site.core.wallclock import clock_html, day_label
from patients.models import Patient

CAME = (Status.CHECKED_IN, Status.IN_PROGRESS, Status.COMPLETED)


@dataclass(frozen=True, slots=True)
class Visit:
    """One line of the list. ``is_seen``: whether the person may see more of it than its time; ``unseen_as``: what it is
    called if not."""

    appointment: Appointment
    is_seen: bool
    unseen_as: str

    @property
    def when(self) -> str:
        visit = self.appointment
        return clock_html(visit.date, visit.time, visit.department.time_zone, visit.starts_at)


def upcoming(patient: Patient, now: datetime) -> Any:
    """Where the patient is, or is to be; soonest first."""
    return _of(patient).filter(status__in=LIVE, ends_at__gt=now).order_by("starts_at", "id")


def past(patient: Patient, now: datetime) -> Any:
    """What is over or off; newest first."""
    return _of(patient).exclude(status__in=LIVE, ends_at__gt=now).order_by("-starts_at", "-id")


def _of(patient: Patient) -> Any:
    return Appointment.objects.filter(patient=patient).select_related("patient", "doctor", "department")


def seen(appointments: Any, scope: Scope) -> list[Visit]:
    others = _("Appointment with somebody else") if scope.is_own_only else _("Appointment in another department")
    return [
        Visit(visit, scope.allows(department_id=visit.department_id, doctor_id=visit.doctor_id), others)
        for visit in appointments
    ]


def reliability(patient: Patient) -> str:
    """How often the patient came, in words, over all departments: an appointment that was cancelled counts neither
    way."""
    missed = Q(status=Status.NO_SHOW)
    found = Appointment.objects.filter(patient=patient).aggregate(
        missed=Count("pk", filter=missed),
        visits=Count("pk", filter=missed | Q(status__in=CAME)),
        last=Max("date", filter=missed),
    )
    if not found["visits"]:
        return _("No visits so far.")
    if not found["missed"]:
        return ngettext("Came to the one visit so far.", "Came to all %(visits)d visits.", found["visits"]) % found
    return ngettext(
        "Missed %(missed)d of %(visits)d visit, last on %(last)s.",
        "Missed %(missed)d of %(visits)d visits, last on %(last)s.",
        found["visits"],
    ) % {**found, "last": day_label(found["last"])}


def age(born: date, today: date) -> str:
    """In years; of small children in months."""
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < 24:
        return ngettext("%d month", "%d months", months) % months
    return ngettext("%d year", "%d years", months // 12) % (months // 12)
