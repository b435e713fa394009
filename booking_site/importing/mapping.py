"""The language of profiles: where a field's value comes from.

A mapping is a column's name, or a table with one source (``column``, ``constant``, ``template``, ``join``) and what is
done with its text, in this order: ``blank`` (texts that mean "not given"), ``values`` and ``otherwise`` (codes into
values), ``remove`` (characters left out), ``format`` (how dates and times are written).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from booking_site.importing.errors import ImportRefused, RowRejected

Value = str | bool | int
Cells = list[str]

SOURCES = ("column", "constant", "template", "join")
PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """One mapping, checked. ``columns`` are the names that it reads."""

    kind: str  # one of SOURCES
    source: Any
    columns: tuple[str, ...]
    separator: str = " "
    blank: frozenset[str] = frozenset()
    values: dict[str, Value] | None = None
    otherwise: Value | None = None
    remove: str = ""
    formats: tuple[str, ...] = ()


def parse_mapping(where: str, given: Any) -> Mapping:
    """A mapping as TOML gives it. ``where`` names it in messages. Raises ImportRefused."""
    if isinstance(given, str):
        given = {"column": given}
    if not isinstance(given, dict):
        raise ImportRefused(f'{where} must be a column\'s name in quotes, or a table such as {{ column = "Name" }}.')
    kinds = [kind for kind in SOURCES if kind in given]
    if len(kinds) != 1:
        raise ImportRefused(f"{where} needs exactly one of {', '.join(SOURCES)}.")
    kind = kinds[0]
    known = {kind, "blank", "values", "otherwise", "remove", "format"} | ({"with"} if kind == "join" else set())
    if unknown := sorted(set(given) - known):
        raise ImportRefused(f"{where}: unknown {', '.join(unknown)}. Known here: {', '.join(sorted(known))}.")
    source = given[kind]
    if kind == "constant":
        _require(isinstance(source, Value), where, "constant is a text, a number, true or false")
        columns: tuple[str, ...] = ()
    elif kind == "join":
        _require(_texts(source) and len(source) > 0, where, "join is a list of columns")
        columns = tuple(source)
    else:
        _require(isinstance(source, str), where, f"{kind} is a text")
        columns = tuple(PLACE.findall(source)) if kind == "template" else (source,)
        _require(bool(columns), where, "template names at least one column in {braces}")
    values = given.get("values")
    _require(values is None or _value_map(values), where, 'values is a table such as { Yes = "no_show" }')
    _require("otherwise" not in given or values is not None, where, "otherwise needs values")
    _require(isinstance(given.get("otherwise", ""), Value), where, "otherwise is a text, a number, true or false")
    _require(_texts(given.get("blank", [])), where, "blank is a list of texts")
    _require(isinstance(given.get("remove", ""), str), where, "remove is a text")
    _require(isinstance(given.get("with", ""), str), where, "with is a text")
    formats = given.get("format", [])
    formats = [formats] if isinstance(formats, str) else formats
    _require(_texts(formats), where, 'format is a text such as "%d.%m.%Y", or a list of them')
    return Mapping(
        kind=kind,
        source=source,
        columns=columns,
        separator=given.get("with", " "),
        blank=frozenset(given.get("blank", ())),
        values=values,
        otherwise=given.get("otherwise"),
        remove=given.get("remove", ""),
        formats=tuple(formats),
    )


def _require(holds: bool, where: str, rule: str) -> None:
    if not holds:
        raise ImportRefused(f"{where}: {rule}.")


def _texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(item, str) for item in given)


def _value_map(given: Any) -> bool:
    return isinstance(given, dict) and all(isinstance(value, Value) for value in given.values())


def source_of(mapping: Mapping, readers: dict[str, Callable[[Cells], str]]) -> Callable[[Cells], Value]:
    """The function that takes a mapping's source text out of a row. ``readers``: how each column is read."""
    if mapping.kind == "constant":
        constant = mapping.source
        return lambda cells: constant
    columns = [readers[name] for name in mapping.columns]
    if mapping.kind == "column":
        return columns[0]
    if mapping.kind == "join":
        return lambda cells: mapping.separator.join(text for column in columns if (text := column(cells)))

    pieces = PLACE.split(mapping.source)  # text, name, text, name, ..., text

    def fill(cells: Cells) -> str:
        """Blank as soon as one column is: "NPI-" would be nobody's number."""
        texts = [column(cells) for column in columns]
        if not all(texts):
            return ""
        return "".join(piece if i % 2 == 0 else texts[i // 2] for i, piece in enumerate(pieces))

    return fill


def translated(mapping: Mapping, text: Value) -> Value:
    """The text after ``blank``, ``values`` and ``remove``. Raises RowRejected for a code that ``values`` lacks."""
    if not isinstance(text, str):
        return text
    if text in mapping.blank:
        text = ""
    if mapping.values is not None:
        if text in mapping.values:
            return mapping.values[text]
        if mapping.otherwise is not None:
            return mapping.otherwise
        if text:
            known = ", ".join(code or '""' for code in mapping.values)
            raise RowRejected(f"{text[:60]!r} is none of the values that the profile knows: {known}")
    if mapping.remove:
        text = text.translate({ord(character): None for character in mapping.remove})
    return text
