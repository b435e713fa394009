"""How soon can a patient come? The third next available appointment, the usual measure of access.

Of each doctor, and kind of visit there offered: the calendar days from today to the day of the third seat that staff
may book now, by the calendar of the site. The first and the second may be free because somebody has just cancelled; the
third tells of the schedule (Institute for Healthcare Improvement, "Third Next Available Appointment": the average over
the doctors, without frozen or held slots). Free is what booking itself takes for free: ``FREE_TO_STAFF_SQL``. Where
fewer than three are free there is no third within the horizon, and no number stands in for it.
"""

from collections import defaultdict
from statistics import mean

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.reports.choice import DAY, OFFERED, Choice
from appointments.reports.figures import Column, Report, Row, Table, Value
from appointments.reports.tally import Found, fetch, names_of
from scheduling.availability import FREE_TO_STAFF_SQL
from scheduling.models import AvailableSlot, VisitType

# Who offers what from now on, whether or not any of it is free; of each a walk along idx_slot_open_doctor, which ends
# with the third free seat (CASE: see ``core.sql.checked``). The clock of a site may show another date than ours.
STATEMENT = f"""
WITH offered AS (SELECT DISTINCT doctor_id, department_id, visit_type_id FROM ({{rows}}) AS seat)
SELECT offered.doctor_id AS doctor, offered.department_id::text AS department, offered.visit_type_id AS visit_type,
    free.seats, free.third, free.third - (statement_timestamp() AT TIME ZONE departments.time_zone)::date AS days
FROM offered JOIN departments ON departments.id = offered.department_id
CROSS JOIN LATERAL (
    SELECT count(*)::int AS seats, max(seat.date) FILTER (WHERE seat.place = 3) AS third
    FROM (
        SELECT walked.date, row_number() OVER (ORDER BY walked.starts_at, walked.id) AS place
        FROM (
            SELECT available_slots.date, available_slots.starts_at, available_slots.id FROM available_slots
            WHERE available_slots.doctor_id = offered.doctor_id AND available_slots.starts_at > statement_timestamp()
                AND CASE WHEN available_slots.department_id = offered.department_id
                    AND available_slots.visit_type = offered.visit_type_id THEN TRUE ELSE FALSE END
                AND {FREE_TO_STAFF_SQL}
            ORDER BY available_slots.starts_at, available_slots.id LIMIT 3
        ) AS walked
    ) AS seat
) AS free
"""
NONE = _("none within the horizon")
OF_DEPARTMENT = [
    Column(_("Average days"), ("average_days_to_third",), nothing=NONE),
    Column(_("Doctors counted"), ("doctors_counted",)),
    Column(_("Without a third"), ("doctors_without_third",)),
]
OF_DOCTOR = [
    Column(_("Department"), ("department",), is_text=True),
    Column(_("Visit type"), ("visit_type",), is_text=True),
    Column(_("Days to the third"), ("days_to_third",), nothing=NONE),
    Column(_("On"), ("third_date",)),
    Column(_("Free seats, up to 3"), ("free_seats_up_to_3",)),
]


def tables(choice: Choice) -> list[Table]:
    active = Q(doctor__is_active=True, department__is_active=True, visit_type__is_active=True)
    yesterday = timezone.now().date() - DAY  # anywhere; the date has an index
    seats = AvailableSlot.objects.filter(active, status__in=OFFERED, starts_at__gt=timezone.now(), date__gte=yesterday)
    rows = choice.narrow(seats).values("doctor_id", "department_id", "visit_type_id")
    found = fetch(STATEMENT, {"rows": rows}, {})
    busy = {row["doctor"] for row in found}
    idle = [
        {"doctor": doctor, "department": str(department), "visit_type": None, "seats": 0, "third": None, "days": None}
        for doctor, department in choice.doctors().values_list("pk", "department_id")
        if doctor not in busy
    ]
    return _tables(found, idle)


def _tables(found: list[Found], idle: list[Found]) -> list[Table]:
    """``idle``: doctors who offer nothing."""
    departments = names_of("department", {row["department"] for row in [*found, *idle]})
    doctors = names_of("doctor", {row["doctor"] for row in [*found, *idle]})
    kinds = dict(VisitType.objects.order_by().values_list("pk", "name"))
    by_department = defaultdict(list)
    for row in found:
        by_department[row["department"], row["visit_type"]].append(row)
    of_departments = [
        Row(f"{department} {kind}", f"{departments[department]}, {kinds[kind]}", _average(rows))
        for (department, kind), rows in by_department.items()
    ]
    of_doctors = [
        Row(
            row["doctor"],
            doctors[row["doctor"]],
            (
                departments[row["department"]],
                kinds.get(row["visit_type"]),
                *(row[name] for name in ("days", "third", "seats")),
            ),
        )
        for row in [*found, *idle]
    ]
    return [
        Table(
            key="department",
            title=_("By department and visit type"),
            head=_("Department, visit type"),
            columns=OF_DEPARTMENT,
            rows=sorted(of_departments, key=lambda row: row.label.casefold()),
            drawn=[0],
            axis=_("calendar days, on average"),
        ),
        Table(
            key="doctor",
            title=_("By doctor and visit type"),
            head=_("Doctor"),
            columns=OF_DOCTOR,
            rows=sorted(of_doctors, key=lambda row: (row.label.casefold(), row.key, str(row.values[:2]))),
        ),
    ]


def _average(rows: list[Found]) -> tuple[Value, ...]:
    """Over the doctors who have a third."""
    days = [row["days"] for row in rows if row["days"] is not None]
    return float(mean(days)) if days else None, len(days), len(rows) - len(days)


REPORT = Report(
    key="third_next",
    title=_("Third next available"),
    definitions=[
        (
            _("Days to the third"),
            _(
                "Calendar days from today to the day of the third free seat, by the calendar of the site: of a doctor, "
                "for a kind of visit, as the staff could book it at this moment. Held seats are not free. With "
                "fewer than three free seats there is none within the horizon."
            ),
        ),
        (
            _("Average days"),
            _("Of the doctors of a department who have a third; those without are counted beside it."),
        ),
    ],
    tables=tables,
    has_period=False,
    has_step=False,
)
