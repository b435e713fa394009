from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.safestring import SafeString

from appointments.models import Appointment
from appointments.origin import doer_label
from appointments.steps import Desk

register = template.Library()
register.filter("doer", doer_label)


@register.inclusion_tag("console/actions.html", takes_context=True)
def actions(context: Any, appointment: Appointment, next: str = "") -> dict[str, Any]:
    """Buttons and links for what the signed-in person may do with the appointment now, leading back to ``next`` (this
    page without it). ``appointment`` needs its patient and department at hand."""
    request = context["request"]
    return {
        "buttons": _desk(request).buttons(appointment),
        "next": next or request.get_full_path(),
        "csrf_token": context.get("csrf_token"),
    }


@register.simple_tag(takes_context=True)
def buttons(context: Any, appointment: Appointment, who: str | None = None) -> SafeString:
    """The same inside a form of the page, which says ``next`` itself. ``who``: as of ``Desk.buttons``."""
    return _desk(context["request"]).buttons(appointment, who)


def _desk(request: HttpRequest) -> Desk:
    """One for all that a page shows."""
    if not hasattr(request, "desk"):
        request.desk = Desk(request.user)  # type: ignore[attr-defined]
    return request.desk  # type: ignore[attr-defined]
