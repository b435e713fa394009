"""Profiles: small TOML files that say which column of a file means what. docs/importing.md describes them."""

import io
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booking_site.importing.errors import ImportRefused
from booking_site.importing.mapping import Mapping, parse_mapping

FOLDER = Path(__file__).parent / "profiles"
ENTITIES = ("departments", "doctors", "patients", "appointments")
NAME = re.compile(r"[A-Za-z0-9_-]{1,33}")  # "import:NAME" is the source of appointments, at most 40 characters
FILE_KEYS = {"encoding", "delimiter", "quote", "columns"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    """How the file is written. ``columns``: the names of its columns when it has no header of its own."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """What a profile says of one entity. ``derived`` columns are made of others and read like them."""

    entity: str
    profile: str
    fields: dict[str, Mapping]
    derived: dict[str, Mapping]
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    name: str
    file: FileFormat
    tables: dict[str, Table]

    def table(self, entity: str) -> Table:
        if entity not in self.tables:
            has = ", ".join(self.tables) or "nothing"
            raise ImportRefused(f"The profile {self.name} has no [{entity}]: it describes {has}.")
        return self.tables[entity]


def available() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name_or_path: str) -> Profile:
    """The project's profile of that name, or the user's own at that path. Raises ImportRefused."""
    path = FOLDER / f"{name_or_path}.toml" if NAME.fullmatch(name_or_path) else Path(name_or_path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImportRefused(
            f"There is no profile {name_or_path} ({error.strerror}). Known: {', '.join(available())}; "
            "or give the path of a .toml file of your own."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImportRefused(f"The profile {path} cannot be read: {error}.") from error
    if not NAME.fullmatch(path.stem):
        raise ImportRefused(f"A profile's file name holds letters, digits, - and _, at most 33: {path.stem!r}.")
    return _profile(path.stem, data)


def _profile(name: str, data: dict[str, Any]) -> Profile:
    if unknown := sorted(set(data) - {"description", "file", *ENTITIES}):
        raise ImportRefused(
            f"Profile {name}: unknown {', '.join(unknown)}. Known: description, file, {', '.join(ENTITIES)}."
        )
    tables = {}
    for entity in ENTITIES:
        if entity in data:
            given = dict(_table(f"Profile {name}, [{entity}]", data[entity]))
            fields = dict(_mappings(f"Profile {name}, {entity}.fields", given.pop("fields", {})))
            derived = dict(_mappings(f"Profile {name}, {entity}.derived", given.pop("derived", {})))
            tables[entity] = Table(entity=entity, profile=name, fields=fields, derived=derived, options=given)
    return Profile(name=name, file=_file_format(name, data.get("file", {})), tables=tables)


def _table(where: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ImportRefused(f"{where} must be a table.")
    return given


def _mappings(where: str, given: Any) -> Iterator[tuple[str, Mapping]]:
    for field, mapping in _table(where, given).items():
        yield field, parse_mapping(f"{where}.{field}", mapping)


def _file_format(name: str, given: Any) -> FileFormat:
    where = f"Profile {name}, [file]"
    if unknown := sorted(set(_table(where, given)) - FILE_KEYS):
        raise ImportRefused(f"{where}: unknown {', '.join(unknown)}. Known: {', '.join(sorted(FILE_KEYS))}.")
    columns = given.get("columns", [])
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise ImportRefused(f"{where}: columns is a list of names.")
    if len(set(columns)) != len(columns):
        raise ImportRefused(f"{where}: each column needs a name of its own.")
    file = FileFormat(**{**given, "columns": tuple(columns)})
    for key, text in (("delimiter", file.delimiter), ("quote", file.quote)):
        if not isinstance(text, str) or len(text) != 1 or text in "\r\n":
            raise ImportRefused(f"{where}: {key} is one character.")
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=file.encoding)  # knows text encodings from others, such as hex
    except (LookupError, TypeError) as error:
        raise ImportRefused(f"{where}: there is no encoding {file.encoding!r}.") from error
    return file
