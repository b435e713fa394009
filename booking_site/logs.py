"""Logs that can be kept: what failed and where, never whom it was about."""

import logging
import traceback
from types import TracebackType
from typing import TypeAlias

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.db import InterfaceError, OperationalError

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# Errors of the installation. The messages of all others may quote what a client sent or what a row holds
# (PostgreSQL's "Failing row contains (...)" does), and are left out; so are local variables.
TELLING = (ImproperlyConfigured, InterfaceError, OperationalError, OSError, ImportError)


REFUSALS = "django.security."


class PrivateFormatter(logging.Formatter):
    """One line and a trace: the places in the code, the kinds of the errors, the SQLSTATE and constraint if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Why Django refused a request may quote what the client sent: the kind of refusal is the logger's name. The
        host that somebody asked for is told, for a name that is missing in ALLOWED_HOSTS looks like that too."""
        if record.name.startswith(REFUSALS) and record.name != f"{REFUSALS}DisallowedHost":
            record = logging.makeLogRecord(
                record.__dict__ | {"msg": "A request was refused.", "args": (), "exc_text": None}
            )
        return super().format(record)

    def formatException(self, ei: ExcInfo) -> str:
        error = ei[1]
        if error is None or isinstance(error, SuspiciousOperation):
            return ""  # a request for another host and the like: one line is enough
        chain: list[BaseException] = []
        while error is not None and error not in chain:
            chain.insert(0, error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join("".join(traceback.format_tb(error.__traceback__)) + describe(error) for error in chain)


def describe(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    facts = [kind]
    if sqlstate := getattr(error, "sqlstate", None):
        facts.append(f"SQLSTATE {sqlstate}")
    if constraint := getattr(getattr(error, "diag", None), "constraint_name", None):
        facts.append(f"constraint {constraint}")
    if isinstance(error, TELLING):
        facts.append(str(error))
    return ": ".join(facts)
