from typing import Any

from django import template
from django.http import HttpRequest

from appointments.models import Appointment
from appointments.steps import offered
from booking_site.core.operations import version_of

register = template.Library()
TEMPLATE = "console/actions.html"


@register.inclusion_tag(TEMPLATE, takes_context=True)
def actions(context: Any, appointment: Appointment, next: str = "") -> dict[str, Any]:
    """Buttons and links for what the signed-in person may do with the appointment now, leading back to ``next`` (this
    page without it). ``appointment`` needs its patient and department at hand."""
    made = action_context(context["request"], appointment)
    return made | {"next": next or context["request"].get_full_path(), "csrf_token": context.get("csrf_token")}


def action_context(request: HttpRequest, appointment: Appointment) -> dict[str, Any]:
    return {
        "appointment": appointment,
        "offers": offered(appointment, request.user),
        "version": version_of(appointment),
    }
