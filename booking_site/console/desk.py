"""The ways of a working day, offered on every page of the console."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from appointments.steps import may_rebook


@dataclass(frozen=True, slots=True)
class Way:
    label: str | Promise
    url: str
    is_here: bool
    shortcut: str = ""  # as in aria-keyshortcuts; Alt and a letter


def having(*permissions: str) -> Callable[[Any], bool]:
    return lambda user: user.has_perms(permissions)


# label, page of the admin site, who may go there
WAYS: list[tuple[Any, str, Callable[[Any], bool]]] = [
    (_("Today"), "index", having("appointments.view_appointment")),
    (pgettext_lazy("an appointment", "Book"), "appointments_appointment_add", having("appointments.add_appointment")),
    (_("Walk-in"), "walk_in", having("appointments.add_appointment", "appointments.attend_appointment")),
    (_("Appointments"), "appointments_appointment_changelist", having("appointments.view_appointment")),
    (_("Patients"), "patients_patient_changelist", having("patients.view_patient")),
    (_("Week"), "scheduling_week", having("scheduling.view_availableslot")),
    (_("New times"), "appointments_appointment_worklist", may_rebook),
    (_("Numbers"), "reports", having("appointments.report_appointment")),
    (_("Audit log"), "audit_auditlog_changelist", having("audit.view_auditlog")),
]
SHORTCUTS = {"appointments_appointment_add": "Alt+B"}


def ways(request: HttpRequest) -> list[Way]:
    """For the signed-in person. The nearest to the page shown is marked."""
    open_ways = [(label, page, reverse(f"admin:{page}")) for label, page, may_go in WAYS if may_go(request.user)]
    nearest = max((url for *_way, url in open_ways if _leads_to(url, request.path)), key=len, default="")
    return [Way(label, url, url == nearest, SHORTCUTS.get(page, "")) for label, page, url in open_ways]


def _leads_to(url: str, path: str) -> bool:
    return path == url or (url != reverse("admin:index") and path.startswith(url))
