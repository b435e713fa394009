"""PgBouncer in transaction mode before the test database: Debian's package, an instance of the tests' own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from booking_site.postgres.roles import SITE

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CONFIGURATION = """
[databases]
{name} = host={host} port={port} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
query_wait_timeout = 5
server_login_retry = 1
logfile = {folder}/log
"""


class PgBouncer:
    """A context manager; ``url(role)`` is a DATABASE_URL that leads through it."""

    def __init__(self, size: int) -> None:
        """size: connections to the server for each role, shared by all clients of it."""
        self.size = size
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self) -> "PgBouncer":
        server: dict[str, Any] = connection.settings_dict
        self.folder = Path(tempfile.mkdtemp(prefix="hospital-pgbouncer-"))
        users = {SITE: "", server["USER"]: server["PASSWORD"]}
        (self.folder / "users").write_text("".join(f'"{user}" "{password}"\n' for user, password in users.items()))
        (self.folder / "pgbouncer.ini").write_text(
            CONFIGURATION.format(
                name=server["NAME"],
                host=server["HOST"] or "127.0.0.1",
                port=server["PORT"] or 5432,
                listen=self.port,
                folder=self.folder,
                size=self.size,
            )
        )
        self.account: dict[str, Any] = {}
        if os.geteuid() == 0:  # it refuses to run as root; whoever owns the socket of the server may enter its folder
            user, group = _account(str(server["HOST"]))
            self.account = {"user": user, "group": group, "extra_groups": []}
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user, group)
        self.start()
        return self

    def start(self) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, "--quiet", str(self.folder / "pgbouncer.ini")],
            **self.account,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.01)
        raise AssertionError("PgBouncer did not answer within 5 s")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def __exit__(self, *exception: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, role: str = "") -> str:
        """As the owner of the tables; or as another role, where the tests may be it without a password."""
        server = connection.settings_dict
        user = role if role and not settings.DATABASE_URL else server["USER"]
        return f"postgresql://{quote(user)}@127.0.0.1:{self.port}/{quote(server['NAME'])}"


def _account(host: str) -> tuple[int, int]:
    if host.startswith("/"):
        owner = os.stat(host)
        return owner.st_uid, owner.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid
