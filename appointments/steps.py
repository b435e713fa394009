"""Which steps a person may take with an appointment now: what the console offers, everywhere in the same way.

Whether a step is allowed is for ``operations`` to say. Here it is what makes sense to offer: nobody is checked in for
next week at the desk, nor marked as missed before the time has come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from appointments import operations
from appointments.exceptions import NotYetMissed
from appointments.models import LIVE, MOVES, Appointment, Status
from booking_site.core.operations import version_of
from booking_site.core.scope import scope_of

ATTEND = "appointments.attend_appointment"
CHANGE = "appointments.change_appointment"
REBOOK = (CHANGE, "patients.view_patient")
CHECKED_IN_AROUND = timedelta(hours=12)  # of the time, also on the day before or after: nights have a midnight


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step. ``done``: what is said after it, with the appointment in words for %s."""

    name: str
    label: str | Promise
    done: str | Promise
    operation: Callable[..., Appointment]
    target: Status | None  # None: back to the status before


STEPS = {
    step.name: step
    for step in (
        Step(
            name="check_in",
            label=_("Check in"),
            done=_("Checked in: %s."),
            operation=operations.check_in,
            target=Status.CHECKED_IN,
        ),
        Step(
            name="start",
            label=pgettext_lazy("of a visit", "Start"),
            done=_("With the doctor: %s."),
            operation=operations.start,
            target=Status.IN_PROGRESS,
        ),
        Step(
            name="complete",
            label=_("Complete"),
            done=_("Completed: %s."),
            operation=operations.complete,
            target=Status.COMPLETED,
        ),
        Step(
            name="no_show",
            label=_("No-show"),
            done=_("Marked as a no-show: %s."),
            operation=operations.mark_no_show,
            target=Status.NO_SHOW,
        ),
        Step(name="undo", label=_("Undo"), done=_("Undone: %s."), operation=operations.undo, target=None),
    )
}


# What is offered: the steps, and pages of the appointment by the last part of their address.
LABELS: dict[str, str | Promise] = {
    **{step.name: step.label for step in STEPS.values()},
    "move": pgettext_lazy("an appointment", "Move"),
    "cancel": _("Cancel"),
    "slip": _("Slip"),
}


def may_take(user: Any, step: Step, appointment: Appointment) -> bool:
    """Whether the person may take this step with this appointment, whatever its status."""
    needed = CHANGE if step.target is None and appointment.status == Status.CANCELLED else ATTEND
    return user.has_perm(needed) and _is_seen(user, appointment)


def _is_seen(user: Any, appointment: Appointment) -> bool:
    return scope_of(user).allows(department_id=appointment.department_id, doctor_id=appointment.doctor_id)


def may_rebook(user: Any) -> bool:
    """May give new times to those whose doctor's plan has changed."""
    return user.has_perms(REBOOK)


class Desk:
    """What is offered to a person beside any number of appointments. What is the same for all of them is asked once."""

    def __init__(self, user: Any, now: datetime | None = None) -> None:
        self.user, self.now = user, now or timezone.now()
        self.address = reverse("admin:appointments_appointment_changelist")
        self.labels = {name: escape(str(label)) for name, label in LABELS.items()}

    def offered(self, appointment: Appointment) -> list[str]:
        """Names of LABELS, the likeliest first. ``appointment`` needs its department at hand."""
        offers = [
            step.name
            for step in STEPS.values()
            if _makes_sense(step, appointment, self.now) and may_take(self.user, step, appointment)
        ]
        if appointment.status in LIVE and _is_seen(self.user, appointment):
            if appointment.status == Status.BOOKED and self.user.has_perm(CHANGE):
                offers += ["move", "cancel"]
            if self.user.has_perm("appointments.view_appointment"):
                offers.append("slip")
        return offers

    def buttons(self, appointment: Appointment, who: str | None = None) -> SafeString:
        """The offers in HTML, for a place inside a form of the page; nothing for none. ``who``: the patient's name, as
        it is shown here; as the appointment's patient has it when not given.

        Steps are buttons that post, and say which version of the appointment the page has shown; the rest are links.
        """
        address, version = f"{self.address}{appointment.pk}/", version_of(appointment)
        name = escape(str(appointment.patient) if who is None else who)
        made = []
        for offer in self.offered(appointment):
            label = self.labels[offer]
            if offer in STEPS:
                made.append(
                    f'<button type="submit" class="step step-{offer}" formmethod="post" name="step" value="{offer}" '
                    f'formaction="{address}step/?version={version}" aria-label="{label}: {name}">{label}</button>'
                )
            else:
                made.append(f'<a class="step" href="{address}{offer}/" aria-label="{label}: {name}">{label}</a>')
        html = f'<span class="steps">{" ".join(made)}</span>' if made else ""
        return SafeString(html)  # nosec B703  # the name is escaped above


def _makes_sense(step: Step, appointment: Appointment, now: datetime) -> bool:
    if step.target is None:
        return operations.why_not_undone(appointment) is None
    if step.target not in MOVES[appointment.status]:
        return False
    if step.target == Status.NO_SHOW:
        return why_not_missed(appointment, now) is None
    if step.target == Status.CHECKED_IN:
        today = now.astimezone(appointment.department.tz).date()
        return appointment.date == today or abs(appointment.starts_at - now) <= CHECKED_IN_AROUND
    return True


def why_not_missed(appointment: Appointment, now: datetime) -> NotYetMissed | None:
    """Nobody has missed at the desk what is still to come."""
    return NotYetMissed() if appointment.starts_at > now else None
