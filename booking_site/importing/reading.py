"""The rows of a CSV file, one at a time, each with the number of its line. Nothing is skipped but blank lines."""

import csv
import gzip
import hashlib
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from booking_site.core.sheets import as_written
from booking_site.importing.errors import ImportRefused
from booking_site.importing.profile import FileFormat

REJECTS = ("line", "reason")  # the columns that a file of rejected rows begins with


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in the file. ``line``: of its beginning, from 1. ``problem``: why it is no row of the table;
    ``cells`` then holds what could be read, the whole line if need be."""

    line: int
    cells: list[str]
    problem: str = ""


class _Fingerprint(io.RawIOBase):
    """The bytes of the file as they are read: hashed, and counted for the progress bar."""

    def __init__(self, raw: io.RawIOBase, advance: Callable[[int], object]) -> None:
        self.raw = raw
        self.advance = advance
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        count = self.raw.readinto(buffer) or 0
        self.digest.update(buffer[:count])
        self.advance(count)
        return count

    def close(self) -> None:
        self.raw.close()
        super().close()


class _Lines:
    """The lines of a text, remembering those of the current row so that they can be given back."""

    def __init__(self, text: Iterator[str]) -> None:
        self.text = text
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.waiting.popleft() if self.waiting else next(self.text)
        self.taken.append(line)
        return line

    def give_back_all_but_first(self) -> None:
        self.waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


class Source:
    """A CSV file, plain or gzipped. ``columns`` are the names of its columns, in order and without spaces around them;
    ``sha256`` (hex, of the file's bytes) and ``blank_lines`` are known once ``rows()`` is through."""

    def __init__(self, path: Path, file: FileFormat, advance: Callable[[int], object] = lambda count: None) -> None:
        self.path = path
        self.file = file
        self.blank_lines = 0
        self._is_rejects = False
        try:
            self._bytes = _Fingerprint(open(path, "rb", buffering=0), advance)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from error
        stream = io.BufferedReader(self._bytes, 1 << 16)
        try:
            if stream.peek(2)[:2] == b"\x1f\x8b":
                stream = io.BufferedReader(gzip.GzipFile(fileobj=stream), 1 << 16)  # type: ignore[arg-type]
            # newline="": the csv module wants to see line ends as they are
            self._text = io.TextIOWrapper(stream, encoding=file.encoding, errors="strict", newline="")
            self._records = self._read_records()
            self.columns = list(file.columns) or self._header()
            self._is_rejects = tuple(self.columns[:2]) == REJECTS
        except OSError as error:
            raise ImportRefused(f"{path} cannot be read: {error.strerror or error}.") from error

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bytes.close()

    @property
    def sha256(self) -> str:
        return self._bytes.digest.hexdigest()

    def rows(self) -> Iterator[Row]:
        """The rows after the header. Raises ImportRefused when the bytes are not what the profile says."""
        return self._records

    def _header(self) -> list[str]:
        header = next(self._records, None)
        if header is None:
            raise ImportRefused(f"{self.path} is empty: there is not even a header.")
        if header.problem:
            raise ImportRefused(f"The header of {self.path} cannot be read: {header.problem}.")
        return [name.strip() or f"(unnamed {place})" for place, name in enumerate(header.cells, start=1)]

    def _read_records(self) -> Iterator[Row]:
        lines = _Lines(iter(self._text))
        reader = self._reader(lines)
        line = 1
        while True:
            lines.taken.clear()
            problem = ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem, cells = f"not readable as CSV ({error})", []
            except (UnicodeDecodeError, EOFError, zlib.error, OSError) as error:
                raise self._unreadable(error, line + len(lines.taken)) from error
            width = len(getattr(self, "columns", cells))
            if not problem and len(cells) != width and cells:
                problem = f"{len(cells)} columns where the table has {width}"
            if problem and (len(lines.taken) > 1 or not cells):
                # A quotation mark left open has swallowed good rows: only its own line is to blame.
                if len(lines.taken) > 1:
                    problem = "a quotation mark is opened and not closed where a value ends"
                lines.give_back_all_but_first()
                reader = self._reader(lines)
                cells = [lines.taken[0].rstrip("\r\n")]
            if cells:
                yield Row(line, self._as_written(cells), problem)
            else:
                self.blank_lines += len(lines.taken)
            line += len(lines.taken)

    def _as_written(self, cells: list[str]) -> list[str]:
        """A file of rejected rows comes from a spreadsheet, where no cell was to be a formula."""
        return [as_written(cell) for cell in cells] if self._is_rejects else cells

    def _reader(self, lines: _Lines) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self.file.delimiter, quotechar=self.file.quote, strict=True)

    def _unreadable(self, error: Exception, line: int) -> ImportRefused:
        if isinstance(error, UnicodeDecodeError):
            return ImportRefused(
                f"{self.path} is not {self.file.encoding}: byte 0x{error.object[error.start]:02x} in or after line "
                f"{line} ({error.reason}). Name the file's encoding under [file] in the profile."
            )
        return ImportRefused(f"{self.path} is damaged after line {line}: {error}.")
