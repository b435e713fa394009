from typing import Any

from django import template

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
        "buttons": Desk(request.user).buttons(appointment),
        "next": next or request.get_full_path(),
        "csrf_token": context.get("csrf_token"),
    }
