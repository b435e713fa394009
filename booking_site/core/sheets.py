"""CSV that people open with a spreadsheet: a text is never a formula, and a number stays a number.

A text that a spreadsheet could take for a formula gets an apostrophe in front (OWASP, "CSV Injection"): one that begins
with = + - @, with a tab or a line end, or with the full-width forms of these signs, also behind spaces and quotation
marks. ``as_written`` takes the apostrophe off again; no other text changes on the way there and back. Texts are quoted,
so that the separator of another country does not cut them in two.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

FORMULA = re.compile(r"[\s'\"\ufeff]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
GUARD = "'"


class Lines:
    """Makes the lines of one file, each with its end (RFC 4180). None is an empty cell; what is neither a number nor a
    text is written as ``str`` says."""

    def __init__(self, *, delimiter: str = ",", quote: str = '"') -> None:
        self._text = ""
        self._header = csv.writer(self, delimiter=delimiter, quotechar=quote)
        self._row = csv.writer(self, delimiter=delimiter, quotechar=quote, quoting=csv.QUOTE_NONNUMERIC)

    def write(self, text: str) -> None:
        """What the writers of the csv module call."""
        self._text = text

    def header(self, names: Iterable[str]) -> str:
        self._header.writerow(map(safe_cell, names))
        return self._text

    def row(self, values: Iterable[Any]) -> str:
        self._row.writerow(map(safe_cell, values))
        return self._text


def write_rows(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The lines of the file, one at a time: for a streamed answer as for ``"".join``."""
    lines = Lines()
    yield lines.header(header)
    for row in rows:
        yield lines.row(row)


def safe_cell(value: Any) -> Any:
    """A value as it may stand in a cell. Numbers are left alone, also those below zero."""
    if value is None:
        return ""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        text = str(value)
        return GUARD + text if FORMULA.match(text) else text
    return value


def as_written(cell: str) -> str:
    """The text of a cell of ours, without the apostrophe."""
    return cell[1:] if cell.startswith(GUARD) and FORMULA.match(cell, 1) else cell
