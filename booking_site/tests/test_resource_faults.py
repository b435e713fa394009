"""A database that has no room, no connection, no time or no answer left: the site says so, does nothing by halves, and
goes on by itself. Each over PostgreSQL servers of the test's own, which the fault really befalls."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
import pytest

from booking_site.postgres import embedded
from booking_site.postgres.roles import SITE
from booking_site.testing import disks, hospitals
from booking_site.testing.clusters import Cluster, scratch, token
from booking_site.testing.hospitals import Hospital
from booking_site.testing.racing import Answer, HttpClient
from booking_site.testing.relays import Relay, hang_up
from booking_site.testing.sites import Site

needs_disks = pytest.mark.skipif(bool(disks.why_not()), reason=disks.why_not())
CONNECTIONS, KEPT = 24, 3  # that the server takes, and keeps for superusers


class Served(NamedTuple):
    cluster: Cluster
    site: Site
    hospital: Hospital

    def book(self, number: int) -> Answer:
        """Patient ``number`` takes seat ``number``; asked again, with the same key."""
        body = {"patient_id": self.hospital.patients[number], "slot_id": self.hospital.slots[number]}
        key = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
        return HttpClient(self.site.address, token()).post("/api/v1/book-appointment", body, Idempotency_Key=key)

    def database(self) -> str:
        began = time.monotonic()
        answer = HttpClient(self.site.address).get("/health")
        assert time.monotonic() - began < 2
        assert answer.status == (200 if answer.body["database"] == "ok" else 503)
        return answer.body["database"]

    def booked(self) -> list[int]:
        """What each of them counts that has to do with a booking: they must be equal."""
        counts = (
            "SELECT count(*) FROM appointments",
            "SELECT count(*) FROM available_slots WHERE status = 'booked'",
            "SELECT count(*) FROM audit_logs WHERE action = 'appointment.booked' AND status = 'success'",
            "SELECT count(*) FROM idempotency_keys",
        )
        return [self.cluster.execute(query)[0][0] for query in counts]


@contextlib.contextmanager
def served(cluster: Cluster, folder: Path, **environment: str) -> Iterator[Served]:
    with cluster.connect() as session:
        hospital = hospitals.read(session)
    with Site(cluster, folder, SEALER="off", **environment) as site:
        yield Served(cluster, site, hospital)


@pytest.fixture(scope="module")
def place() -> Iterator[Served]:
    with scratch() as folder:
        cluster = Cluster(folder / "one", {"max_connections": str(CONNECTIONS)})
        cluster.start()
        try:
            with served(cluster, folder) as place:
                yield place
        finally:
            cluster.stop()


def is_unavailable(answer: Answer) -> bool:
    wait = int(answer.headers["Retry-After"]) if "Retry-After" in answer.headers else 0
    return (answer.status, answer.code) == (503, "unavailable") and wait > 0


@contextlib.contextmanager
def filled(disk: disks.Disk) -> Iterator[None]:
    """To the last block."""
    path = disk.mounted / "filler"
    with open(path, "wb", buffering=0) as filler:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"\0" * size)
    try:
        yield
    finally:
        path.unlink()


def put_wal(cluster: Cluster, folder: Path) -> None:
    """The write-ahead log of a server that does not run, elsewhere."""
    log = cluster.files.data / "pg_wal"
    subprocess.run(["mv", log, folder / "pg_wal"], check=True)
    log.symlink_to(folder / "pg_wal")


@needs_disks
def test_a_full_disk_for_data_heals_by_itself():
    with scratch() as folder:
        disk = disks.Disk(folder / "disk", 160)
        try:
            cluster = Cluster(folder / "one", data=disk.mounted / "data")
            put_wal(cluster, folder)
            cluster.start()
            with served(cluster, folder) as place:
                assert place.book(0).status == 201
                with filled(disk):
                    answers = [place.book(number) for number in range(1, 40)]
                    refused = [number for number, answer in enumerate(answers, 1) if answer.status != 201]
                    assert refused  # the control: what fits into pages that are there is booked
                    assert all(is_unavailable(answers[number - 1]) for number in refused)
                    assert "No space left on device" in cluster.log()
                    assert set(place.booked()) == {40 - len(refused)}
                    assert place.database() == "ok"  # who only reads is served
                assert {place.book(number).status for number in range(40)} == {201}
                assert set(place.booked()) == {40}
            cluster.stop()
        finally:
            disk.close()


@needs_disks
def test_a_full_disk_for_the_write_ahead_log_stops_the_server_and_not_the_site():
    with scratch() as folder:
        disk = disks.Disk(folder / "disk", 160)
        try:
            cluster = Cluster(folder / "one")
            put_wal(cluster, disk.mounted)
            cluster.start()
            with served(cluster, folder) as place:
                assert place.book(0).status == 201
                with filled(disk):
                    with contextlib.suppress(psycopg.Error):
                        for _ in range(20):
                            cluster.execute("SELECT pg_switch_wal(), pg_logical_emit_message(true, '', 'x')")
                    assert cluster.process is not None
                    assert cluster.process.wait(30) != 0  # the control
                    assert "No space left on device" in cluster.log()
                    assert is_unavailable(place.book(1))
                    assert place.database() == "unavailable"
                cluster.start()
                assert place.database() == "ok"
                assert [place.book(number).status for number in (0, 1)] == [201, 201]
                assert place.booked() == [2, 2, 2, 2]
            cluster.stop()
        finally:
            disk.close()


@contextlib.contextmanager
def crowded(cluster: Cluster) -> Iterator[None]:
    """Others hold every connection that the server gives to the site."""
    others: list[psycopg.Connection] = []
    with cluster.connect() as operator:
        while len(others) < CONNECTIONS - KEPT - 1:  # with the operator's
            with contextlib.suppress(psycopg.OperationalError):  # who has just left may not be gone
                others.append(cluster.connect(SITE))
            mine = [other.info.backend_pid for other in others]
            ended = "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = %s"
            operator.execute(f"{ended} AND pid <> ALL(%s)", [SITE, mine])
        try:
            yield
        finally:
            for other in others:
                other.close()


def test_a_server_without_connections_left(place):
    before = place.booked()
    with crowded(place.cluster):
        with pytest.raises(psycopg.OperationalError, match="connection slots"):  # the control
            place.cluster.connect(SITE)
        assert is_unavailable(place.book(1))
        assert place.database() == "exhausted"
        assert HttpClient(place.site.address).get("/health/live").status == 200
    assert place.booked() == before
    assert place.book(1).status == 201
    assert place.database() == "ok"


def test_a_server_that_is_restarted(place):
    assert place.book(2).status == 201
    place.cluster.stop()
    assert is_unavailable(place.book(3))
    assert place.database() == "unavailable"
    place.cluster.start()
    assert [place.book(number).status for number in (2, 3)] == [201, 201]
    assert len(set(place.booked())) == 1


def test_a_server_that_is_stopped_in_the_middle_is_slow_and_not_dead(place):
    assert place.database() == "ok"
    postmaster = psutil.Process(place.cluster.process.pid)
    processes = [postmaster, *postmaster.children()]
    for process in processes:
        process.suspend()
    try:
        assert [place.database(), place.database()] == ["slow", "slow"]
        assert HttpClient(place.site.address).get("/health/live").status == 200
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
    assert place.database() == "ok"


class CutsAtCommit(Relay):
    """Once ``armed``, the next COMMIT is the last word of its connection: it arrives or not, and its answer never."""

    armed = arrives = False
    cuts = 0

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if self.armed and b"COMMIT\0" in data:
                    self.armed = False
                    self.cuts += 1
                    if not self.arrives:
                        break
                    one.shutdown(socket.SHUT_WR)  # the answer finds nobody
                    other.sendall(data)
                    time.sleep(0.3)
                    break
                other.sendall(data)
        hang_up(one, other)


def test_a_connection_that_is_lost_at_commit(place, tmp_path):
    """Nobody knows whether it was done. Asked again with the same key, it is done once."""
    cable = CutsAtCommit(str(place.cluster.files.socket_dir), "")
    url = f"postgresql://{SITE}@127.0.0.1:{cable.port}/{embedded.DATABASE}"
    try:
        with served(place.cluster, tmp_path, DATABASE_URL=url) as place:
            for number, arrives in ((4, True), (5, False)):
                before = place.booked()[0]
                cable.arrives, cable.armed = arrives, True
                assert is_unavailable(place.book(number))
                assert place.booked() == [before + arrives] * 4  # the control: it was done, or it was not
                assert place.book(number).status == 201
                assert place.booked() == [before + 1] * 4
            assert cable.cuts == 2
    finally:
        cable.close()
