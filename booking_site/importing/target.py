"""What can be imported: the fields that a profile may map, and the rules that make a record of their values.

``Target`` is all that departments and patients need; doctors and appointments say more in their own apps.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection, models

from booking_site.core.actor import Actor
from booking_site.importing.errors import ImportRefused, RowRejected
from booking_site.importing.mapping import Cells, Value, source_of
from booking_site.importing.profile import Table
from booking_site.importing.reading import Row
from booking_site.importing.staging import Staging
from booking_site.importing.values import cleaner


def fields_of(model: type[models.Model], *names: str) -> dict[str, models.Field]:
    return {name: model._meta.get_field(name) for name in names}  # type: ignore[misc]


class Target:
    """One run's destination. A subclass per entity sets the class attributes, and overrides what it does its own way.

    ``keys``: fields by which a record is known, best first; the first that the profile maps is the key of the run.
    ``unique``: fields of which no two records may have the same value, besides the key.
    ``fields``: by the name used in profiles, the model field whose type and validators hold for it.
    """

    entity: str
    model: type[models.Model]
    keys: tuple[str, ...]
    required: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    fields: dict[str, models.Field]
    options: frozenset[str] = frozenset()

    def __init__(self, table: Table, actor: Actor) -> None:
        self.table = table
        self.actor = actor
        self.mapped = tuple(table.fields)
        where = f"Profile {table.profile}, [{table.entity}]"
        if unknown := sorted(set(table.options) - self.options):
            raise ImportRefused(f"{where}: unknown {', '.join(unknown)}.")
        if unknown := sorted(set(self.mapped) - set(self.fields)):
            raise ImportRefused(
                f"{where}: {self.entity} have no {', '.join(unknown)}. Known fields: {', '.join(self.fields)}."
            )
        key = next((name for name in self.keys if name in self.mapped), None)
        if key is None:
            raise ImportRefused(f"{where}: map {' or '.join(self.keys)}, by which a second import knows the record.")
        if missing := [name for name in self.required if name not in self.mapped]:
            raise ImportRefused(f"{where}: map {', '.join(missing)} as well.")
        self.key = key

    def prepare(self) -> None:
        """Read or write what the rows will refer to, before the first is read."""

    def staged(self) -> dict[str, str]:
        """The columns of the staging table, ``{name: SQL type}``: by default the mapped fields themselves."""
        return {name: self.fields[name].db_type(connection) or "text" for name in self.mapped}

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        """The staged values of a row, given the clean values of its fields. Raises RowRejected for what fields alone
        cannot tell."""
        return values

    def resolve(self, staging: Staging) -> None:
        """Find what the staged rows refer to; reject those that refer to nothing."""

    def compared(self) -> dict[str, str]:
        """What two rows of one key must agree in: ``{name for people: staging column}``."""
        return {name: name for name in self.mapped if name != self.key}

    def stored(self) -> dict[str, tuple[str, str]]:
        """What a row and the record it stands for must agree in: ``{name: (staging column, table column)}``."""
        return {name: (name, name) for name in self.mapped if name != self.key}

    def known(self) -> str:
        """The query for the records that rows are compared with."""
        return f"SELECT * FROM {self.model._meta.db_table}"

    def write(self, staging: Staging) -> int:
        """Insert the rows that are left, and return how many. What the profile does not map takes its default."""
        defaults: dict[str, Any] = {}
        given: dict[str, str] = {}
        for field in self.model._meta.concrete_fields:
            if field.generated:
                continue
            if (column := self.inserted(field)) is not None:
                given[str(field.column)] = column
            else:
                defaults[str(field.column)] = field.get_default()
        return staging.insert(self.model._meta.db_table, given, defaults)

    def inserted(self, field: models.Field) -> str | None:
        """The SQL that gives the column of a new record; None for the field's default."""
        if field.name in ("created_at", "updated_at"):
            return "now()"
        if field.primary_key and isinstance(field, models.UUIDField):
            return "row_id"
        return f'"{field.column}"' if field.name in self.mapped else None


def row_reader(target: Target, columns: list[str], file_name: str) -> Callable[[Row], dict[str, Any]]:
    """The function that makes a row's staged values of its cells. It raises RowRejected with all that is wrong.

    Raises ImportRefused when the profile reads columns that the file has not.
    """
    table = target.table
    readers: dict[str, Callable[[Cells], str]] = {"@file": lambda cells: file_name}
    for place, name in reversed(list(enumerate(columns))):
        readers[name] = lambda cells, place=place: cells[place]  # type: ignore[misc]
    for name, mapping in table.derived.items():
        _require_columns(target, columns, readers, f"derived.{name}", mapping.columns)
        derive = source_of(mapping, readers)
        clean = cleaner(name, models.TextField(blank=True), mapping)
        readers[name] = lambda cells, derive=derive, clean=clean: clean(derive(cells))  # type: ignore[misc]
    steps: list[tuple[str, Callable[[Cells], Value], Callable[[Value], Any]]] = []
    for name, mapping in table.fields.items():
        _require_columns(target, columns, readers, f"fields.{name}", mapping.columns)
        steps.append((name, source_of(mapping, readers), cleaner(name, target.fields[name], mapping)))

    def read(row: Row) -> dict[str, Any]:
        if row.problem:
            raise RowRejected(row.problem)
        values: dict[str, Any] = {}
        problems: list[str] = []
        for name, source, clean in steps:
            try:
                values[name] = clean(source(row.cells))
            except RowRejected as rejection:
                problems.append(str(rejection))
        if target.key in values and values[target.key] in ("", None):
            problems.append(f"{target.key}: is blank; without it the record could not be found again")
        if problems:
            raise RowRejected("; ".join(dict.fromkeys(problems)))
        return target.check(values)

    return read


def _require_columns(
    target: Target, columns: list[str], readers: dict[str, Any], where: str, wanted: tuple[str, ...]
) -> None:
    where = f"Profile {target.table.profile}, {target.entity}.{where}"
    if missing := [name for name in wanted if name not in readers]:
        raise ImportRefused(
            f"{where} reads the column {', '.join(missing)}, which the file does not have. "
            f"It has: {', '.join(columns)}."
        )
    if twice := [name for name in wanted if columns.count(name) > 1]:
        raise ImportRefused(f"{where} reads the column {', '.join(twice)}, which the file has more than once.")


def unused_columns(table: Table, columns: list[str]) -> list[str]:
    """The columns of the file that this import does not read."""
    mappings = [*table.fields.values(), *table.derived.values()]
    used = {name for mapping in mappings for name in mapping.columns}
    return [name for name in columns if name not in used]
