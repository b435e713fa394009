"""How the site is served, for ``make run`` and in production alike: ``gunicorn -c python:booking_site.gunicorn``."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import environ
import gunicorn.util

from booking_site import handover
from booking_site.monitoring import shared
from booking_site.postgres.roles import SEALER


def is_on(value: str) -> bool:
    return value.lower() in ("on", "true", "yes", "1")


environ.Env.read_env(Path(__file__).resolve().parent.parent / ".env")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_site.settings")

wsgi_app = "booking_site.wsgi"
bind = os.environ.get("WEB_BIND") or f"127.0.0.1:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_WORKERS") or 2)
worker_class = "booking_site.worker.Worker"  # gthread, and health checks aside
threads = 4  # per worker: a booking that waits for a lock must not stop the others; each has a connection of its own
preload_app = True  # the workers share the memory of the code, and a wrong setting stops the start at once
timeout = 30  # seconds without a sign of life; a request is bounded by statement_timeout long before
graceful_timeout = 15  # seconds to finish requests at the end: more than a statement may take
keepalive = 5  # seconds
limit_request_line = 8190  # bytes: 50 doctors and 50 visit types in one address
control_socket_disable = True  # nothing to talk to but the port
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - where a disk cannot delay a heartbeat
accesslog = None  # addresses and query strings are personal data; who read and wrote what is in the audit log
loglevel = "warning"
logger_class = "booking_site.server_log.ServerLogger"  # tells that something was wrong, not what was sent
forwarded_allow_ips = ""  # X-Forwarded-... is judged in one place: TRUSTED_PROXIES, by booking_site.middleware

if is_on(os.environ.get("METRICS", "off")):
    shared.open_folder()

GARBAGE = 20_000, 20, 20  # objects more than before, and rounds, until it is looked for: a request makes thousands

sealer: "subprocess.Popen[bytes] | None" = None


def seal() -> "subprocess.Popen[bytes]":
    """The sealer of the audit log, beside the site: it ends when this process does, in whatever way. Where the site's
    role in the database may add no seals, SEALER_DATABASE_URL names another, or SEALER=off leaves it to a service."""
    environment = dict(os.environ) | {"EMBEDDED_ROLE": SEALER}
    if url := os.environ.get("SEALER_DATABASE_URL"):
        environment["DATABASE_URL"] = url
    command = [sys.executable, "manage.py", "seal_audit", "--every", "2", "--with-parent", str(os.getpid())]
    root = Path(__file__).resolve().parent.parent
    # In a session of its own: the Ctrl-C of a terminal is not for it, it ends after the last request.
    return subprocess.Popen(command, cwd=root, env=environment, start_new_session=True)


pre_exec = handover.start_alike


def when_ready(server: Any) -> None:
    """Ctrl-C ends as gently as SIGTERM does: requests at work are finished, then everything stops."""
    global sealer
    gc.freeze()  # the code, which the workers share: to look for garbage in it would only copy its pages
    gc.set_threshold(*GARBAGE)
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})  # what "manage.py serve" held back
    if is_on(os.environ.get("SEALER", "on")):
        sealer = seal()


def on_exit(server: Any) -> None:
    if sealer is not None:
        sealer.terminate()
    shared.close_folder()


def child_exit(server: Any, worker: Any) -> None:
    shared.worker_ended(worker.pid)


def post_worker_init(worker: Any) -> None:
    """A terminal sends Ctrl-C to every process at once. The master alone decides."""
    from booking_site.server_answers import write_error  # has the site's settings, which the server reads with the site

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gunicorn.util.write_error = write_error
    handover.take_over(worker)
