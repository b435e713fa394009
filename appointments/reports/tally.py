"""Counting cases in many ways at once: one statement, whatever the number of breakdowns and rows."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from appointments.reports.choice import Choice, period_label
from appointments.reports.figures import Column, Row, Table, Value
from booking_site import replica
from booking_site.core.wallclock import short_day_label
from doctors.models import Department, Doctor

Found = dict[str, Any]  # a row of an answer, by its columns
Tally = dict[str, dict[str | None, Found]]  # breakdown: key: figures
ALL = "all"
Figures = Callable[[Found], tuple[Value, ...]]


def fetch(statement: str, querysets: Mapping[str, QuerySet], parameters: Mapping[str, Any]) -> list[Found]:
    """Run the statement; ``{name}`` in it is the SQL of the queryset of that name. Nothing, if one can find nothing."""
    parts, given = {}, dict(parameters)
    try:
        for name, queryset in querysets.items():
            sql, values = queryset.query.sql_with_params()
            named = {f"{name}_{number}": value for number, value in enumerate(values)}
            parts[name] = sql.replace("%%", "%%%%") % tuple(f"%({parameter})s" for parameter in named)
            given |= named
    except EmptyResultSet:  # nothing may be seen
        return []
    connection = replica.connection()
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        # Counted by hashes: the planner misjudges how many groups there are, and would sort all rows for them. To
        # compile a statement of so many expressions takes longer than it gains.
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL enable_sort = off; SET LOCAL jit = off")
        cursor.execute(statement.format(**parts), given)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def tally(
    cases: str,
    families: Sequence[Sequence[str]],
    figures: Mapping[str, str],
    querysets: Mapping[str, QuerySet],
    **parameters: Any,
) -> Tally:
    """``figures`` (conditions to count by) of the cases (a SELECT) altogether, and by each column of each family alone.

    The cases are counted by all columns of a family together, which several processes of the database can do, and these
    far fewer rows then by one column after the other. A family wants columns that seldom differ independently. Its
    ``day`` becomes the ``period`` that it lies in: parameters ``step`` and ``first``.
    Keys are texts, as the database writes them; None where the column is null. What no case has is not there.
    """
    counts = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in figures.items())
    sums = ", ".join(f"coalesce(sum({name}), 0)::int AS {name}" for name in figures)
    parts = []
    for number, family in enumerate(families):
        columns = {"period" if name == "day" else name: period_of(name) if name == "day" else name for name in family}
        kinds = " ".join(f"WHEN GROUPING({name}) = 0 THEN '{name}'" for name in columns)
        keys = " ".join(f"WHEN GROUPING({name}) = 0 THEN {name}::text" for name in columns)
        sets = [*(["()"] if number == 0 else []), *(f"({name})" for name in columns)]
        parts.append(f"""
            SELECT CASE {kinds} ELSE '{ALL}' END AS breakdown, CASE {keys} END AS key, {sums}
            FROM (
                SELECT {", ".join(f"{column} AS {name}" for name, column in columns.items())}, {", ".join(figures)}
                FROM (
                    SELECT {", ".join(family)}, {counts} FROM ({cases}) AS cases GROUP BY {", ".join(family)}
                ) AS counted
            ) AS named
            GROUP BY GROUPING SETS ({", ".join(sets)})
        """)
    found: Tally = defaultdict(dict)
    for row in fetch(" UNION ALL ".join(parts), querysets, parameters):
        found[row.pop("breakdown")][row.pop("key")] = row
    return found


# --- tables of a tally ---------------------------------------------------------------------------------------------


def altogether(found: Tally, columns: Sequence[Column], figures: Figures) -> Table:
    row = found.get(ALL, {}).get(None, {})
    rows = [Row(ALL, _("Altogether"), figures(row))]
    return Table(key=ALL, title=_("Altogether"), head="", columns=columns, rows=rows)


def course(found: Tally, choice: Choice, columns: Sequence[Column], figures: Figures, **about: Any) -> Table:
    """By day, week or month, those in which nothing happened included. The breakdown is ``period``."""
    by_period = found.get("period", {})
    rows = [
        Row(f"{begin}", period_label(begin, end), figures(by_period.get(f"{begin}", {})), short_day_label(begin))
        for begin, end in choice.periods()
    ]
    head = _("Period")
    title = {"day": _("By day"), "week": _("By week"), "month": _("By month")}[choice.step]
    return Table(key="period", title=title, head=head, columns=columns, rows=rows, is_course=True, **about)


def by_name(found: Tally, breakdown: str, columns: Sequence[Column], figures: Figures, **about: Any) -> Table:
    """By department or doctor, in the order of their names. The breakdown is ``department`` or ``doctor``."""
    rows = found.get(breakdown, {})
    names = names_of(breakdown, rows)
    ordered = sorted(rows, key=lambda key: (names[key].casefold(), key))
    titles = {"department": (_("By department"), _("Department")), "doctor": (_("By doctor"), _("Doctor"))}
    title, head = titles[breakdown]
    listed = [Row(str(key), names[key], figures(rows[key])) for key in ordered]
    return Table(key=breakdown, title=title, head=head, columns=columns, rows=listed, **about)


def names_of(breakdown: str, keys: Any) -> dict[Any, str]:
    """Of departments or doctors, by their keys as texts."""
    model: Any = Department if breakdown == "department" else Doctor
    return {str(key): name for key, name in model.objects.order_by().filter(pk__in=keys).values_list("pk", "name")}


# The first day of the step that a day lies in, but not before the period. Parameters: step, first.
PERIOD = "greatest(date_trunc(%(step)s, {day}::timestamp)::date, %(first)s)"


def period_of(day: str) -> str:
    return PERIOD.format(day=day)
