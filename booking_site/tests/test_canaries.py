"""The search that follows the suite finds what it is there for: without these controls its silence means nothing."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest
from django.conf import settings

from appointments.erasing import erase
from booking_site.core.errors import DomainError
from booking_site.testing import canaries
from booking_site.testing.canaries import FOLDER, found_in, leaks, remember
from booking_site.testing.factories import TESTER, PatientFactory, booked

LEAK = 'logging.getLogger("django.request").error("Not found: %s", "Zyxwvutsr")'
QUIET = 'logging.getLogger("django.request").error("Not found: %s", "a patient")'
TEST = """
import logging
from booking_site.testing import canaries

def test_first():
    canaries.remember("Zyxwvutsr")

def test_second():
    {what}
"""


@pytest.mark.parametrize(("what", "workers", "status"), [(LEAK, "2", 1), (QUIET, "0", 0)])
def test_a_session_fails_by_one_line(tmp_path, what, workers, status):
    (tmp_path / "test_it.py").write_text(TEST.format(what=what))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", FOLDER))}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "DJANGO_SETTINGS_MODULE": "booking_site.testing.settings"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_django.plugin", "-p", "xdist.plugin",
         "-p", "booking_site.testing.canaries", "-n", workers, "-p", "no:cacheprovider",
         "--rootdir", tmp_path, "-c", os.devnull, tmp_path / "test_it.py"],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "2 passed" in done.stdout) == (status, True), done.stdout + done.stderr
    assert ("'Zyxwvutsr', in: ERROR django.request Not found: Zyxwvutsr" in done.stderr) is bool(status)


def test_a_canary_is_found_as_a_whole_and_as_an_address_writes_it():
    names = {"Núria Puig", "Last12", "ada@mail.example", "+49 30 5550199"}
    for text in ("GET /x?q=N%C3%BAria+Puig", "to <ada@mail.example>:", "for Last12.", "tel +49 30 5550199;"):
        assert [line for _name, line in leaks(text, names)], text
    for text in ("Last123", "myLast12", "Núria and Puig", "/booking/Last-12"):
        assert list(leaks(text, names)) == [], text


def test_what_the_site_logs_and_answers_is_written_down(tmp_path, monkeypatch, api, caplog):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    import logging

    logging.getLogger("appointments").warning("Zyxwvutsr")
    logging.getLogger("django.request").error("Qwertzuiop")
    api.post("/api/v1/patients", {"first_name": 1})
    with pytest.raises(DomainError):
        erase(actor=TESTER, patient_id=uuid.uuid4(), reason="request")
    (tmp_path / "1.canaries").write_text('"Zyxwvutsr"\n"Qwertzuiop"\n"first_name"\n"patient.erased"')
    assert {canary for canary, _line in found_in(tmp_path)} == {
        "Zyxwvutsr", "Qwertzuiop", "first_name", "patient.erased",
    }  # fmt: skip


def test_what_the_fuzzer_types_anywhere_is_no_canary(tmp_path, monkeypatch, api):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    api.post("/api/v1/patients", {"Infinity": 1, "Zyxwvutsr": 1})
    (tmp_path / "1.canaries").write_text('"Infinity"\n"Zyxwvutsr"')
    assert [canary for canary, _line in found_in(tmp_path)] == ["Zyxwvutsr"]


def test_what_a_server_writes_is_watched_too(tmp_path, monkeypatch, server):
    """Its answers by the middleware of the tests, its standard error by where it goes."""
    before = {path.name for path in _written()}
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{server}/api/v1/patients")
    assert {path.suffix for path in _written() if path.name not in before} == {".answers"}
    assert any(path.suffix == ".stderr" for path in _written())


def _written() -> list[Path]:
    return list(Path(os.environ[FOLDER]).iterdir())


@pytest.mark.django_db
def test_patients_and_what_they_come_for_are_remembered():
    booked(patient=PatientFactory(last_name="Quillfeather-Moss", phone="+49 30 5550183"), reason="A rare complaint")
    assert {"Quillfeather-Moss", "+49 30 5550183", "A rare complaint"} <= canaries.seen
    remember("Ada")
    assert "Ada" not in canaries.seen
