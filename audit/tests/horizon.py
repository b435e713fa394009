"""Sealing in tests, whose databases share a server."""

import pytest
from django.db import connection

from audit import sealing

RUNNING = """
SELECT min(%(end)s - ((%(end)s - backend_xid::text::bigint) & 4294967295)) FROM pg_stat_activity
WHERE datname = current_database() AND (%(end)s - backend_xid::text::bigint) & 4294967295 < 2147483648
"""


@pytest.fixture(scope="module")
def own_horizon():
    """Sealing waits for the transactions of this database only, which a superuser can see. Those of other databases
    of the server, which the product waits for as well, are those of the other workers of the tests."""

    def horizon() -> int:
        with connection.cursor() as cursor:
            # First an end below which every transaction has begun, then which of them still run.
            cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            end = cursor.fetchone()[0]
            cursor.execute(RUNNING, {"end": end})
            return min(end, cursor.fetchone()[0] or end)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "horizon", horizon)
        yield
