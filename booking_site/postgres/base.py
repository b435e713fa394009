"""Django's PostgreSQL backend, with some additions: it starts the embedded server before the first connection, reads
moments in C, lets statements that are run again and again be planned once, asks no query to see that the server is
there, and does not trust one that keeps silent, nor one that has become a standby (see ``driver``).

Nothing else may know which server is used. A server that cannot be reached is an OperationalError whose message
says what to do, and never shows the password.
"""

import select
import shutil
from collections.abc import Iterable
from datetime import UTC
from types import SimpleNamespace
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base, client, operations
from django.db.utils import OperationalError

from booking_site.postgres import driver, embedded

InC: Any = psycopg.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, psycopg.pq.Format.TEXT)


class UtcLoader(psycopg.adapt.Loader):
    """psycopg's own loader of ``timestamptz``, in C where there is that. Django's, which is Python, gives the same on
    a connection whose zone is UTC and takes longer. ``timezone``: Django asks each loader for it."""

    timezone = UTC

    def __init__(self, oid: int, connection: Any = None) -> None:
        super().__init__(oid, connection)
        self._load = InC(oid, connection).load

    def load(self, data: Any) -> Any:
        return self._load(data)


class DatabaseClient(client.DatabaseClient):
    """``manage.py dbshell``, with the psql of the embedded server where the system has none."""

    def runshell(self, parameters: Iterable[str]) -> None:
        files: embedded.Files | None = self.connection.settings_dict["OPTIONS"].get("embedded")
        if files is not None:
            try:
                embedded.ensure_running(files)
            except embedded.EmbeddedServerError as error:
                raise OperationalError(str(error)) from error
        super().runshell(parameters)

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        arguments, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        if "embedded" in settings_dict["OPTIONS"] and shutil.which(cls.executable_name) is None:
            arguments[0] = embedded.program(cls.executable_name)
        return arguments, environment


ServerBindingCursor: Any = base.ServerBindingCursor


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """With the values, also where the server has bound them: for those who count queries."""
        if isinstance(cursor, ServerBindingCursor):
            return str(self.compose_sql(sql, params))
        return super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    ops_class = DatabaseOperations

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        connection_class = settings_dict["OPTIONS"].get("connection_class", driver.Connection)
        self._planned: Any = None  # one cursor for all of them: each gives its rows at once
        self.Database: Any = SimpleNamespace(**{**vars(psycopg), "connect": connection_class.connect})

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        for name in ("embedded", "connection_class"):
            params.pop(name, None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        files: embedded.Files | None = self.settings_dict["OPTIONS"].get("embedded")
        if files is not None:
            try:
                embedded.ensure_running(files)
            except embedded.EmbeddedServerError as error:
                raise OperationalError(str(error)) from error
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            where = "the embedded server" if files else f"{conn_params.get('host') or 'the local socket'}"
            raise OperationalError(
                f"Cannot connect to PostgreSQL at {where}: {' '.join(str(error).split())} "
                "Check that the server runs and that DATABASE_URL is right."
            ) from error
        if self.timezone == UTC:
            connection.adapters.register_loader("timestamptz", UtcLoader)
        return connection

    def is_usable(self) -> bool:
        """Asked before each request. A server sends nothing unasked but a notice or its farewell, so a silent socket is
        one that may be used; whatever there is to be read, a query finds out. Not when the server has become a standby
        and this connection is for writing: it tells its clients when that changes."""
        if self.connection is None or self.connection.closed:
            return False
        socket = select.poll()
        socket.register(self.connection.fileno(), select.POLLIN)
        if socket.poll(0) and not super().is_usable():
            return False
        writes = self.settings_dict["OPTIONS"].get("target_session_attrs") in ("read-write", "primary")
        return not (writes and self.connection.info.parameter_status("in_hot_standby") == "on")

    def planned(self, statement: str, params: Any = None) -> list[tuple[Any, ...]]:
        """The rows of a statement whose text is always the same: from the sixth time on PostgreSQL has it prepared
        (psycopg's ``prepare_threshold``), and spends no time on reading and planning it. Parameters are bound by the
        server, so where it cannot tell a parameter's type, the statement says it, as in ``%s::text``."""
        self.close_if_health_check_failed()
        if self.connection is None:
            self.ensure_connection()
        if self._planned is None or self._planned.connection is not self.connection:
            with self.wrap_database_errors:
                self._planned = ServerBindingCursor(self.connection)
                if self.timezone == UTC:
                    self._planned.adapters.register_loader("timestamptz", InC)
        cursor = self._planned
        if self.execute_wrappers or self.queries_logged:
            self._prepare_cursor(cursor).execute(statement, params)  # type: ignore[attr-defined]
        else:  # nobody looks on
            self.validate_no_broken_transaction()
            with self.wrap_database_errors:
                cursor.execute(statement, params)
        return cursor.fetchall() if cursor.pgresult.nfields else []
