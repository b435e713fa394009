"""Where the worker processes keep what they have counted, for any of them to add up: a folder in memory, made when the
server starts and gone when it ends. Prometheus' library looks for it when it is imported."""

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "hospital-metrics-"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def open_folder() -> None:
    """In the process that starts the workers, before anything is imported. What a server has left behind that was
    killed is removed; that of one that runs stays, also when this one is about to take over from it."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is ours alone
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    for old in parent.glob(f"{PREFIX}*"):
        pid = int(old.name.removeprefix(PREFIX).split("-")[0])
        if pid == os.getpid() or not _runs(pid):
            shutil.rmtree(old, ignore_errors=True)
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)


def worker_ended(pid: int) -> None:
    """What it has counted stays; what it was doing, it does no more."""
    if VARIABLE in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)


def close_folder() -> None:
    if folder := os.environ.get(VARIABLE):
        shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
