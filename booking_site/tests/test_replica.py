"""Searches on a real standby: what it shows may be a little old, but nobody misses what they have written."""

import time
import urllib.parse
from datetime import UTC, datetime, timedelta

import pytest

from booking_site.postgres.roles import SITE
from booking_site.testing import hospitals
from booking_site.testing.clusters import Cluster, run_python, scratch, token
from booking_site.testing.racing import HttpClient
from booking_site.testing.replication import listening, standby_of, wait_until
from booking_site.testing.sites import Site
from booking_site.testing.visitors import Visitor

LAG = 3  # seconds that the replica may be behind
FREE = "/api/v1/available-slots?page_size=100"
NUMBERS = "/admin/reports/?report=bookings&format=csv"
UNCOLLECTED = {"DJANGO_SETTINGS_MODULE": "booking_site.testing.settings"}  # static files as they lie in the source
TAKE = "UPDATE available_slots SET status = 'withdrawn', updated_at = now() WHERE id = %s"
LISTED = "SELECT count(*) FROM audit_logs WHERE action = 'patient.listed'"


class World:
    def __init__(self, primary: Cluster, standby: Cluster, site: Site, other: str) -> None:
        self.primary, self.standby, self.site = primary, standby, site
        self.one, self.other = HttpClient(site.address, token()), HttpClient(site.address, other)
        with primary.connect() as session:
            self.hospital = hospitals.read(session)
        self.patients, self.slots = iter(self.hospital.patients), iter(self.hospital.slots)

    def pause(self) -> None:
        """From now on the standby shows the state of this moment. Where something happens, it has just heard of it."""
        self.primary.execute("SELECT pg_logical_emit_message(TRUE, '', '')")
        wait_until(self.has_caught_up)
        self.standby.execute("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self.standby.execute("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])

    def resume(self) -> None:
        self.standby.execute("SELECT pg_wal_replay_resume()")
        wait_until(self.has_caught_up)

    def has_caught_up(self) -> bool:
        [(end,)] = self.primary.execute("SELECT pg_current_wal_lsn()::text")
        return self.standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [end]) == [(True,)]

    def book(self, client: HttpClient, slot: str) -> int:
        body = {"patient_id": next(self.patients), "slot_id": slot}
        return client.post("/api/v1/book-appointment", body).status

    def sees(self, client: HttpClient, slot: str) -> bool:
        answer = client.get(FREE)
        assert answer.status == 200
        return slot in [seat["id"] for seat in answer.body["results"]]

    def asks_the_replica(self, client: HttpClient) -> bool:
        """Whether the client still sees a seat that somebody else has just taken."""
        self.pause()
        slot = next(self.slots)
        self.primary.execute(TAKE, [slot])
        try:
            return self.sees(client, slot)
        finally:
            self.resume()


@pytest.fixture(scope="module")
def world():
    with scratch() as folder:
        primary = Cluster(folder / "primary", listening())
        primary.start()
        other = run_python("booking_site.testing.visitors", DATABASE_URL=primary.url(), **UNCOLLECTED).split()[-1]
        standby = standby_of(primary, folder / "standby")
        settings = {"REPLICA_URL": standby.url(SITE), "REPLICA_LAG_SECONDS": str(LAG), "SEALER": "off", **UNCOLLECTED}
        try:
            with Site(primary, folder, **settings) as site:
                yield World(primary, standby, site, other)
        finally:
            standby.stop()
            primary.stop()


def test_who_wrote_sees_it_and_others_are_answered_by_the_replica(world):
    slot = next(world.slots)
    world.pause()
    assert world.book(world.one, slot) == 201
    assert not world.sees(world.one, slot)
    assert world.sees(world.other, slot), "the primary has answered"
    assert world.book(world.other, slot) == 409  # nothing is authorised by what a replica shows
    assert not world.sees(world.other, slot)
    world.resume()
    assert world.asks_the_replica(world.one)
    assert world.asks_the_replica(world.other)


def test_a_look_at_patients_on_the_replica_is_in_the_log_of_the_primary(world):
    world.pause()
    [(before,)] = world.primary.execute(LISTED)
    assert world.other.get("/api/v1/patients?search=" + urllib.parse.quote("No 1")).status == 200
    [(after,)] = world.primary.execute(LISTED)
    world.resume()
    assert after == before + 1


def test_the_numbers_are_those_of_the_replica(world):
    visitor, today = Visitor(), datetime.now(UTC).date()
    assert visitor.sign_in(world.site.address, "scheduler")
    wait_until(world.has_caught_up)

    def numbers() -> str:
        days = f"&first={today - timedelta(days=1)}&last={today + timedelta(days=1)}"
        status, text, _ = visitor.get(world.site.address + NUMBERS + days)
        assert status == 200
        return text

    before = numbers()
    world.pause()
    assert world.book(world.one, next(world.slots)) == 201
    assert numbers() == before
    world.resume()
    assert numbers() != before


def test_a_replica_that_is_too_far_behind_is_not_asked(world):
    slot = next(world.slots)
    world.pause()
    world.primary.execute(TAKE, [slot])
    wait_until(lambda: not world.sees(world.other, slot), LAG + 5)
    world.resume()


def test_without_its_replica_the_site_answers_and_with_it_asks_it_again(world):
    world.standby.kill()
    for _ in range(3):
        begun = time.monotonic()
        assert world.other.get(FREE).status == 200
        assert time.monotonic() - begun < 3
    world.standby.start()
    wait_until(lambda: world.asks_the_replica(world.other))
