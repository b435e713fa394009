"""Which steps a person may take with an appointment now: what the console offers, everywhere in the same way.

Whether a step is allowed is for ``operations`` to say. Here it is what makes sense to offer: nobody is checked in for
next week at the desk, nor marked as missed before the time has come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from appointments import operations
from appointments.models import LIVE, MOVES, Appointment, Status
from booking_site.core.operations import version_of
from booking_site.core.scope import scope_of

ATTEND = "appointments.attend_appointment"
CHANGE = "appointments.change_appointment"
REBOOK = (CHANGE, "patients.view_patient")


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


# A button says which version of the appointment its page has shown.
BUTTON = (
    '<button type="submit" class="step step-{step}" formmethod="post" formaction="{url}?version={version}" name="step" '
    'value="{step}" aria-label="{label}: {who}">{label}</button>'
)
LINK = '<a class="step" href="{url}" aria-label="{label}: {who}">{label}</a>'


@dataclass(frozen=True, slots=True)
class Offer:
    """A button that posts ``step`` to ``url``, or, without a step, a link to it, beside an appointment."""

    label: str | Promise
    url: str
    step: str = ""


def may_take(user: Any, step: Step, appointment: Appointment) -> bool:
    """Whether the person may take this step with this appointment, whatever its status."""
    needed = CHANGE if step.target is None and appointment.status == Status.CANCELLED else ATTEND
    return user.has_perm(needed) and scope_of(user).allows(
        department_id=appointment.department_id, doctor_id=appointment.doctor_id
    )


def may_rebook(user: Any) -> bool:
    """May give new times to those whose doctor's plan has changed."""
    return user.has_perms(REBOOK)


def offered(appointment: Appointment, user: Any, now: datetime | None = None) -> list[Offer]:
    """What to offer beside the appointment, the likeliest first. ``appointment`` needs its department at hand."""
    now = now or timezone.now()
    # asked once, not for each button of some hundred appointments
    address = f"{reverse('admin:appointments_appointment_changelist')}{appointment.pk}/"
    offers = [
        Offer(step.label, step=step.name, url=f"{address}step/")
        for step in STEPS.values()
        if _makes_sense(step, appointment, now) and may_take(user, step, appointment)
    ]
    scope = scope_of(user)
    is_seen = scope.allows(department_id=appointment.department_id, doctor_id=appointment.doctor_id)
    if appointment.status == Status.BOOKED and user.has_perm(CHANGE) and is_seen:
        offers += [
            Offer(pgettext_lazy("an appointment", "Move"), url=f"{address}move/"),
            Offer(_("Cancel"), url=f"{address}cancel/"),
        ]
    if appointment.status in LIVE and user.has_perm("appointments.view_appointment") and is_seen:
        offers.append(Offer(_("Slip"), url=f"{address}slip/"))
    return offers


def buttons(appointment: Appointment, offers: list[Offer]) -> SafeString:
    """The offers in HTML, for a place inside a form of the page; nothing for none."""
    about = {"who": str(appointment.patient), "version": version_of(appointment)}
    made = [
        format_html(BUTTON if offer.step else LINK, label=str(offer.label), url=offer.url, step=offer.step, **about)
        for offer in offers
    ]
    return format_html('<span class="steps">{}</span>', SafeString(" ".join(made))) if made else SafeString()


def _makes_sense(step: Step, appointment: Appointment, now: datetime) -> bool:
    if step.target is None:
        return operations.why_not_undone(appointment) is None
    if step.target not in MOVES[appointment.status]:
        return False
    if step.target == Status.NO_SHOW:
        return appointment.starts_at <= now
    if step.target == Status.CHECKED_IN:
        today = now.astimezone(appointment.department.tz).date()
        return appointment.date == today
    return True
