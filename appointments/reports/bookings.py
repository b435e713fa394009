"""What reception and the client apps do: appointments made, moved and cancelled.

Each counts on the day on which it happened, by the clock of the appointment's department as it is now; the visit itself
may lie in another period. An appointment that was moved twice counts twice as moved. Imported history counts as made on
the day that its source says.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from appointments.models import Appointment, AppointmentMove
from appointments.origin import source_label
from appointments.reports.choice import Choice
from appointments.reports.figures import Column, Report, Row, Table, Value
from appointments.reports.tally import Found, altogether, by_name, course, tally

DAY = "(happened.moment AT TIME ZONE departments.time_zone)::date"
# Parameters: first, last, surely_from, surely_to (instants that lie in the period at every site), step.
CASES = f"""
SELECT happened.what, happened.source, happened.department_id AS department, {DAY} AS day
FROM (
    SELECT 'made' AS what, source, department_id, booked_at AS moment FROM ({{made}}) AS appointment
    UNION ALL
    SELECT 'moved', appointment__source, appointment__department_id, moved_at FROM ({{moved}}) AS appointment
    UNION ALL
    SELECT 'cancelled', source, department_id, cancelled_at FROM ({{cancelled}}) AS appointment
) AS happened JOIN departments ON departments.id = happened.department_id
WHERE happened.moment >= %(surely_from)s AND happened.moment < %(surely_to)s
    OR {DAY} BETWEEN %(first)s AND %(last)s
"""  # the clock of the site, which takes time to ask, is asked in doubt only
FAMILIES = (("source", "department", "day"),)
WHAT = {"made": _("Made"), "moved": _("Moved"), "cancelled": _("Cancelled")}
FIGURES = {what: f"what = '{what}'" for what in WHAT}
COLUMNS = [Column(label, (what,)) for what, label in WHAT.items()]
DRAWN: Any = {"drawn": [0, 1, 2], "axis": _("appointments")}


def tables(choice: Choice) -> list[Table]:
    known = choice.narrow(Appointment.objects.all())
    within = choice.instants
    querysets = {
        "made": known.filter(booked_at__range=within).values("source", "department_id", "booked_at"),
        "moved": AppointmentMove.objects.filter(appointment__in=known.values("pk"), moved_at__range=within).values(
            "appointment__source", "appointment__department_id", "moved_at"
        ),
        "cancelled": known.filter(cancelled_at__range=within).values("source", "department_id", "cancelled_at"),
    }
    surely_from, surely_to = choice.surely
    found = tally(
        CASES,
        FAMILIES,
        FIGURES,
        querysets,
        first=choice.first,
        last=choice.last,
        surely_from=surely_from,
        surely_to=surely_to,
        step=choice.step,
    )
    sources = found.get("source", {})
    return [
        altogether(found, COLUMNS, _figures),
        course(found, choice, COLUMNS, _figures, **DRAWN),
        by_name(found, "department", COLUMNS, _figures, **DRAWN),
        Table(
            key="source",
            title=_("By source"),
            head=_("Booked through"),
            columns=COLUMNS,
            rows=[
                Row(str(source), source_label(str(source)), _figures(sources[source]))
                for source in sorted(sources, key=str)
            ],
            **DRAWN,
        ),
    ]


def _figures(row: Found) -> tuple[Value, ...]:
    return tuple(row.get(what, 0) for what in WHAT)


REPORT = Report(
    key="bookings",
    title=_("Bookings"),
    definitions=[
        (_("Made"), _("Appointments made in the period, whenever the visit is, and whatever became of them.")),
        (_("Moved"), _("Moves to another time or doctor in the period; one appointment may be moved several times.")),
        (_("Cancelled"), _("Appointments cancelled in the period, whenever they were made.")),
        (
            _("Source"),
            _("Where an appointment was made: in the console, through the API, or by an import of past ones."),
        ),
    ],
    tables=tables,
)
