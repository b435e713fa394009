"""psycopg's connection, where a server does not answer as it should: then nobody may be told that something is written,
and no worker may wait for ever.

Two cases that PostgreSQL itself does not make an error of. A COMMIT that waits for a synchronous standby has no time
limit, ``statement_timeout`` does not count there; and when such a wait is cancelled, the COMMIT is reported as done,
with a warning only, although a fail-over may lose it. Both end here as an OperationalError on a connection that is
closed: what became of the transaction is not known.
"""

from typing import Any

import psycopg

WAITS_FOR_STANDBY = "SyncRepWaitForLSN"  # where the server warns; its words depend on its language


class Connection(psycopg.Connection[Any]):
    """``patience``: seconds to wait for any one answer; None: as long as it takes."""

    patience: float | None = None
    is_in_doubt = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_notice_handler(self._note_doubt)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            answer = super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            if timeout is not None:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError(f"The server has not answered within {self.patience} s.") from error
        if self.is_in_doubt:
            self.pgconn.finish()
            raise psycopg.OperationalError("The transaction may not be on the standby: the wait for it was cancelled.")
        return answer

    def _note_doubt(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.source_function == WAITS_FOR_STANDBY:
            self.is_in_doubt = True


def with_patience(seconds: float | None) -> type[Connection]:
    return type("Connection", (Connection,), {"patience": seconds})
