"""The loss of a primary, for ``testing.faults``: its standby takes its place, under load.

Two servers and two sites on two sides of a network, with half of the clients each. A site reaches the server of its own
side always and that of the other through a cable; so does a standby its primary. Each time two promotions follow each
other, and at the end the roles are as they were:

- The network comes apart: packets are lost. The old primary runs on, with its site and its clients, and is back beside
  the new one before anybody stops it.
- kill -9 of the primary, which then starts again, as the primary that it was.

Then it is stopped; before the next promotion it follows as a standby made anew. The control has the same standby, which
nobody waits for.
"""

import contextlib
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from booking_site.postgres.driver import with_patience
from booking_site.postgres.roles import SEALER, SITE
from booking_site.testing import relays
from booking_site.testing.clusters import Cluster, scratch
from booking_site.testing.faults import ENOUGH, Fault, Outcome, Tick, outcome_of, put_load_on, reckon, register
from booking_site.testing.load import Load
from booking_site.testing.relays import Relay
from booking_site.testing.replication import be_synchronous, listening, of_both, promote, standby_of
from booking_site.testing.sites import Site

NOTICED = 3.0  # seconds after which the standby is promoted when the primary is out of reach; Patroni waits longer
ASTRAY = 1.0  # seconds in which the old primary is back and takes itself for one
WRITE = "SELECT pg_logical_emit_message(TRUE, '', '')"


class Side:
    """``port``: of its server, whichever that is; ``cable``: the way to it from the other side."""

    cluster: Cluster
    site: Site

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o711)
        self.folder = folder
        self.port = listening()["port"]
        self.cable = Relay("127.0.0.1", self.port)

    def make_site(self, other: "Side", sealer: str) -> None:
        ports = self.port, other.cable.port
        urls = {"DATABASE_URL": of_both(SITE, *ports), "SEALER_DATABASE_URL": of_both(SEALER, *ports)}
        self.site = Site(self.cluster, self.folder, **urls, SEALER=sealer)


class Pair:
    """Both sides; which is the primary changes with each promotion."""

    def __init__(self, folder: Path, *, is_synchronous: bool) -> None:
        self.is_synchronous, self.has_standby = is_synchronous, False
        self.primary, self.standby = Side(folder / "east"), Side(folder / "west")
        self.primary.cluster = Cluster(self.primary.folder / "pg", listening(self.primary.port))
        self.primary.cluster.start()
        self.follow()
        self.primary.make_site(self.standby, "on")
        self.standby.make_site(self.primary, "off")

    def follow(self) -> None:
        """The standby is made anew, from the primary, where there is none."""
        if self.has_standby:
            return
        self.standby.cluster = standby_of(
            self.primary.cluster, self.standby.folder / "pg", port=self.primary.cable.port, at=self.standby.port
        )
        if self.is_synchronous:
            be_synchronous(self.primary.cluster)
        self.has_standby = True

    def promote(self) -> float:
        """The moment from which the other takes writes."""
        promote(self.standby.cluster)
        self.primary, self.standby, self.has_standby = self.standby, self.primary, False
        return time.monotonic()

    def come_apart(self, apart: bool) -> None:
        self.primary.cable.lose_packets(apart)
        self.standby.cable.lose_packets(apart)


@contextlib.contextmanager
def both_sides(*, is_synchronous: bool) -> Iterator[Pair]:
    with scratch() as folder, contextlib.ExitStack() as stack:
        pair = Pair(folder, is_synchronous=is_synchronous)
        for side in (pair.primary, pair.standby):
            stack.callback(side.cable.close)
            stack.callback(lambda side=side: side.cluster.stop())
        sites = [pair.primary.site, pair.standby.site]
        with ThreadPoolExecutor() as pool:
            list(pool.map(stack.enter_context, sites))
        yield pair


def lose_primary(times: int, control: bool, tick: Tick) -> Outcome:
    recoveries: dict[str, list[float]] = {"partition": [], "kill": []}
    findings: list[str] = []
    with both_sides(is_synchronous=not control) as pair:
        sealing, other = pair.primary.site, pair.standby.site
        with put_load_on(pair.primary.cluster, sealing, others=[other.address]) as load:
            for _ in range(times):
                recoveries["partition"].append(_across_partition(pair, load))
                findings += _fence(pair.standby.cluster)
                if not control:
                    recoveries["kill"].append(_after_kill(pair, load))
                    findings += _fence(pair.standby.cluster)
                tick()
            load.stop()
        findings += reckon(pair.primary.cluster, sealing, load.history, control)
    outcome = outcome_of(times, load, findings, recoveries=[one for some in recoveries.values() for one in some])
    for kind, some in recoveries.items():
        if some:
            outcome.figures |= {f"{kind}_median_s": statistics.median(some), f"{kind}_worst_s": max(some)}
    return outcome


def _across_partition(pair: Pair, load: Load) -> float:
    """Seconds without an acknowledged write after the promotion."""
    pair.follow()
    load.wait_for(ENOUGH)
    pair.come_apart(True)
    time.sleep(NOTICED)
    silence = load.silence(pair.promote())
    pair.come_apart(False)
    return silence


def _after_kill(pair: Pair, load: Load) -> float:
    pair.follow()
    load.wait_for(ENOUGH)
    pair.primary.cluster.kill()
    silence = load.silence(pair.promote())
    pair.standby.cluster.start()
    return silence


def _fence(old: Cluster) -> list[str]:
    """The old primary, which is back, may confirm nothing. Then it is stopped."""
    findings = []
    with contextlib.suppress(psycopg.OperationalError):
        with with_patience(ASTRAY).connect(old.url(), autocommit=True) as session:
            session.execute(WRITE)
        findings.append("broken: the old primary has confirmed a write")
    old.stop()
    return findings


register(
    "promotion",
    Fault(
        lose_primary,
        says="promotion across a partition, and after kill -9",
        control="asynchronous standby",
        short=1,
        long=50,
        control_short=1,
        control_long=5,
        why_not=relays.why_not,
    ),
)
