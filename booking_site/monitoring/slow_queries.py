"""Statements that take longer than SLOW_QUERY_MS, in the log: how long, and their text without parameters.

PostgreSQL's own log of slow statements would hold their parameters, and with them patients. A wait for a lock that ends
by ``lock_timeout`` or a deadlock is told by its SQLSTATE, whatever it took; who waited for whom is in the server's log
(``log_lock_waits``).
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from booking_site.monitoring.statements import told

logger = logging.getLogger("booking_site.slow_queries")
WAITED = ("55P03", "57014", "40P01")  # lock_timeout, statement_timeout, deadlock


def install() -> None:
    connection_created.connect(_watch, dispatch_uid="slow_queries")


def _watch(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def _timed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    began = time.perf_counter()
    sqlstate = ""
    try:
        return execute(sql, params, many, context)
    except DatabaseError as error:
        sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
        raise
    finally:
        took = (time.perf_counter() - began) * 1000
        if took >= settings.SLOW_QUERY_MS or sqlstate in WAITED:
            _tell(took, sql, sqlstate)


def _tell(took: float, sql: Any, sqlstate: str) -> None:
    fields: dict[str, Any] = {"duration_ms": round(took, 1), "sql": told(sql)}
    if sqlstate:
        fields["sqlstate"] = sqlstate
    ended = f" and ended with SQLSTATE {sqlstate}" if sqlstate else ""
    text = "A statement took %s ms%s: %s"
    logger.warning(text, fields["duration_ms"], ended, fields["sql"], extra={"fields": fields})
