"""Two sites on one database, as on two machines behind a proxy: whatever is begun at one goes on at the other."""

import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from booking_site.testing import hospitals
from booking_site.testing.clusters import Cluster, copy_folder, run_python, scratch, token
from booking_site.testing.racing import HttpClient, race
from booking_site.testing.sites import Site
from booking_site.testing.visitors import Visitor

LIMIT = 16  # requests a minute of one client
LIMITED = "UPDATE api_clients SET requests_per_minute = %s WHERE name = 'Another client'"
PROCESSES = 4  # that serve, on both sites
DOCTORS = "/api/v1/doctors"
NUMBERS = count()
STATIC = re.compile(r'"(/static/[^"]+\.(?:css|js))"')


class Two:
    def __init__(self, cluster: Cluster, one: Site, other: Site, limited: str) -> None:
        self.one, self.other = one.address, other.address
        self.clients = HttpClient(self.one, token()), HttpClient(self.other, token())
        self.limited = HttpClient(self.one, limited), HttpClient(self.other, limited)
        with cluster.connect() as session:
            hospital = hospitals.read(session)
        self.patients, self.slots = iter(hospital.patients), iter(hospital.slots)

    def booking(self, **more: str) -> dict[str, str]:
        return {"patient_id": next(self.patients), "slot_id": next(self.slots), **more}


@pytest.fixture(scope="module")
def two():
    with scratch() as folder:
        cluster = Cluster(folder / "pg")
        cluster.start()
        places = [folder / name for name in ("one", "other")]
        for place in places:
            place.mkdir()
        sites = [Site(cluster, place, VAR_DIR=str(place), SEALER="off") for place in places]
        try:
            with ThreadPoolExecutor() as pool:
                limited = pool.submit(run_python, "booking_site.testing.visitors", DATABASE_URL=cluster.url())
                run_python("django", "collectstatic", "--no-input", **sites[0].environment)
                copy_folder(places[0] / "static", places[1] / "static")  # as an image for containers has them
                list(pool.map(Site.start, sites))
            cluster.execute(LIMITED, [LIMIT])
            yield Two(cluster, *sites, limited.result().split()[-1])
        finally:
            for site in sites:
                if site.process is not None:
                    site.kill()
            cluster.kill()


def test_who_signs_in_at_one_is_in_at_the_other_and_so_for_out(two):
    visitor = Visitor()
    assert visitor.sign_in(two.one, "reception")
    assert visitor.is_in(two.other)
    visitor.post(f"{two.other}/admin/logout/")
    assert not visitor.is_in(two.one)


def test_tries_to_sign_in_are_counted_together(two):
    stranger = Visitor()
    for site in (two.one, two.other, two.one, two.other, two.one):
        assert not stranger.sign_in(site, "clinician", "wrong")
    assert not stranger.sign_in(two.other, "clinician"), "the right password, once too often"
    assert stranger.sign_in(two.other, "auditor")


def test_requests_of_a_client_are_counted_together(two):
    """Each process may keep a share for itself to the end of the minute, an eighth of the limit."""
    for _ in range(3):
        minute = time.time() // 60
        statuses = [two.limited[number % 2].get(DOCTORS).status for number in range(2 * LIMIT)]
        if time.time() // 60 == minute:
            break
    assert set(statuses) == {200, 429}
    assert LIMIT - PROCESSES * LIMIT // 8 <= statuses.count(200) <= LIMIT


def test_a_hold_of_one_stands_at_the_other(two):
    one, other = two.clients
    body = two.booking()
    hold = one.post(f"/api/v1/available-slots/{body['slot_id']}/hold", {"minutes": 5})
    assert hold.status in (200, 201)
    refused = other.post("/api/v1/book-appointment", body)
    assert (refused.status, refused.code) == (409, "slot_unavailable")
    assert other.post("/api/v1/book-appointment", body | {"hold_token": hold.body["hold_token"]}).status == 201


@pytest.mark.parametrize("together", [False, True])
def test_one_key_at_both_books_once(two, together):
    body, key = two.booking(), f"key {next(NUMBERS)}"
    ask = [
        lambda client=client: client.post("/api/v1/book-appointment", body, Idempotency_Key=key)
        for client in two.clients
    ]
    answers = race(ask) if together else [one() for one in ask]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body["id"] == answers[1].body["id"]


def test_one_seat_goes_to_one_of_them(two):
    body = two.booking()
    bodies = body, body | {"patient_id": next(two.patients)}
    answers = race(
        [
            lambda client=client, body=body: client.post("/api/v1/book-appointment", body)
            for client, body in zip(two.clients, bodies, strict=True)
        ]
    )
    assert sorted(answer.status for answer in answers) == [201, 409]


def test_files_of_a_page_of_one_come_from_the_other(two):
    pages = [Visitor().get(f"{site}/admin/login/")[1] for site in (two.one, two.other)]
    names = set(STATIC.findall(pages[0]))
    assert names
    assert names == set(STATIC.findall(pages[1]))
    for name in names:
        contents = [urllib.request.urlopen(f"{site}{name}", timeout=5).read() for site in (two.one, two.other)]
        assert contents[0] == contents[1]
