"""Who did not come: the share of no-shows, and with what it goes together.

No-show rate = no_show / (no_show + completed + in_progress + checked_in), over the appointments whose day lies in the
period, as in England's statistics ("did not attend" over attended and not attended, NHS Digital, Appointments in
General Practice). Cancelled appointments are neither; those still booked are not decided yet. Imported history counts.

Lead time = the day of the visit less the day on which the appointment was made, both by the site's calendar. The few of
some sources that were written down after their visit are a bucket of their own.
"""

from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from appointments.models import Status
from appointments.reports.choice import Choice
from appointments.reports.figures import Column, Ratio, Report, Row, Table, Value
from appointments.reports.tally import Found, Tally, altogether, by_name, course, tally

COUNTED = (Status.NO_SHOW, Status.COMPLETED, Status.IN_PROGRESS, Status.CHECKED_IN)

LEADS = {
    "0": _("after the visit"),
    "1": _("same day"),
    "2": _("1 day"),
    "3": _("2 to 7 days"),
    "4": _("8 to 14 days"),
    "5": _("15 to 28 days"),
    "6": _("over 28 days"),
}
FROM_DAYS = (0, 1, 2, 8, 15, 29)  # the least days of each but the first
CASES = f"""
SELECT visit.status = 'no_show' AS missed, visit.department_id AS department, visit.doctor_id AS doctor,
    visit.date AS day, date_part('isodow', visit.date)::int AS weekday,
    date_part('hour', visit.time)::int AS hour,
    width_bucket(visit.date - (visit.booked_at AT TIME ZONE departments.time_zone)::date, ARRAY{list(FROM_DAYS)})
        AS lead_time
FROM ({{rows}}) AS visit JOIN departments ON departments.id = visit.department_id
"""
READ = ("status", "department_id", "doctor_id", "date", "time", "booked_at")
FAMILIES = (("department", "doctor", "day"), ("weekday", "lead_time", "hour"))
FIGURES = {"missed": "missed", "visits": "TRUE"}
COLUMNS = [Column(_("No-show rate"), ("no_shows", "visits", "no_show_rate"))]
DRAWN: Any = {"drawn": [0], "axis": _("no-shows of all visits")}


def tables(choice: Choice) -> list[Table]:
    rows = choice.appointments().filter(status__in=COUNTED).values(*READ)
    found = tally(CASES, FAMILIES, FIGURES, {"rows": rows}, step=choice.step, first=choice.first)
    return [
        altogether(found, COLUMNS, _figures),
        course(found, choice, COLUMNS, _figures, **DRAWN),
        by_name(found, "department", COLUMNS, _figures, **DRAWN),
        by_name(found, "doctor", COLUMNS, _figures, **DRAWN),
        _in_order(found, "weekday", _("By weekday"), _("Weekday"), {str(1 + n): day for n, day in WEEKDAYS.items()}),
        _in_order(found, "lead_time", _("By lead time"), _("Booked before the visit"), LEADS),
        _in_order(
            found,
            "hour",
            _("By time of day"),
            _("Begins"),
            {str(hour): f"{hour:02d}:00–{hour:02d}:59" for hour in range(24)} | {None: _("time not known")},
        ),
    ]


def _figures(row: Found) -> tuple[Value, ...]:
    return (Ratio(row.get("missed", 0), row.get("visits", 0)),)


def _in_order(found: Tally, breakdown: str, title: object, head: object, labels: dict) -> Table:
    """What there is of a breakdown whose keys have an order."""
    rows = found.get(breakdown, {})
    listed = [Row(key or "", label, _figures(rows[key])) for key, label in labels.items() if key in rows]
    return Table(key=breakdown, title=title, head=head, columns=COLUMNS, rows=listed, drawn=[0], axis=DRAWN["axis"])


REPORT = Report(
    key="no_shows",
    title=_("No-shows"),
    definitions=[
        (
            _("No-show rate"),
            _(
                "No-shows, of all visits of the period that have begun or been missed: no-show, completed, in progress "
                "and checked in. Cancelled appointments are left out, and so are those still booked. Imported history "
                "counts."
            ),
        ),
        (
            _("Lead time"),
            _(
                "Days from the day on which the appointment was made to the day of the visit, by the calendar of the "
                "site. “After the visit”: the source wrote it down later than the visit was."
            ),
        ),
    ],
    tables=tables,
)
