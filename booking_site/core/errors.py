"""Domain errors, and the one place where database errors become domain errors.

A domain error is plain Python: a ``code`` for programs, a message for people, the HTTP status that fits it.
The API turns it into problem+json, the console into a message, a command into a line on standard error.
"""

from functools import cache

import psycopg.errors
from django.apps import apps
from django.db import DatabaseError, DataError, InterfaceError, OperationalError
from django.db.models import BaseConstraint, UniqueConstraint
from django.utils.translation import gettext as _


class DomainError(Exception):
    """What went wrong and what to do next, in the language of the person, English for programs (see ``languages``).

    ``errors`` names single fields: ``[{"field", "code", "detail"}]``.
    """

    status_code = 400
    code = "invalid"
    retry_after: int | None = None  # seconds

    def __init__(self, detail: str, *, code: str | None = None, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors = errors or []


class Invalid(DomainError):
    status_code = 400


class NotAllowed(DomainError):
    status_code = 403
    code = "not_allowed"


class NotFound(DomainError):
    status_code = 404
    code = "not_found"


class Conflict(DomainError):
    status_code = 409
    code = "conflict"


class PreconditionFailed(DomainError):
    """Somebody else was faster. Told to people; the API has words of its own for programs (``api.errors.STALE``)."""

    status_code = 412
    code = "stale"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or _("Somebody else has changed this meanwhile. Look at it again, then repeat."))


class KeyReused(DomainError):
    status_code = 422
    code = "idempotency_key_reused"


class Busy(DomainError):
    """Somebody else is changing the same thing; nothing was written."""

    status_code = 409
    code = "busy"
    retry_after = 1

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or _("Somebody else is changing this right now. Try again in a moment."))


class Unavailable(DomainError):
    """The database cannot answer; nothing is known to be written. Safe to repeat with the same Idempotency-Key."""

    status_code = 503
    code = "unavailable"
    retry_after = 2

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or _("The database cannot be reached right now. Try again in a moment."))


@cache
def _constraints() -> dict[str, BaseConstraint]:
    return {constraint.name: constraint for model in apps.get_models() for constraint in model._meta.constraints}


# Django translates what psycopg says, but not when a cursor is closed.
DATABASE_ERRORS = (DatabaseError, psycopg.Error)


def from_database(error: DatabaseError | psycopg.Error) -> DomainError | None:
    """The domain error that a database error means; None when it is a bug of ours.

    Statuses by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if isinstance(cause, psycopg.errors.IntegrityError):  # class 23
        name = cause.diag.constraint_name or ""
        constraint = _constraints().get(name)
        if constraint is not None and constraint.violation_error_code:
            kind = Invalid if isinstance(cause, psycopg.errors.CheckViolation) else Conflict
            message, code = str(constraint.get_violation_error_message()), constraint.violation_error_code
            fields = constraint.fields if isinstance(constraint, UniqueConstraint) else ()
            errors = [{"field": field, "code": code, "detail": message} for field in fields if len(fields) == 1]
            return kind(message, code=code, errors=errors)
        if isinstance(cause, psycopg.errors.UniqueViolation):  # a primary key, or a table of another package
            return Conflict(_("There is one like this already."), code="duplicate")
        if isinstance(cause, psycopg.errors.ForeignKeyViolation):
            return Conflict(_("Something this refers to does not exist, or is still referred to."), code="reference")
        return None
    if isinstance(error, DataError):  # class 22, and what psycopg refuses to send: the value, not the server
        return Invalid(_("A value cannot be stored as it is."), code="invalid_value")
    if isinstance(cause, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
        return Busy()
    if isinstance(cause, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)):
        return Unavailable(_("Too many changes at once. Try again in a moment."))
    if isinstance(cause, psycopg.errors.ReadOnlySqlTransaction):  # the server has become a standby
        return Unavailable()
    if isinstance(error, (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)):
        return Unavailable()  # 53xxx, 57P0x, 08xxx and connections lost
    return None
