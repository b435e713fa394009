"""The faults that the product survives, each with a control that does not: short in the tests, long in ``soak``.

A fault is a function of how many times it strikes. It puts a load on the site, strikes, goes on when writes are
acknowledged again, and reckons up at the end (``testing.reckoning``). The control is the same with one guarantee taken
away; one that loses nothing says that the fault proves nothing. More faults are added by ``register``.
"""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from booking_site.postgres.embedded import EmbeddedServerError
from booking_site.testing import disks, hospitals, reckoning
from booking_site.testing.clusters import Cluster, scratch, token
from booking_site.testing.disks import Disk
from booking_site.testing.load import Load
from booking_site.testing.model import Event
from booking_site.testing.sites import Site

ENOUGH = 20  # writes acknowledged between two strikes, at least
# Without waiting for the disk at COMMIT, and what waits is long in coming.
NOT_SYNCHRONOUS = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}


@dataclass(slots=True)
class Outcome:
    """``recoveries``: for each strike, the longest time without an acknowledged write, in seconds."""

    times: int = 0
    acknowledged: int = 0
    repeated: int = 0  # requests that clients had to send again
    findings: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)  # of this fault alone

    def of(self, kind: str) -> int:
        return reckoning.count(self.findings)[kind]

    @property
    def losses(self) -> int:
        return self.of("lost") + self.of("double") + self.of("order")


Tick = Callable[[], object]  # called after each strike
Run = Callable[[int, bool, Tick], Outcome]  # how often, whether it is the control


@dataclass(frozen=True, slots=True)
class Fault:
    """``says`` what the product is to stand, ``control`` what is taken away. Each number is how often it strikes;
    ``why_not``: why it cannot be tried on this machine, or nothing."""

    run: Run
    says: str
    control: str
    short: int
    long: int
    control_short: int
    control_long: int
    why_not: Callable[[], str] = str

    def run_control(self, times: int, tick: Tick = int) -> Outcome:
        """Until it loses something: what it takes away makes loss possible, not certain."""
        outcome = self.run(times, True, tick)
        for _ in range(4):
            if outcome.losses:
                break
            times *= 2
            outcome = self.run(times, True, tick)
        return outcome


FAULTS: dict[str, Fault] = {}


def register(name: str, fault: Fault) -> None:
    FAULTS[name] = fault


# --- what they have in common --------------------------------------------------------------------------------


@contextmanager
def running(
    settings: Mapping[str, str] | None = None, data: Path | None = None, **site: str
) -> Iterator[tuple[Cluster, Site]]:
    with scratch() as folder:
        cluster = Cluster(folder / "pg", settings, data=data)
        cluster.start()
        try:
            with Site(cluster, folder, **site) as served:
                yield cluster, served
        finally:
            cluster.kill()


def put_load_on(cluster: Cluster, site: Site, **how: Any) -> Load:
    with cluster.connect() as session:
        return Load(site.address, token(), hospitals.read(session), seed=random.randrange(1 << 30), **how)


def outcome_of(times: int, load: Load, findings: list[str], **more: Any) -> Outcome:
    return Outcome(times, load.acknowledged(), load.repeated, findings, **more)


def reckon(cluster: Cluster, site: Site, history: list[Event], control: bool) -> list[str]:
    if control:
        return reckoning.of_tables(cluster, history)
    return reckoning.findings(cluster, history, AUDIT_SEALS_FILE=str(site.seals))


# --- processes that are killed -------------------------------------------------------------------------------

Strike = Callable[[Cluster, Site], None]


def killing(strike: Strike, *, keys: bool = True, settings: Mapping[str, str] | None = None) -> Run:
    """A site under load, of which something is killed, and comes back. ``keys`` and ``settings`` are the control's."""

    def run(times: int, control: bool, tick: Tick) -> Outcome:
        recoveries = []
        with running(settings if control else None) as (cluster, site):
            with put_load_on(cluster, site, keys=keys or not control) as load:
                for _ in range(times):
                    load.wait_for(ENOUGH)
                    moment = time.monotonic()
                    strike(cluster, site)
                    recoveries.append(load.silence(moment))
                    tick()
            return outcome_of(times, load, reckon(cluster, site, load.history, control), recoveries=recoveries)

    return run


def kill_workers(cluster: Cluster, site: Site) -> None:
    """One of them; each fourth time all."""
    while not (workers := site.workers()):
        time.sleep(0.01)
    for worker in workers if random.random() < 0.25 else [random.choice(workers)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()


def kill_postgres(cluster: Cluster, site: Site) -> None:
    cluster.kill()
    cluster.start()


def kill_backend(cluster: Cluster, site: Site) -> None:
    """PostgreSQL ends the others, for they share memory with it, and recovers by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(random.choice(cluster.backends()), signal.SIGKILL)


# --- the power ----------------------------------------------------------------------------------------------


def cut_power(times: int, control: bool, tick: Tick) -> Outcome:
    with scratch() as folder, contextlib.ExitStack() as stack:
        disk = Disk(folder / "disk", 1024)
        stack.callback(lambda: disk.close())
        cluster, site = stack.enter_context(running({"fsync": "off"} if control else None, data=disk.mounted / "data"))
        load = stack.enter_context(put_load_on(cluster, site))
        disk.sync()  # the copy of the prepared data; for a server that does not sync, too
        recoveries = []
        for number in range(times):
            load.wait_for(ENOUGH)
            disk.cut()
            moment = time.monotonic()
            disk = _power_back(cluster, disk, folder / f"disk-{number}")
            if control:
                return _what_is_left(cluster, load)
            cluster.start()
            recoveries.append(load.silence(moment))
            tick()
        load.stop()
        return outcome_of(times, load, reckon(cluster, site, load.history, control), recoveries=recoveries)


def _power_back(cluster: Cluster, disk: Disk, folder: Path) -> Disk:
    """The machine begins anew, with what was on the disk at that instant."""
    cluster.kill()
    folder.mkdir()
    image = disk.image(folder / "image")
    disk.close()
    disk.file.unlink()
    disk = Disk(folder, image=image)
    cluster.files.data = disk.mounted / "data"
    return disk


def _what_is_left(cluster: Cluster, load: Load) -> Outcome:
    """Of a server that did not sync: it may not even start."""
    load.stop(learn=False)
    try:
        cluster.start()
        findings = reckoning.of_tables(cluster, load.history)
    except (EmbeddedServerError, psycopg.Error) as error:
        findings = [f"lost: appointment {key}, with the rest: {error}" for key in reckoning.known(load.history)[0]]
    return outcome_of(1, load, findings)


register(
    "kill_workers",
    Fault(
        killing(kill_workers, keys=False),
        says="kill -9 of web workers",
        control="no Idempotency-Key",
        short=5,
        long=500,
        control_short=6,
        control_long=50,
    ),
)
register(
    "kill_postgres",
    Fault(
        killing(kill_postgres, settings=NOT_SYNCHRONOUS),
        says="kill -9 of all PostgreSQL processes",
        control="synchronous_commit=off",
        short=2,
        long=100,
        control_short=1,
        control_long=10,
    ),
)
register(
    "kill_backends",
    Fault(
        killing(kill_backend, settings=NOT_SYNCHRONOUS),
        says="kill -9 of single backends",
        control="synchronous_commit=off",
        short=2,
        long=100,
        control_short=1,
        control_long=10,
    ),
)
register(
    "cut_power",
    Fault(
        cut_power,
        says="power cut",
        control="fsync=off",
        short=2,
        long=30,
        control_short=1,
        control_long=1,
        why_not=disks.why_not,
    ),
)
