"""Django's PostgreSQL backend, with one addition: it starts the embedded server before the first connection.

Nothing else may know which server is used. A server that cannot be reached is an OperationalError whose message
says what to do, and never shows the password.
"""

from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import OperationalError

from booking_site.postgres import embedded


class DatabaseWrapper(base.DatabaseWrapper):
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
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            where = "the embedded server" if files else f"{conn_params.get('host') or 'the local socket'}"
            raise OperationalError(
                f"Cannot connect to PostgreSQL at {where}: {error} "
                "Check that the server runs and that DATABASE_URL is right."
            ) from error
