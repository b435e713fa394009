"""The whole demo hospital, in one transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random

from django.db import OperationalError, connection, transaction

from booking_site.core.actor import command
from booking_site.core.errors import Conflict
from booking_site.core.signals import demo_loaded
from booking_site.demo import people, slots, visits
from booking_site.demo.hospital import Size

SETTINGS = (
    "SET LOCAL work_mem = '128MB'",
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET LOCAL jit = off",
    "SET LOCAL timezone = 'UTC'",
)
STAGED = "demo_plan, demo_seats, demo_patients, demo_days, demo_reasons"


@dataclass(frozen=True, slots=True)
class Built:
    departments: int
    doctors: int
    patients: int
    slots: int
    appointments: int


class NotEmpty(Conflict):
    code = "not_empty"


def build(
    *, size: Size, seed: int, now: datetime, begin: Callable[[int], object], advance: Callable[[int], object]
) -> Built:
    """Write the hospital into an empty database, all or nothing. The same arguments give the same rows.

    ``begin`` is told the number of slots, ``advance`` how many have been written since its last call. Raises NotEmpty
    when there is a patient, a doctor or a department already.
    """
    rng = Random(seed)  # noqa: S311 - repeatable on purpose
    with transaction.atomic():
        _claim_empty()
        demo_loaded.send(sender=build, actor=command("demo"), patients=size.patients)
        with connection.cursor() as cursor:
            for statement in SETTINGS:
                cursor.execute(statement)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # foreign keys are checked as we go, not all at the end
        identify = people.Identifiers(rng, now, expected=size.patients + 10_000)
        departments = people.write_departments(size, identify, now)
        clinicians = people.write_doctors(size, departments, rng, now)
        pools = people.write_patients(size, identify, rng, now)
        slots.write_visit_types(now)
        slots.write_schedules(slots.plan(size, clinicians, now), identify, now)
        seats = slots.stage_seats(seed, now)
        begin(seats)
        with _indexes_built_at_the_end("available_slots", "appointments"):
            slots.write_slots(seats, now, advance)
            appointments = visits.write_visits(seed, rng, now, departments, pools)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {STAGED}")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    _analyze()
    return Built(len(departments), len(clinicians), size.patients, seats, appointments)


def _claim_empty() -> None:
    """Keep everybody else from registering patients until the end; NotEmpty when somebody has."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("LOCK TABLE departments, doctors, patients IN EXCLUSIVE MODE")
        except OperationalError as error:
            raise NotEmpty("Somebody is writing into this database. The demo needs an empty one of its own.") from error
        for table in ("patients", "doctors", "departments"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            if count := cursor.fetchone()[0]:
                raise NotEmpty(
                    f"This database already holds {table} ({count}). The demo hospital goes into an empty database "
                    "only; nothing was written."
                )


@contextmanager
def _indexes_built_at_the_end(*tables: str) -> Iterator[None]:
    """Indexes that hold no constraint are dropped, and made again in one go at the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT indexname, indexdef FROM pg_indexes
            WHERE tablename = ANY (%s) AND schemaname = current_schema()
                AND indexname NOT IN (SELECT conname FROM pg_constraint) AND indexdef NOT LIKE 'CREATE UNIQUE %%'
            """,
            [list(tables)],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
    yield
    with connection.cursor() as cursor:
        for _, definition in indexes:
            cursor.execute(definition)


def _analyze() -> None:
    """Fresh statistics, and clean index pages: else the planner passes the trigram indexes by (VACUUM cannot run in
    a transaction)."""
    options = "ANALYZE" if connection.in_atomic_block else "VACUUM (ANALYZE)"
    with connection.cursor() as cursor:
        tables = "visit_types, departments, doctors, patients, schedules, closures, available_slots, appointments"
        cursor.execute(f"{options} {tables}")
