"""Reads that may be a little stale, such as searches and the numbers, from a replica: a standby that REPLICA_URL names.

Each such view is marked (``may_be_stale``, ``lists_may_be_stale``), and while it runs its queries go to the replica.
Everything else, and all that is written, goes to the primary: who calls, the throttle, the audit log, and above all
each booking, which is never authorised by what a replica says.

Everybody reads what they have written themselves: after each request that may have written, the position in the log of
the primary (its WAL) is kept for whoever sent it, in a table that all web processes share. The replica answers when it
is beyond that position and not further behind than REPLICA_LAG_SECONDS; else the primary does, and so it does when the
replica is away or fails. Without REPLICA_URL nothing of this runs.
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse

from booking_site.core.actor import actor_of

REPLICA = "replica"  # its alias
SAFE = ("GET", "HEAD", "OPTIONS")
REST = 2.0  # seconds in which a process does not ask a replica that was away
View = TypeVar("View", bound=Callable[..., Any])
ViewSet = TypeVar("ViewSet", bound=type)
logger = logging.getLogger(__name__)

NOTE = """
INSERT INTO read_positions AS kept (holder, position)
SELECT %s, pg_current_wal_insert_lsn() - '0/0' FROM (SELECT set_config('synchronous_commit', 'off', TRUE)) AS unhurried
ON CONFLICT (holder) DO UPDATE SET position = greatest(kept.position, excluded.position)
"""
WANTED = """
SELECT pg_current_wal_lsn() - '0/0', coalesce((SELECT position FROM read_positions WHERE holder = %s), 0)
"""
# A primary has no lag: NULL, and it is no replica any more.
REACHED = """
SELECT pg_last_wal_replay_lsn() - '0/0', extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
WHERE pg_is_in_recovery()
"""

_alias: ContextVar[str] = ContextVar("alias", default=DEFAULT_DB_ALIAS)
_rests_until = 0.0


def connection() -> BaseDatabaseWrapper:
    """For queries in plain SQL: what the running view reads from."""
    return connections[_alias.get()]


class Router:
    """Of models, the same; what is written goes to the primary."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return _alias.get()

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def may_be_stale(view: View) -> View:
    """For a view, or a method of one, whose second argument is the request."""
    if REPLICA not in settings.DATABASES:
        return view

    @wraps(view)
    def run(owner: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method not in ("GET", "HEAD") or not _is_fresh_for(request):
            return view(owner, request, *args, **kwargs)
        token = _alias.set(REPLICA)
        try:
            return view(owner, request, *args, **kwargs)
        except DatabaseError as error:
            logger.warning("The replica has failed (%s): the primary answers.", type(error.__cause__).__name__)
        finally:
            _alias.reset(token)
        return view(owner, request, *args, **kwargs)

    return run  # type: ignore[return-value]


def lists_may_be_stale(viewset: ViewSet) -> ViewSet:
    """For a viewset of the API: its list."""
    viewset.list = may_be_stale(viewset.list)  # type: ignore[attr-defined]
    return viewset


def _is_fresh_for(request: Any) -> bool:
    """Whether the replica has all that whoever asks has written, and is not far behind."""
    global _rests_until
    if time.monotonic() < _rests_until:
        return False
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(WANTED, [_holder(request)])
        end, own = cursor.fetchone()
    try:
        with connections[REPLICA].cursor() as cursor:
            cursor.execute(REACHED)
            row = cursor.fetchone()
    except DatabaseError:
        logger.warning("The replica cannot be reached: the primary answers.")
        connections[REPLICA].close()
        _rests_until = time.monotonic() + REST
        return False
    if row is None or row[0] is None or row[0] < own:
        return False
    return bool(row[0] >= end or (row[1] is not None and row[1] <= settings.REPLICA_LAG_SECONDS))


class PositionMiddleware:
    """Keeps how far the log had come when somebody may have written. An answer waits for that to be kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in SAFE and (holder := _holder(request)):
            try:
                with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                    cursor.execute(NOTE, [holder])
            except DatabaseError:  # what was written is written; a replica may hide it for some seconds
                logger.exception("It could not be kept up to where a replica must have come.")
        return response


def _holder(request: Any) -> str:
    """A client of the API with all for whom it acts, or a person in the console; nothing for strangers."""
    actor = actor_of(request)
    return f"{actor.kind}:{actor.id}" if actor.id else ""
