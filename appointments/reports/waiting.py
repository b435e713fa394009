"""How long people waited in the house, whether they came early or late, and whether visits ran over.

Wait = from check-in to the start of the visit. Who comes early waits longer by this measure: arrival, against the
appointed time, stands beside it. Overrun = the visit took longer than it was planned. Percentiles are of whole minutes
(begun ones are not counted) by nearest rank: the shortest wait that at least so many percent of the visits did not
exceed, so each is a wait that somebody had.

Waits become a histogram by the minute first. Its few thousand rows then give the percentiles, where sorting the visits
themselves anew for each breakdown would take longer than all the rest.
"""

from django.utils.translation import gettext_lazy as _

from appointments.reports.choice import Choice
from appointments.reports.figures import Column, Ratio, Report, Table, Value
from appointments.reports.tally import Found, Tally, altogether, by_name, course, fetch, period_of

MARGIN = 5  # minutes within which people are on time, and visits as long as planned

# Parameters: threshold (minutes), step, first.
STATEMENT = f"""
WITH visit AS (
    SELECT department_id::text AS department, doctor_id AS doctor, ({period_of("date")})::text AS period,
        floor(date_part('epoch', started_at - checked_in_at) / 60)::int AS waited,
        started_at - checked_in_at > make_interval(mins => %(threshold)s) AS is_long,
        checked_in_at < starts_at - interval '{MARGIN} minutes' AS is_early,
        checked_in_at > starts_at + interval '{MARGIN} minutes' AS is_late,
        completed_at - started_at > ends_at - starts_at + interval '{MARGIN} minutes' AS overran
    FROM ({{rows}}) AS appointment
), counted AS (
    SELECT department, doctor, period, waited, count(*) AS visits,
        count(*) FILTER (WHERE is_long) AS long, count(*) FILTER (WHERE is_early) AS early,
        count(*) FILTER (WHERE is_late) AS late, count(overran) AS ended, count(*) FILTER (WHERE overran) AS overran
    FROM visit
    GROUP BY department, doctor, period, waited
), by_minute AS (
    SELECT CASE WHEN GROUPING(department) = 0 THEN 'department' WHEN GROUPING(doctor) = 0 THEN 'doctor'
            WHEN GROUPING(period) = 0 THEN 'period' ELSE 'all' END AS breakdown,
        coalesce(department, doctor, period) AS key, waited, sum(visits) AS visits, sum(long) AS long,
        sum(early) AS early, sum(late) AS late, sum(ended) AS ended, sum(overran) AS overran
    FROM counted
    GROUP BY GROUPING SETS ((waited), (department, waited), (doctor, waited), (period, waited))
), ranked AS (
    SELECT by_minute.*, sum(visits) OVER (PARTITION BY breakdown, key ORDER BY waited) AS up_to,
        sum(visits) OVER (PARTITION BY breakdown, key) AS all_visits
    FROM by_minute
)
SELECT breakdown, key, min(waited) FILTER (WHERE up_to * 100 >= all_visits * 50) AS median,
    min(waited) FILTER (WHERE up_to * 100 >= all_visits * 90) AS ninetieth,
    sum(visits)::int AS visits, sum(long)::int AS long, sum(early)::int AS early, sum(late)::int AS late,
    sum(ended)::int AS ended, sum(overran)::int AS overran
FROM ranked
GROUP BY breakdown, key
"""
READ = (
    *("department_id", "doctor_id", "date", "starts_at", "ends_at"),
    *("checked_in_at", "started_at", "completed_at"),
)
AXIS = _("minutes waited")


def tables(choice: Choice) -> list[Table]:
    rows = choice.appointments().filter(checked_in_at__isnull=False, started_at__isnull=False).values(*READ)
    parameters = {"threshold": choice.threshold, "step": choice.step, "first": choice.first}
    found: Tally = {}
    for row in fetch(STATEMENT, {"rows": rows}, parameters):
        found.setdefault(row["breakdown"], {})[row["key"]] = row
    columns = [
        Column(_("Median wait (min)"), ("median_minutes",)),
        Column(_("90th percentile (min)"), ("ninetieth_percentile_minutes",)),
        Column(_("Over %d min") % choice.threshold, ("long_waits", "visits", "long_wait_rate")),
        Column(_("Came early"), ("came_early", "visits", "came_early_rate")),
        Column(_("Came late"), ("came_late", "visits", "came_late_rate")),
        Column(_("Overrun"), ("overran", "ended_visits", "overrun_rate")),
    ]
    return [
        altogether(found, columns, _figures),
        course(found, choice, columns, _figures, drawn=[0, 1], axis=AXIS),
        by_name(found, "department", columns, _figures, drawn=[0, 1], axis=AXIS),
        by_name(found, "doctor", columns, _figures, drawn=[0, 1], axis=AXIS),
    ]


def _figures(row: Found) -> tuple[Value, ...]:
    visits = row.get("visits", 0)
    return (
        row.get("median"),
        row.get("ninetieth"),
        *(Ratio(row.get(name, 0), visits) for name in ("long", "early", "late")),
        Ratio(row.get("overran", 0), row.get("ended", 0)),
    )


REPORT = Report(
    key="waiting",
    title=_("Waiting times"),
    definitions=[
        (
            _("Wait"),
            _(
                "From check-in to the start of the visit, of the visits of the period that have begun. Who comes early "
                "waits longer by this measure."
            ),
        ),
        (
            _("Median, 90th percentile"),
            _("Half of the visits, nine in ten of them, waited that many whole minutes or fewer."),
        ),
        (
            _("Came early, came late"),
            _("Checked in more than 5 minutes before, or after, the appointed time, of all these visits."),
        ),
        (
            _("Overrun"),
            _("Took over 5 minutes longer than planned, from start to completion, of the visits completed."),
        ),
    ],
    tables=tables,
    has_threshold=True,
)
