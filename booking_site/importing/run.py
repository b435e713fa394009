"""One import, from a file to records: everything in one transaction, all or nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from django.db import connection, transaction

from booking_site.core import signals
from booking_site.core.actor import Actor
from booking_site.core.ids import uuid7
from booking_site.core.operations import operation
from booking_site.importing.errors import ImportRefused, RowRejected
from booking_site.importing.profile import load_profile
from booking_site.importing.reading import Row, Source
from booking_site.importing.rejects import RejectsFile, RejectsOnScreen
from booking_site.importing.staging import Staging, execute
from booking_site.importing.target import Target, row_reader, unused_columns

MANY = 1000  # new rows after which the planner needs new statistics, and search indexes want tidying


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """``counts`` by outcome add up to ``read``. ``sha256`` (hex) is that of the file's bytes."""

    read: int
    counts: dict[str, int]
    blank_lines: int
    unused: list[str]
    sha256: str


def import_file(
    *,
    actor: Actor,
    kind: type[Target],
    path: Path,
    profile_name: str,
    rejects: Path | None,
    show: Callable[[str], object],
    advance: Callable[[int], object] = lambda count: None,
    dry_run: bool = False,
) -> Report:
    """Import a file by a profile of the project (its name) or of the user's own (its path).

    rejects: where rejected rows are written; without it, the first go to ``show``, a line each.
    advance: told the number of bytes read, again and again. With ``dry_run`` everything is done and then taken back.
    Raises ImportRefused and the domain errors of the constraints; nothing is written then.
    """

    def work(*, actor: Actor) -> Report:
        profile = load_profile(profile_name)
        table = profile.table(kind.entity)
        with Source(path, profile.file, advance) as source:
            target = kind(table, actor)
            read = row_reader(target, source.columns, file_stem(path))
            reject = RejectsFile(rejects, path, profile.file, source.columns) if rejects else RejectsOnScreen(show)
            with reject:
                target.prepare()
                staging = Staging(target.staged())
                staging.fill(_staged(source.rows(), read, tuple(staging.columns)))
                counts = _write(target, staging)
                for line, reason, cells in staging.rejected():
                    reject(line, reason, cells)
                staging.drop()
                report = Report(
                    read=sum(counts.values()),
                    counts=counts,
                    blank_lines=source.blank_lines,
                    unused=unused_columns(table, source.columns),
                    sha256=source.sha256,
                )
                signals.records_imported.send(
                    sender=kind.model,
                    actor=actor,
                    entity=kind.entity,
                    profile=profile.name,
                    file=path.name,
                    sha256=report.sha256,
                    counts={"read": report.read, **counts},
                )
        if dry_run:
            transaction.set_rollback(True)
        return report

    report = operation(f"{kind.entity}.imported")(work)(actor=actor)
    if report.counts["created"] >= MANY and not dry_run and not connection.in_atomic_block:
        execute(f"VACUUM (ANALYZE) {kind.model._meta.db_table}")
    return report


def file_stem(path: Path) -> str:
    """What a profile knows as ``@file``: the file's name without its ending (``.csv``, ``.csv.gz``)."""
    return path.name.removesuffix(".gz").removesuffix(".csv")


def _staged(
    rows: Iterator[Row], read: Callable[[Row], dict[str, Any]], columns: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    nothing = (None,) * len(columns)
    for row in rows:
        try:
            cells = orjson.dumps(row.cells).decode()
        except orjson.JSONEncodeError as error:
            raise ImportRefused(f"Line {row.line} holds half a character: the encoding is not the file's.") from error
        try:
            values = read(row)
        except RowRejected as rejection:
            yield (row.line, cells, "rejected", str(rejection), None, *nothing)
        else:
            yield (row.line, cells, None, None, uuid7(), *[values[name] for name in columns])


def _write(target: Target, staging: Staging) -> dict[str, int]:
    target.resolve(staging)
    staging.settle(
        table=target.model._meta.db_table,
        key=target.key,
        compared=target.compared(),
        stored=target.stored(),
        known=target.known(),
        unique=tuple(name for name in target.unique if name in target.mapped and name != target.key),
    )
    written = target.write(staging)
    counts = staging.finish()
    if counts["created"] != written:
        raise ImportRefused(
            f"{counts['created'] - written} of {counts['created']} new rows were registered by somebody else at the "
            "same moment. Nothing was written; run the import again."
        )
    return counts
