"""A site that is read once and served many times: tests start servers in a tenth of the time.

    python -m booking_site.testing.nursery

Reads lines of JSON, each the arguments of a gunicorn to start and the file for its standard error; answers each with
the id of its process, which leads a group of its own. Ends when its input does; what it has started stays.
"""

import json
import os
import signal
import sys


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    import booking_site.gunicorn
    import booking_site.wsgi  # noqa: F401 - the whole site, as preload_app does

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            serve(**json.loads(line))
        print(child, flush=True)


def serve(arguments: list[str], log: str) -> None:
    from gunicorn.app.wsgiapp import run

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
    sys.argv = ["gunicorn", *arguments]
    run()
    os._exit(0)


if __name__ == "__main__":
    main()
