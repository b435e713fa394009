"""A report as a file: CSV (RFC 4180) in plain UTF-8 with one header, all tables below each other.

The first three columns say what a line is about (breakdown, key, label); a table leaves the columns of others empty. A
text is never a formula: see ``core.sheets``. The export is announced, for the audit log.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from appointments import signals
from appointments.reports.choice import Choice
from appointments.reports.figures import Column, Ratio, Report, Table, Value
from booking_site.core.actor import Actor
from booking_site.core.operations import in_transaction
from booking_site.core.sheets import write_rows


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
    return "".join(write_rows(["breakdown", "key", "label", *names], _lines(tables, names)))


def _lines(tables: list[Table], names: list[str]) -> Iterator[list[Any]]:
    for table in tables:
        for row in table.rows:
            cells = dict(
                cell for column, value in zip(table.columns, row.values, strict=True) for cell in _cells(column, value)
            )
            yield [table.key, row.key, row.label, *map(cells.get, names)]


def _cells(column: Column, value: Value) -> Iterator[tuple[str, Any]]:
    """Rates are fractions of 1 with four decimals; what there is nothing of is empty."""
    if isinstance(value, Ratio):
        rate = None if value.rate is None else Decimal(f"{value.rate:.4f}")
        yield from zip(column.names, (value.part, value.whole, rate), strict=True)
    elif isinstance(value, float):
        yield column.names[0], Decimal(f"{value:.1f}")
    else:
        yield column.names[0], value
