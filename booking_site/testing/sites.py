"""The site as it is served in production, over a database of a test's own: gunicorn with the real settings, the role
that owns nothing, and the sealer of the audit log beside it, whose seals are published to a file."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from booking_site.postgres.roles import SEALER, SITE
from booking_site.testing.clusters import ROOT, Cluster, is_up, site_environment

START_TIMEOUT = 60  # seconds


class Site:
    """A context manager; ``address`` stays the same however often it is started. ``environment``: what the site reads
    otherwise than usual, such as DATABASE_URL of several hosts."""

    def __init__(
        self, cluster: Cluster, folder: Path, *, application: str = "booking_site.wsgi", **environment: str
    ) -> None:
        self.log = folder / "site.log"
        self.seals = folder / "seals.jsonl"
        self.application = application
        self.environment = {
            "DATABASE_URL": cluster.url(SITE),
            "SEALER_DATABASE_URL": cluster.url(SEALER),
            "AUDIT_SEALS_FILE": str(self.seals),
        } | environment
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.bind = f"127.0.0.1:{probe.getsockname()[1]}"
        self.address = f"http://{self.bind}"
        self.process: subprocess.Popen[bytes] | None = None  # the first; others that took over are of its group
        self.master: psutil.Process | None = None

    def __enter__(self) -> "Site":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "-c", "python:booking_site.gunicorn"),
                    *("--bind", self.bind, self.application),
                ],
                cwd=ROOT,
                env=os.environ | site_environment() | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.master = psutil.Process(self.process.pid)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.address}/health/live", timeout=5).close()
                return
            assert self.process.poll() is None, f"the site ended at once:\n{self.log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"the site did not answer:\n{self.log.read_text()[-2000:]}"
            time.sleep(0.03)

    def workers(self) -> list[psutil.Process]:
        """The processes that answer; the sealer, which leads a session of its own, is none."""
        assert self.process is not None
        assert self.master is not None
        return [child for child in self.master.children() if os.getsid(child.pid) == self.process.pid]

    def sealers(self) -> list[psutil.Process]:
        """Also those whose site has ended."""
        mine = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "seal_audit" in process.cmdline() and process.environ().get("AUDIT_SEALS_FILE") == str(self.seals):
                    mine.append(process)
        return mine

    def reload(self) -> bool:
        """As an operator would: the code as it is now takes over. Waits for the end of the former; False when that goes
        on, for the new one did not start."""
        assert self.master is not None
        former, successor = self.master, None
        former.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + START_TIMEOUT
        while is_up(former):
            assert time.monotonic() < deadline, f"nothing took over:\n{self.log.read_text()[-2000:]}"
            if successor is None:
                successor = next(filter(_takes_over, _children(former)), None)
            elif not is_up(successor):
                return False
            time.sleep(0.02)
        assert successor is not None
        assert self.process is not None
        self.master = successor
        self.process.poll()
        return True

    def stop(self) -> None:
        """As an operator would: requests at work are finished."""
        assert self.process is not None
        assert self.master is not None
        self.master.terminate()
        while is_up(self.master):
            time.sleep(0.02)
        self.process.wait(START_TIMEOUT)

    def kill(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(START_TIMEOUT)


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.children()
    return []


def _takes_over(process: psutil.Process) -> bool:
    """gunicorn tells who is to take over from whom."""
    with contextlib.suppress(psutil.Error):
        return process.environ().get("GUNICORN_PID") == str(process.ppid())
    return False
