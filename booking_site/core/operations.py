"""What every operation shares: one transaction, a retry where PostgreSQL asks for one, one translation of errors."""

import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import psycopg.errors
from django.db import DatabaseError, connection, models, transaction

from booking_site.core import signals
from booking_site.core.actor import Actor
from booking_site.core.errors import Busy, DomainError, PreconditionFailed, Unavailable, from_database
from booking_site.core.models import Record

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 5  # of a transaction that lost a deadlock or a serialization conflict, or must be repeated


class Repeat(Exception):
    """Raised within a transaction when what it stands on has changed meanwhile: it is rolled back, then run again."""


def operation(action: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function an operation: keyword-only with ``actor``, in one transaction, refusals announced.

    Database errors become domain errors. A domain error is announced by ``signals.refused`` after the rollback,
    so that the audit row of a refused operation survives it, and then raised.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return in_transaction(lambda: function(*args, **kwargs))
            except DomainError as error:
                subject = {name: str(value) for name, value in kwargs.items() if isinstance(value, uuid.UUID)}
                try:
                    signals.refused.send(sender=run, actor=kwargs["actor"], action=action, error=error, subject=subject)
                except DatabaseError:
                    if not isinstance(error, Unavailable):
                        raise
                    logger.exception("%s was refused, and the database that would keep a record of it is away", action)
                raise

        return run

    return decorate


def in_transaction(work: Callable[[], T]) -> T:
    """Run ``work`` in one transaction; repeat it when PostgreSQL says so; raise domain errors only."""
    attempt = 1
    while True:
        try:
            with transaction.atomic():
                return work()
        except Repeat as change:
            if attempt == ATTEMPTS or connection.in_atomic_block:
                raise Busy from change
            attempt += 1
        except DatabaseError as error:
            repeatable = isinstance(
                error.__cause__, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
            )
            if repeatable and attempt < ATTEMPTS and not connection.in_atomic_block:
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter: the losers shall not meet again
                attempt += 1
                continue
            translated = from_database(error)
            if translated is None:
                raise
            raise translated from error


def save_record(
    *,
    actor: Actor,
    instance: models.Model,
    fields: Iterable[str] | None = None,
    expected_versions: frozenset[str] | None = None,
) -> None:
    """Insert a plain record, or write ``fields`` of one that exists, and announce what changed, in one transaction.

    ``fields`` are the names that the caller has set: only they are written, over the locked row, so that what somebody
    else changed since the instance was read stays. ``expected_versions`` are the versions (see ``version_of``) that
    the caller would change; PreconditionFailed when the row has moved on.
    """
    if instance._state.adding:
        in_transaction(lambda: _insert(actor, instance))
    elif fields is None:
        raise TypeError("name the fields of the existing record that are to be written")
    else:
        names = [instance._meta.get_field(name).attname for name in fields]  # type: ignore[union-attr]
        in_transaction(lambda: _update(actor, instance, names, expected_versions))


def _insert(actor: Actor, instance: models.Model) -> None:
    instance.save(force_insert=True)
    changes = {
        field.attname: (None, getattr(instance, field.attname))
        for field in instance._meta.concrete_fields
        if not field.generated and field.name not in ("created_at", "updated_at")
    }
    signals.record_saved.send(sender=type(instance), actor=actor, instance=instance, changes=changes, created=True)


def _update(actor: Actor, instance: models.Model, names: list[str], expected_versions: frozenset[str] | None) -> None:
    model = type(instance)
    before = model._default_manager.select_for_update(no_key=True).get(pk=instance.pk)
    if isinstance(before, Record):
        before.check_changeable()
    check_version(before, expected_versions)
    changes = {
        name: (getattr(before, name), getattr(instance, name))
        for name in names
        if getattr(before, name) != getattr(instance, name)
    }
    if changes:
        instance.save(update_fields=[*changes, "updated_at"])
        signals.record_saved.send(sender=model, actor=actor, instance=instance, changes=changes, created=False)


def version_of(record: Any) -> str:
    """The version of a record: the microsecond of its last change. The ETag of the API is made of it."""
    moment = record["updated_at"] if isinstance(record, dict) else record.updated_at
    return f"{int(moment.timestamp() * 1_000_000):x}"


def check_version(record: Any, expected_versions: frozenset[str] | None) -> None:
    """PreconditionFailed unless the (locked) record is one of the versions that the caller expects."""
    if expected_versions is not None and version_of(record) not in expected_versions:
        raise PreconditionFailed
