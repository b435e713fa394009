"""How much of the offered time is used.

Fill rate = seats held by an appointment / seats offered. Offered is every seat of the period but those withdrawn (by
hand, by a closure or a change of the plan). Held: booked, checked in, in progress or completed, which is what the
slot's own status ``booked`` says (the constraints and ``check_integrity`` see to it). A missed or cancelled visit gives
the seat back; a seat that a no-show has left unused is counted beside it, for it was given out and lost.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from appointments.models import Status
from appointments.reports.choice import Choice
from appointments.reports.figures import Column, Ratio, Report, Row, Table, Value
from appointments.reports.tally import Found, altogether, by_name, course, tally
from scheduling.models import VisitType

CASES = """
SELECT seat.department_id AS department, seat.doctor_id AS doctor, seat.visit_type_id AS visit_type,
    seat.date AS day, seat.status = 'booked' AS held,
    seat.status <> 'booked' AND missed.slot_id IS NOT NULL AS lost
FROM ({rows}) AS seat
LEFT JOIN (SELECT DISTINCT slot_id FROM ({missed}) AS visit) AS missed ON missed.slot_id = seat.id
"""
READ = ("id", "department_id", "doctor_id", "visit_type_id", "date", "status")
FAMILIES = (("department", "doctor", "visit_type", "day"),)
FIGURES = {"held": "held", "lost": "lost", "offered": "TRUE"}
COLUMNS = [
    Column(_("Fill rate"), ("held", "offered", "fill_rate")),
    Column(_("Lost to no-shows"), ("lost_to_no_shows",)),
]
DRAWN: Any = {"drawn": [0], "axis": _("seats held of all offered")}


def tables(choice: Choice) -> list[Table]:
    missed = choice.appointments().filter(status=Status.NO_SHOW, slot__isnull=False).values("slot_id")
    querysets = {"rows": choice.seats().values(*READ), "missed": missed}
    found = tally(CASES, FAMILIES, FIGURES, querysets, step=choice.step, first=choice.first)
    kinds = found.get("visit_type", {})
    names = VisitType.objects.filter(pk__in=kinds).values_list("pk", "name")
    return [
        altogether(found, COLUMNS, _figures),
        course(found, choice, COLUMNS, _figures, **DRAWN),
        by_name(found, "department", COLUMNS, _figures, **DRAWN),
        by_name(found, "doctor", COLUMNS, _figures, **DRAWN),
        Table(
            key="visit_type",
            title=_("By visit type"),
            head=_("Visit type"),
            columns=COLUMNS,
            rows=[Row(code, name, _figures(kinds[code])) for code, name in names],
            drawn=[0],
            axis=DRAWN["axis"],
        ),
    ]


def _figures(row: Found) -> tuple[Value, ...]:
    return Ratio(row.get("held", 0), row.get("offered", 0)), row.get("lost", 0)


REPORT = Report(
    key="fill",
    title=_("Fill rate"),
    definitions=[
        (
            _("Fill rate"),
            _(
                "Seats held by an appointment, of all seats offered in the period: all but those withdrawn. Cancelled "
                "and missed visits hold no seat. Of days still to come: as booked by now."
            ),
        ),
        (_("Lost to no-shows"), _("Seats whose patient did not come, and which nobody else had instead.")),
    ],
    tables=tables,
)
