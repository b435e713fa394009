"""Logs that can be kept: what failed and where, never whom it was about. As text for people, or a line of JSON each."""

import contextlib
import json
import logging
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeAlias

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.db import InterfaceError, OperationalError

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# Errors of the installation. The messages of all others may quote what a client sent or what a row holds
# (PostgreSQL's "Failing row contains (...)" does), and are left out; so are local variables.
TELLING = (ImproperlyConfigured, InterfaceError, OperationalError, OSError, ImportError)
REFUSALS = "django.security."
NO_REQUEST = "-"

_request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)


@contextlib.contextmanager
def of_request(request_id: str) -> Iterator[None]:
    """What is logged within is of this request."""
    before = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(before)


class PrivateFormatter(logging.Formatter):
    """One line and a trace: the places in the code, the kinds of the errors, the SQLSTATE and constraint if any."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(self.prepared(record))

    def prepared(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record as it may be told, with the id of its request: Django tells of failed answers after the request.

        Why Django refused a request may quote what the client sent: the kind of refusal is the logger's name. The host
        that somebody asked for is told, for a name that is missing in ALLOWED_HOSTS looks like that too."""
        request = getattr(record, "request", None)
        request_id = getattr(request, "request_id", None) or _request_id.get()
        changes: dict[str, Any] = {"request_id": request_id, "exc_text": None}  # other handlers may have told all there
        if record.name.startswith(REFUSALS) and record.name != f"{REFUSALS}DisallowedHost":
            changes |= {"msg": "A request was refused.", "args": ()}
        return logging.makeLogRecord(record.__dict__ | changes)

    def formatException(self, ei: ExcInfo) -> str:
        errors = chain(ei)
        return "\n".join("".join(traceback.format_tb(error.__traceback__)) + describe(error) for error in errors)


class JsonFormatter(PrivateFormatter):
    """The same as one object on one line. What a caller gives as ``extra={"fields": {...}}`` becomes keys of it."""

    def format(self, record: logging.LogRecord) -> str:
        record = self.prepared(record)
        record.message = record.getMessage()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.formatMessage(record),
            "process": record.process,
        }
        if record.request_id != NO_REQUEST:  # type: ignore[attr-defined]
            line["request_id"] = record.request_id  # type: ignore[attr-defined]
        line |= getattr(record, "fields", {})
        if errors := chain(record.exc_info) if record.exc_info else []:
            line["errors"] = [facts(error) | {"places": places(error)} for error in errors]
        return json.dumps(line, ensure_ascii=False, default=str)


def chain(exc_info: ExcInfo) -> list[BaseException]:
    """The error and what it came of, the first one first; none of a request for another host and the like, for which
    one line is enough."""
    error = exc_info[1]
    errors: list[BaseException] = []
    if isinstance(error, SuspiciousOperation):
        return errors
    while error is not None and error not in errors:
        errors.insert(0, error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return errors


def describe(error: BaseException) -> str:
    """The facts on one line."""
    known = facts(error)
    named = {"sqlstate": "SQLSTATE ", "constraint": "constraint "}
    return ": ".join(f"{named.get(name, '')}{value}" for name, value in known.items())


def facts(error: BaseException) -> dict[str, str]:
    """The kind, and what else may be told."""
    known = {"kind": f"{type(error).__module__}.{type(error).__qualname__}"}
    if sqlstate := getattr(error, "sqlstate", None):
        known["sqlstate"] = sqlstate
    if constraint := getattr(getattr(error, "diag", None), "constraint_name", None):
        known["constraint"] = constraint
    if isinstance(error, TELLING):
        known["message"] = str(error)
    return known


def places(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
