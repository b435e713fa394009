"""After the suite: nothing that tells who a patient is stands in what the site has logged or has answered as an error.

A plugin of pytest (loaded by conftest.py). Each name, address, number and note of a patient that a test has made is
remembered, as a canary. Written down are all lines that the site logs, as it formats them, here and in the servers that
tests start, every error that the API answers, and every refusal of an operation. When the session ends, with xdist in
the process that the workers report to, the canaries are looked for; one that is found fails the session.
"""

import json
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_plus

import pytest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from hypothesis.internal.conjecture.providers import GLOBAL_CONSTANTS

FOLDER = "SITE_LOGS"  # of the environment: where the processes of a session write
FIELDS = ("first_name", "last_name", "email", "phone", "insurance_id", "mrn", "notes")
SHORTEST = 5  # what is shorter is found in any text
WORD = re.compile(r"[\w@.+'\-]*\w")
TEXTS = Path(__file__).parent.parent / "locale" / "de" / "LC_MESSAGES" / "django.po"  # all that the site says itself
LOGGERS = ("", "django")  # the latter does not propagate
seen: set[str] = set()


# Names that tests give to patients, and that errors have of their own: a value of a filter, a doctor, a column.
ALSO_OTHERS = {"false", "False", "Other", '"Name"'}


def remember(*values: Any) -> None:
    seen.update(value.strip() for value in map(str, values) if len(value.strip()) >= SHORTEST)


def leaks(text: str, canaries: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(canary, line) for each canary in the text, as whole words, also as an address writes it."""
    text = f"{text}\n{unquote_plus(text)}".replace(r"\n", "\n")  # as JSON writes lines
    words = set(WORD.findall(text))
    for canary in canaries:
        parts = WORD.findall(canary)
        if parts and words.issuperset(parts) and re.search(rf"(?<!\w){re.escape(canary)}(?!\w)", text):
            yield canary, next((line for line in text.splitlines() if canary in line), "")


def file_of(kind: str) -> IO[str] | None:
    """The file that this process adds to; None where no session watches."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    return (Path(folder) / f"{os.getpid()}.{kind}").open("a", encoding="utf-8", errors="backslashreplace")


class Errors:
    """Middleware, of the tests only: writes down every error that the API answers, here and in servers alike."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
        if is_problem and (file := file_of("answers")) is not None:
            problem = json.loads(response.content)  # type: ignore[attr-defined]
            if request.resolver_match is None or "url" in request.resolver_match.kwargs:  # the console's catch-all
                problem.pop("instance", None)  # no address of ours: it is what the client has typed
            with file:
                file.write(f"{json.dumps(problem, ensure_ascii=False)}\n")
        return response


class Watch(logging.Handler):
    """Writes what is logged in this process, as the site's own handler would."""

    def __init__(self) -> None:
        from booking_site.logs import JsonFormatter, PrivateFormatter

        super().__init__()
        self.formatters = PrivateFormatter("%(levelname)s %(name)s %(message)s"), JsonFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        if (file := file_of("log")) is not None:
            with file:
                file.writelines(f"{formatter.format(record)}\n" for formatter in self.formatters)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="site-logs-")
    handler = Watch()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)


def pytest_sessionstart() -> None:
    from django.db.models.signals import post_save

    from appointments.signals import appointment_booked
    from booking_site.core.signals import refused
    from patients.models import Patient

    post_save.connect(_patient_saved, sender=Patient)
    appointment_booked.connect(_booked)
    refused.connect(_refused)


def _patient_saved(instance: Any, **kwargs: Any) -> None:
    remember(*(value for name in FIELDS if (value := instance.__dict__.get(name))))


def _booked(appointment: Any, **kwargs: Any) -> None:
    remember(appointment.reason)


def _refused(action: str, error: Any, **kwargs: Any) -> None:
    """What people of the console and at a command line are told by."""
    if (file := file_of("answers")) is not None:
        with file:
            file.write(f"{action} {error.detail} {error.errors}\n")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker leaves what it remembers; who it reports to looks for it, after the workers have ended."""
    if (file := file_of("canaries")) is not None:
        with file:
            file.writelines(f"{json.dumps(value)}\n" for value in seen)
    if hasattr(session.config, "workerinput"):
        return
    found = list(found_in(Path(os.environ.pop(FOLDER))))
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for canary, line in found:
            print(f"\nOf a patient, in what the site has written: {canary!r}, in: {line}", file=sys.stderr)


def found_in(folder: Path) -> Iterator[tuple[str, str]]:
    """The leaks of a session, whose folder is deleted."""
    canaries: set[str] = set()
    texts = []
    for path in folder.iterdir():
        if path.suffix == ".canaries":
            canaries.update(json.loads(line) for line in path.read_text().splitlines())
        else:
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    shutil.rmtree(folder)
    canaries -= set(WORD.findall(TEXTS.read_text()))  # somebody called Somebody is in every text
    canaries -= ALSO_OTHERS
    canaries.difference_update(GLOBAL_CONSTANTS.strings)  # what the fuzzer types into anything, made-up fields too
    for text in texts:
        yield from leaks(text, canaries)
