"""The temporary table in which the rows of a file are compared, with each other and with what is there.

Each row ends with an outcome: ``created``, ``there`` (already registered with the same values), ``repeated`` (in the
file) or ``rejected``; NULL while it is still to be decided. Only PostgreSQL's disk grows with the file.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from django.db import connection
from psycopg.sql import Literal

OUTCOMES = ("created", "there", "repeated", "rejected")
OWN_COLUMNS = {
    "row_line": "bigint",
    "row_cells": "text",  # the row as it was read: a JSON list
    "row_outcome": "text",
    "row_reason": "text",
    "row_first": "bigint",  # the line of the row that this one repeats
    "row_id": "uuid",  # of the record, if it becomes one
}
FETCHED = 1000  # rejected rows in memory at once


def execute(statement: str, parameters: Any = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def literal(text: str) -> str:
    return Literal(text).as_string(None)


class Staging:
    """``columns``: ``{name: SQL type}`` of the values. The table is ``import_rows`` in SQL of ours."""

    def __init__(self, columns: dict[str, str]) -> None:
        self.columns = columns
        all_columns = ", ".join(f'"{name}" {kind}' for name, kind in {**OWN_COLUMNS, **columns}.items())
        execute("DROP TABLE IF EXISTS pg_temp.import_rows")
        execute(f"CREATE TEMPORARY TABLE import_rows ({all_columns}) ON COMMIT DROP")

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """COPY rows of ``(line, cells as JSON, outcome, reason, id, *values)``, streaming."""
        names = ", ".join(
            f'"{name}"' for name in ("row_line", "row_cells", "row_outcome", "row_reason", "row_id", *self.columns)
        )
        with connection.cursor() as cursor, connection.wrap_database_errors:
            with cursor.copy(f"COPY import_rows ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        execute("CREATE UNIQUE INDEX ON import_rows (row_line)")
        execute("ANALYZE import_rows")  # nobody else does it for a temporary table

    def reject(self, condition: str, reason: str) -> None:
        """Reject the undecided rows for which an SQL condition holds; ``reason`` is SQL that gives the text."""
        execute(
            f"UPDATE import_rows SET row_outcome = 'rejected', row_reason = {reason} "
            f"WHERE row_outcome IS NULL AND ({condition})"
        )

    def settle(
        self,
        *,
        table: str,
        key: str,
        known: str,
        compared: dict[str, str],
        stored: dict[str, tuple[str, str]],
        unique: tuple[str, ...],
    ) -> None:
        """Decide what is repeated, there already, or in the way. What stays undecided can be written.

        known: the query for the records of ``table`` that have the key; the rest as in ``Target``.
        """
        self._find_repeats(key, compared)
        self._find_registered(key, known, stored)
        for name in unique:
            self._find_taken(name, table)
        # What repeats a rejected row has come to nothing as well.
        execute(
            """
            UPDATE import_rows AS this SET
                row_outcome = 'rejected', row_reason = 'as line ' || first.row_line || ': ' || first.row_reason
            FROM import_rows AS first
            WHERE this.row_outcome = 'repeated' AND first.row_line = this.row_first AND first.row_outcome = 'rejected'
            """
        )

    def _find_repeats(self, key: str, compared: dict[str, str]) -> None:
        of_first = f'OVER (PARTITION BY "{key}" ORDER BY row_line)'
        pairs = {name: (f'"{column}"', f'first_value("{column}") {of_first}') for name, column in compared.items()}
        self._decide(
            f"""
            SELECT row_line, first_line, differences, 'line ' || first_line || ' has the same {key} with other values: '
            FROM (
                SELECT row_line, first_value(row_line) {of_first} AS first_line, {_differences(pairs)} AS differences
                FROM import_rows WHERE row_outcome IS NULL
            ) AS rows WHERE row_line > first_line
            """,
            agreeing="repeated",
        )

    def _find_registered(self, key: str, known: str, stored: dict[str, tuple[str, str]]) -> None:
        pairs = {name: (f'this."{mine}"', f'known."{theirs}"') for name, (mine, theirs) in stored.items()}
        self._decide(
            f"""
            SELECT this.row_line, NULL::bigint, {_differences(pairs)}, 'already registered with other values: '
            FROM import_rows AS this JOIN ({known}) AS known ON known."{key}" = this."{key}"
            WHERE this.row_outcome IS NULL
            """,
            agreeing="there",
        )

    def _find_taken(self, name: str, table: str) -> None:
        taken = f'SELECT 1 FROM {table} AS known WHERE known."{name}" = import_rows."{name}"'
        self.reject(f"EXISTS ({taken})", f"'{name}: another of the {table} has it already'")
        execute(
            f"""
            UPDATE import_rows AS this SET
                row_outcome = 'rejected', row_reason = '{name}: line ' || first.line || ' has it already'
            FROM (
                SELECT "{name}", min(row_line) AS line FROM import_rows WHERE row_outcome IS NULL GROUP BY "{name}"
            ) AS first
            WHERE this.row_outcome IS NULL AND this."{name}" = first."{name}" AND this.row_line > first.line
            """
        )

    def _decide(self, comparison: str, *, agreeing: str) -> None:
        """comparison: SQL that gives ``line, first_line, differences`` (names, empty for none) and a reason's words."""
        execute(
            f"""
            UPDATE import_rows AS this SET
                row_outcome = CASE differences WHEN '' THEN '{agreeing}' ELSE 'rejected' END,
                row_reason = CASE WHEN differences <> '' THEN words || differences END,
                row_first = compared.first_line
            FROM ({comparison}) AS compared (line, first_line, differences, words)
            WHERE this.row_line = compared.line
            """
        )

    def insert(self, table: str, given: dict[str, str], defaults: dict[str, Any]) -> int:
        """Write the undecided rows into a table. given: ``{its column: SQL}``; defaults: ``{its column: value}``."""
        columns = ", ".join(f'"{name}"' for name in (*given, *defaults))
        values = ", ".join([*(sql.replace("%", "%%") for sql in given.values()), *(["%s"] * len(defaults))])
        return execute(
            f"INSERT INTO {table} ({columns}) "
            f"SELECT {values} FROM import_rows WHERE row_outcome IS NULL ORDER BY row_line",
            list(defaults.values()),
        )

    def finish(self) -> dict[str, int]:
        """All that was undecided has been written. The number of rows by outcome."""
        execute("UPDATE import_rows SET row_outcome = 'created' WHERE row_outcome IS NULL")
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_outcome, count(*) FROM import_rows GROUP BY row_outcome")
            counts = dict(cursor.fetchall())
        return {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}

    def drop(self) -> None:
        execute("DROP TABLE import_rows")

    def rejected(self) -> Iterator[tuple[int, str, list[str]]]:
        """``(line, reason, cells)`` of each rejected row, in the file's order."""
        last = 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT row_line, row_reason, row_cells FROM import_rows "
                    "WHERE row_outcome = 'rejected' AND row_line > %s ORDER BY row_line LIMIT %s",
                    [last, FETCHED],
                )
                found = cursor.fetchall()
            for last, reason, cells in found:
                yield last, reason, orjson.loads(cells)
            if len(found) < FETCHED:
                return


def _differences(pairs: dict[str, tuple[str, str]]) -> str:
    """SQL that gives the names of the pairs (of SQL) whose two values differ, with commas between them."""
    cases = [
        f"CASE WHEN {one} IS DISTINCT FROM {other} THEN {literal(name)} END" for name, (one, other) in pairs.items()
    ]
    return f"concat_ws(', ', {', '.join(cases)})" if cases else "''"
