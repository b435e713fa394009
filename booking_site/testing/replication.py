"""Standbys of the tests' own clusters: made with pg_basebackup, fed by streaming replication, promoted.

primary = Cluster(folder / "primary", listening())
primary.start()
standby = standby_of(primary, folder / "standby")
be_synchronous(primary)
...
promote(standby)
"""

import os
import shutil
import socket
import time
from pathlib import Path

import psycopg

from booking_site.postgres import embedded
from booking_site.testing.clusters import Cluster

NAME = "standby"
RETRY = "200ms"  # wal_retrieve_retry_interval: with its default of 5 s a promotion may take as long


def listening(at: str | None = None, **settings: str) -> dict[str, str]:
    """Settings of a server that can be reached at a port of this machine, a free one unless it is given."""
    if at is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            at = str(probe.getsockname()[1])
    return {"listen_addresses": "127.0.0.1", "port": at} | settings


def standby_of(
    primary: Cluster, folder: Path, *, port: int | None = None, at: str | None = None, **settings: str
) -> Cluster:
    """A running standby that has what the primary had by then. ``port``: the way to the primary, where it is not its
    own; ``at``: where the standby listens. What lies in ``folder`` goes."""
    way = f"host=127.0.0.1 port={port or primary.port} user={embedded.SUPERUSER} application_name={NAME}"
    standby = Cluster(
        folder,
        listening(at) | {"primary_conninfo": way, "wal_retrieve_retry_interval": RETRY} | settings,
        empty=True,
    )
    data = standby.files.data
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        owner = primary.files.data.stat()
        os.chown(data, owner.st_uid, owner.st_gid)
        embedded._let_owner_through(standby.files)
    embedded._pg(
        standby.files,
        *("pg_basebackup", "--pgdata", str(data), "--checkpoint=fast", "--wal-method=stream", "--no-sync"),
        *("--dbname", f"host=127.0.0.1 port={primary.port} user={embedded.SUPERUSER}", "--write-recovery-conf"),
    )
    standby.start()
    [(end,)] = primary.execute("SELECT pg_current_wal_lsn()::text")
    query = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn >= %s::pg_lsn"
    wait_until(lambda: primary.execute(query, [end]) == [(1,)])
    return standby


def be_synchronous(primary: Cluster) -> None:
    """From now on no commit is reported before the standby has it on its disk."""
    primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
    primary.execute("SELECT pg_reload_conf()")
    query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
    wait_until(lambda: primary.execute(query) == [(1,)])


def promote(standby: Cluster) -> None:
    """Returns when it takes writes, by itself: no commit waits for a standby that it does not have yet."""
    standby.execute("ALTER SYSTEM RESET synchronous_standby_names")
    standby.execute("SELECT pg_reload_conf()")
    assert standby.execute("SELECT pg_promote(TRUE, 30)") == [(True,)]


def of_both(role: str, *ports: int | str) -> str:
    """A DATABASE_URL of several servers, of which the one is used that takes writes."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://{role}@{hosts}/{embedded.DATABASE}?target_session_attrs=read-write"


def wait_until(holds, seconds: float = 30) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except psycopg.OperationalError:
            pass
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
