"""A new version takes over from the one that runs, without a request being lost: ``kill -USR2`` of the master.

gunicorn starts itself anew beside what runs, from the files as they are now, on the same listening socket. Whoever
calls meanwhile is answered by either. When the last of the new workers can serve, the former master is told to stop as
gently as ever: its workers accept nothing more, finish what they have, and close what is idle. A version that does not
start takes nothing over. Called by ``booking_site.gunicorn``.
"""

import os
import signal
import sys
from typing import Any

import psutil
from gunicorn.systemd import sd_notify

FORMER = "GUNICORN_PID"  # gunicorn's own: it names the running master to the one that is to take over


def start_alike(server: Any) -> None:
    """``pre_exec``. gunicorn would start the file that ran; of ``python -m gunicorn`` that is one which cannot."""
    server.START_CTX["args"] = sys.orig_argv


def take_over(worker: Any) -> None:
    """``post_worker_init``. systemd learns which process is the main one now, before the other ends."""
    former = int(os.environ.get(FORMER) or 0)
    if former and worker.age >= worker.cfg.workers and psutil.Process(worker.ppid).ppid() == former:
        sd_notify(f"MAINPID={worker.ppid}", worker.log)
        os.kill(former, signal.SIGTERM)
