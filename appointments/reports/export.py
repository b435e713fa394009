"""A report as a file: CSV (RFC 4180) in plain UTF-8 with one header, all tables below each other.

The first three columns say what a line is about (breakdown, key, label); a table leaves the columns of others empty. A
text that a spreadsheet would take for a formula gets an apostrophe in front. The export is announced, for the audit
log.
"""

import csv
from collections.abc import Iterator
from datetime import date
from io import StringIO
from typing import Any

from appointments import signals
from appointments.reports.choice import Choice
from appointments.reports.figures import Column, Ratio, Report, Table, Value
from booking_site.core.actor import Actor
from booking_site.core.operations import in_transaction

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(*, actor: Actor, report: Report, choice: Choice) -> tuple[str, str]:
    """The file's name and its text. Nothing is handed out unless the audit log has been told."""
    text = as_csv(report.tables(choice))
    period = (f"{choice.first}", f"{choice.last}") if report.has_period else ("", "")

    def announce() -> None:
        signals.report_exported.send(
            sender=export,
            actor=actor,
            report=report.key,
            first=period[0],
            last=period[1],
            department_id=choice.department,
            doctor_id=choice.doctor,
        )

    in_transaction(announce)
    return "_".join(part for part in (report.key, *period) if part) + ".csv", text


def as_csv(tables: list[Table]) -> str:
    names = list(dict.fromkeys(name for table in tables for column in table.columns for name in column.names))
    file = StringIO()
    writer = csv.DictWriter(file, ["breakdown", "key", "label", *names], restval="")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            cells = dict(
                cell for column, value in zip(table.columns, row.values, strict=True) for cell in _cells(column, value)
            )
            about = {"breakdown": table.key, "key": guarded(row.key), "label": guarded(str(row.label))}
            writer.writerow({**about, **cells})
    return file.getvalue()


def _cells(column: Column, value: Value) -> Iterator[tuple[str, Any]]:
    """Rates are fractions of 1 with four decimals; what there is nothing of is empty."""
    if isinstance(value, Ratio):
        rate = "" if value.rate is None else f"{value.rate:.4f}"
        yield from zip(column.names, (value.part, value.whole, rate), strict=True)
    elif isinstance(value, float):
        yield column.names[0], f"{value:.1f}"
    elif isinstance(value, date):
        yield column.names[0], value.isoformat()
    else:
        yield column.names[0], guarded(value) if isinstance(value, str) else value


def guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
