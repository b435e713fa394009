"""What every operation shares: one transaction, a retry where PostgreSQL asks for one, one translation of errors."""

import random
import time
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import psycopg.errors
from django.db import DatabaseError, connection, models, transaction

from booking_site.core import signals
from booking_site.core.actor import Actor
from booking_site.core.errors import DomainError, PreconditionFailed, from_database

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 5  # of a transaction that lost a deadlock or a serialization conflict


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
                signals.refused.send(sender=run, actor=kwargs["actor"], action=action, error=error, subject=subject)
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
        except DatabaseError as error:
            repeatable = isinstance(
                error.__cause__, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
            )
            if repeatable and attempt < ATTEMPTS and not connection.in_atomic_block:
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # jitter, so that the losers do not meet again
                attempt += 1
                continue
            translated = from_database(error)
            if translated is None:
                raise
            raise translated from error


def save_record(*, actor: Actor, instance: models.Model, expected_versions: frozenset[str] | None = None) -> None:
    """Insert or update a plain record and announce what changed, in one transaction.

    Only the changed fields are written, over the locked row. ``expected_versions`` are the versions (see ``version_of``)
    that the caller would change; PreconditionFailed when the row has moved on.
    """
    in_transaction(lambda: _save_record(actor, instance, expected_versions))


def _save_record(actor: Actor, instance: models.Model, expected_versions: frozenset[str] | None) -> None:
    model = type(instance)
    names = [
        field.attname
        for field in model._meta.concrete_fields
        if not field.generated and field.name not in ("created_at", "updated_at")
    ]
    before: Any = None
    if not instance._state.adding:
        before = model._default_manager.select_for_update(no_key=True).get(pk=instance.pk)
        check_version(before, expected_versions)
    changes = {
        name: (getattr(before, name, None), getattr(instance, name))
        for name in names
        if before is None or getattr(before, name) != getattr(instance, name)
    }
    if before is None:
        instance.save(force_insert=True)
    elif changes:
        instance.save(update_fields=[*changes, "updated_at"])
    else:
        return
    signals.record_saved.send(sender=model, actor=actor, instance=instance, changes=changes, created=before is None)


def version_of(record: Any) -> str:
    """The version of a record: the microsecond of its last change. The ETag of the API is made of it."""
    moment = record["updated_at"] if isinstance(record, dict) else record.updated_at
    return f"{int(moment.timestamp() * 1_000_000):x}"


def check_version(record: Any, expected_versions: frozenset[str] | None) -> None:
    """PreconditionFailed unless the (locked) record is one of the versions that the caller expects."""
    if expected_versions is not None and version_of(record) not in expected_versions:
        raise PreconditionFailed
