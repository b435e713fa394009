"""Where rejected rows go: a CSV file that can be mended and imported again, or the first of them to the screen."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from booking_site.core.sheets import Lines
from booking_site.importing.errors import ImportRefused
from booking_site.importing.profile import FileFormat
from booking_site.importing.reading import REJECTS

SHOWN = 20  # rows on the screen


class RejectsFile:
    """``line, reason`` and the row itself, written as the source is: same encoding, delimiter and columns. No cell is a
    formula (``core.sheets``); ``Source`` knows these files and reads the cells as they were. The file stands in its
    place only when the run is through."""

    def __init__(self, path: Path, source: Path, file: FileFormat, columns: list[str]) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        if path.exists() and path.samefile(source):
            raise ImportRefused("--rejects names the file that is being imported.")
        try:
            # newline="": the csv module writes its own line ends. Only a reason can hold what the encoding lacks.
            self._text = open(  # noqa: SIM115 - closed by __exit__
                self.part, "w", encoding=file.encoding, errors="backslashreplace", newline=""
            )
        except OSError as error:
            raise ImportRefused(f"{path} cannot be written: {error.strerror}.") from error
        self._lines = Lines(delimiter=file.delimiter, quote=file.quote)
        self._text.write(self._lines.header([*REJECTS, *columns]))

    def __call__(self, line: int, reason: str, cells: list[str]) -> None:
        self._text.write(self._lines.row([line, reason, *cells]))

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()
        if error is None:
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)


class RejectsOnScreen:
    """The first rows as lines of text; the rest as a number."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self.show = show
        self.count = 0

    def __call__(self, line: int, reason: str, cells: list[str]) -> None:
        self.count += 1
        if self.count <= SHOWN:
            row = io.StringIO()
            csv.writer(row, lineterminator="").writerow(cells)
            self.show(f"line {line}: {reason}\n    {row.getvalue()}".replace("\0", "\\0"))

    def __enter__(self) -> "RejectsOnScreen":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.count > SHOWN:
            self.show(f"... and {self.count - SHOWN:,} more rejected rows: --rejects FILE writes them all.")
