"""A doctor's day on paper, for when the screen is out of reach: a page for each doctor, with room for notes."""

from collections import defaultdict
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments.models import Appointment, Status
from appointments.today.choosing import REMEMBERED, Person, chosen_by
from appointments.today.rows import VisitRow, day_of, visits_of
from booking_site.core import shown
from booking_site.core.scope import scope_of
from booking_site.core.wallclock import day_label, moment_label, time_label


def day_sheet_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """The query is that of the home page. Who does not see patients gets the times alone."""
    user: Any = request.user
    if not user.has_perm("appointments.view_appointment"):
        raise PermissionDenied
    scope = scope_of(user)
    chosen = chosen_by(request.GET, request.session.get(REMEMBERED), scope)
    visits = [visit for visit in visits_of(day_of(chosen.choice, scope)) if visit.status != Status.CANCELLED]
    shown.note_patients(request, Appointment, (visit.patient for visit in visits))
    return model_admin.own_page(
        request,
        "console/day_sheet.html",
        title=_("Day sheet"),
        chosen=chosen,
        sheets=_sheets(visits, [one for one in chosen.people if one.id in chosen.choice.doctors]),
        day=day_label(chosen.choice.day),
        back=chosen.choice.query(),
        see_names=user.has_perm("patients.view_patient"),
        printed_at=moment_label(timezone.now(), chosen.zone),
        printed_by=user.get_full_name() or user.get_username(),
        is_nav_sidebar_enabled=False,
    )


def _sheets(visits: list[VisitRow], asked: list[Person]) -> list[dict[str, Any]]:
    """For each doctor by name the visits by time; empty for those who were asked for and see nobody."""
    of_doctor: dict[tuple[str, str], list[VisitRow]] = defaultdict(list)
    for visit in visits:
        of_doctor[visit.doctor_name, visit.doctor].append(visit)
    for one in asked:
        of_doctor.setdefault((one.name, str(one.id)), [])
    return [
        {
            "doctor": name,
            "zones": list(dict.fromkeys(visit.zone for visit in theirs)),
            "visits": [
                {
                    "visit": visit,
                    "clock": time_label(visit.time, visit.zone, visit.starts_at) if visit.time else "",
                    "minutes": int((visit.ends_at - visit.starts_at).total_seconds() // 60),
                    "status": Status(visit.status).label if visit.status != Status.BOOKED else "",
                }
                for visit in theirs
            ],
        }
        for (name, _code), theirs in sorted(of_doctor.items())
    ]
