"""New versions, for ``testing.faults``: while they come, nobody is to notice anything. Clients that ask nothing twice
(``testing.demanding``) work meanwhile, and each answer that they do not get is a loss."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from booking_site.testing import hospitals
from booking_site.testing.clusters import Cluster, run_python, scratch, token
from booking_site.testing.demanding import Clients
from booking_site.testing.faults import Fault, Outcome, Tick, reckon, register, running
from booking_site.testing.sites import Site

ENOUGH = 100  # answers between two of them, at least

VERSION = """
from booking_site.wsgi import application as site


def application(environ, start_response):
    def start(status, headers, *more):
        return start_response(status, [*headers, ("X-Version", "{number}")], *more)

    return site(environ, start)
"""


class Releases:
    """The site in a file that can be written anew, on the Python path of the site."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "release.py"
        self.write(0)
        self.site = {"application": "release:application", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def write(self, number: int) -> None:
        self.file.write_text(VERSION.format(number=number))

    def break_(self) -> None:
        self.file.write_text("raise RuntimeError('This version does not start.')")


def put_demands_on(cluster: Cluster, site: Site) -> Clients:
    with cluster.connect() as session:
        return Clients(site.address, token(), hospitals.read(session))


def migrate(cluster: Cluster, name: str, **how: float) -> str:
    """By the command, as the owner; the migrations are those of ``testing.rollout``."""
    options = [f"--{option.replace('_', '-')}={value}" for option, value in how.items()]
    settings = {"DJANGO_SETTINGS_MODULE": "booking_site.testing.rollout.settings", "DATABASE_URL": cluster.url()}
    return run_python("django", "migrate", "rollout", name, *options, **settings)


WAITS = "SELECT pid FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"


@contextmanager
def somebody_reads(cluster: Cluster, seconds: float) -> Iterator[None]:
    """A report that goes on for so long after somebody has begun to wait for the table that it reads."""

    def read() -> None:
        with cluster.connect() as session, session.transaction():
            session.execute("SELECT count(*) FROM available_slots")
            begun.set()
            deadline = time.monotonic() + 60
            while not cluster.execute(WAITS) and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(seconds)

    begun = threading.Event()
    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(30)
    yield
    reader.join()


def release(times: int, control: bool, tick: Tick) -> Outcome:
    """Expand, take over, contract; back again for the next. ``control``: the former is killed, the new one started."""
    with scratch() as folder:
        releases = Releases(folder)
        with running(**releases.site) as (cluster, site):
            with put_demands_on(cluster, site) as clients:
                for number in range(1, times + 1):
                    clients.wait_for(ENOUGH)
                    releases.write(number)
                    if control:
                        site.kill()
                        site.start()
                    else:
                        with somebody_reads(cluster, 3):
                            assert "gives way" in migrate(cluster, "0002")
                        assert site.reload(), site.log.read_text()[-2000:]
                        migrate(cluster, "0003")
                        if number < times:
                            migrate(cluster, "zero")
                    clients.wait_for(ENOUGH)
                    tick()
            findings = [
                *clients.failures,
                *unreleased(clients, times),
                *reckon(cluster, site, clients.history, control),
            ]
            return Outcome(times, clients.answered, 0, findings, figures={"slowest_ms": clients.slowest * 1000})


def unreleased(clients: Clients, times: int) -> list[str]:
    """Each version must have answered."""
    missing = {str(number) for number in range(times + 1)} - clients.versions
    return [f"broken: version {number} has answered nobody" for number in sorted(missing)]


register(
    "release",
    Fault(
        release,
        says="a new version: migrations, kill -USR2",
        control="killed and started",
        short=1,
        long=30,
        control_short=1,
        control_long=3,
    ),
)
