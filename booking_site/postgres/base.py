"""Django's PostgreSQL backend, with two additions: it starts the embedded server before the first connection, and reads
moments in C.

Nothing else may know which server is used. A server that cannot be reached is an OperationalError whose message
says what to do, and never shows the password.
"""

import shutil
from collections.abc import Iterable
from datetime import UTC
from typing import Any

import psycopg
from django.db.backends.postgresql import base, client
from django.db.utils import OperationalError

from booking_site.postgres import embedded

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


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params.pop("embedded", None)
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
