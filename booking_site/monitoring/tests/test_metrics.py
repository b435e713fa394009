"""Metrics as Prometheus reads them, from a site with two workers."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from booking_site.monitoring import shared
from booking_site.testing.factories import PatientFactory, SlotFactory
from booking_site.testing.fixtures import serving, test_database_url
from booking_site.testing.racing import HttpClient

TOKEN = "a token of the tests' own, long enough for all"
SAMPLE = re.compile(r"^(hospital_\w+)(\{.*\})? (\S+)$", re.MULTILINE)


def read(address: str) -> dict[str, float]:
    request = urllib.request.Request(f"{address}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers.get_content_type() == "text/plain"
        text = answer.read().decode()
    return {name + labels: float(value) for name, labels, value in SAMPLE.findall(text)}


def soon(look, expected, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (found := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected


@pytest.mark.django_db(transaction=True)
def test_metrics_add_up_what_all_workers_have_done(make_token):
    patient, slot = PatientFactory(last_name="Quillfeather"), SlotFactory()
    body = {"patient_id": str(patient.pk), "slot_id": str(slot.pk)}
    token = make_token()
    with serving(METRICS="on", METRICS_TOKEN=TOKEN) as address:
        assert HttpClient(address, token).post("/api/v1/book-appointment", body).status == 201
        assert HttpClient(address, token).post("/api/v1/book-appointment", body).status == 409
        for _ in range(10):  # each on a connection of its own: whichever worker takes it
            assert HttpClient(address, token).get(f"/api/v1/patients/{patient.pk}").status == 200
        found = read(address)
        asked = 'method="GET",route="api/v1/patients/<pk>"'
        assert found[f'hospital_http_requests_total{{{asked},status="200"}}'] == 10
        assert found[f"hospital_http_request_seconds_count{{{asked}}}"] == 10
        assert 0 < found[f"hospital_http_request_seconds_sum{{{asked}}}"] < 60
        assert found['hospital_appointments_total{change="booked"}'] == 1
        [refused] = [name for name in found if name.startswith("hospital_refusals_total")]
        assert 'code="patient_double_booked"' in refused or 'code="slot_unavailable"' in refused
        assert found["hospital_database_up"] == 1
        assert 1 <= found["hospital_database_connections"] <= found["hospital_database_connections_max"]
        assert found["hospital_audit_unsealed_rows"] >= 12  # nothing seals here
        assert found["hospital_audit_unsealed_seconds"] > 0
        assert found["hospital_held_seats"] == found["hospital_database_lock_waits"] == 0
        assert found["hospital_http_requests_in_progress"] == 1  # this one
        assert not any("Quillfeather" in name or str(patient.pk) in name for name in found)

        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": TOKEN}, {"Authorization": "Bearer ä"}):
            answers = [_problem(address, path, headers) for path in ("/metrics", "/nothing")]
            assert answers[0] == answers[1]
            assert answers[0][0] == 404

        _killed_workers_do_nothing_any_more(address, token)


def _killed_workers_do_nothing_any_more(address: str, token: str) -> None:
    """What is in progress is told while it is, and not for ever of a worker that was killed meanwhile; what a worker
    had counted stays."""
    counted = 'hospital_appointments_total{change="booked"}'
    with psycopg.connect(test_database_url()) as other:
        other.execute("LOCK TABLE appointments")
        waits = threading.Thread(target=_ignoring_its_end, args=[address, token])
        waits.start()
        soon(lambda: read(address)["hospital_database_lock_waits"], 1)
        assert read(address)["hospital_http_requests_in_progress"] == 2
        before = _workers(address)
        for worker in before:
            os.kill(worker.pid, signal.SIGKILL)
        waits.join()
    soon(lambda: len([worker for worker in _workers(address) if worker not in before]), 2)
    soon(lambda: read(address)["hospital_http_requests_in_progress"], 1)
    assert read(address)[counted] == 1


def _ignoring_its_end(address: str, token: str) -> None:
    with contextlib.suppress(http.client.HTTPException, OSError):
        HttpClient(address, token).get("/api/v1/appointments")


def _workers(address: str) -> list[psutil.Process]:
    port = urlsplit(address).port
    bound = f"127.0.0.1:{port}"
    [master] = [
        process
        for process in psutil.process_iter()
        if bound in _command(process) and bound not in _command(process.parent())
    ]
    return [child for child in master.children() if bound in _command(child)]


def _command(process: psutil.Process | None) -> list[str]:
    try:
        return process.cmdline() if process is not None else []
    except psutil.Error:
        return []


def _problem(address: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=5)
    connection.putrequest("GET", path)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read().decode().replace(path, "")


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        ({"LOCAL": "off", "METRICS_TOKEN": "short"}, True),
        ({"LOCAL": "off", "METRICS_TOKEN": TOKEN}, False),
        ({"LOCAL": "on"}, False),
    ],
)
def test_a_deployment_without_a_token_does_not_start(tmp_path, environment, refused):
    given = {"METRICS": "on", "SECRET_KEY": "k3-9fbb2c17d0a4e86f5b1c20d7a9e4f8", "VAR_DIR": str(tmp_path), "PATH": ""}
    result = subprocess.run(
        [sys.executable, "-c", "import booking_site.settings"],
        env=given | environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert ("METRICS needs a METRICS_TOKEN" in result.stderr) == refused == bool(result.returncode)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 404),
        ("", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 404),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_without_a_token_this_machine_alone_may_read_them(rf, settings, address, headers, status):
    from django.http import Http404

    from booking_site.monitoring.metrics import page

    settings.METRICS_TOKEN = ""
    request = rf.get("/metrics", REMOTE_ADDR=address, headers=headers)
    if status == 404:
        with pytest.raises(Http404):
            page(request)
    else:
        assert b"hospital_database_up 1.0" in page(request).content


def test_the_folder_of_a_server_that_was_killed_is_removed(monkeypatch):
    monkeypatch.delenv(shared.VARIABLE, raising=False)
    shared.open_folder()
    mine = Path(os.environ[shared.VARIABLE])
    ended = subprocess.Popen(["true"])
    ended.wait()
    others = {pid: mine.parent / f"{shared.PREFIX}{pid}-x" for pid in (ended.pid, os.getppid())}
    for folder in others.values():
        folder.mkdir()
    try:
        shared.open_folder()
        assert {pid: folder.exists() for pid, folder in others.items()} == {ended.pid: False, os.getppid(): True}
        assert not mine.exists()
    finally:
        shared.close_folder()
        others[os.getppid()].rmdir()
    assert not Path(os.environ[shared.VARIABLE]).exists()
