"""No answer of the API is a server error: fuzzed calls over real HTTP, against the site as served and as documented.

    python bench/fuzz_api.py [--calls 20000] [--seed 20300514] [--demo small]

The demo hospital in an embedded server of its own, served by gunicorn. schemathesis makes the calls from the served
document, an equal share for each operation, in turn of these kinds: ``valid`` by the document; ``invalid`` on purpose;
``known``, valid with the ids of real records, so that it gets to the business behind the schema; ``hostile``, the same
with one text taken from the naughty strings and names of SHARED_DATA (and a few of our own); ``mangled``, the same with
a body that is cut off, nested, doubled or no text at all. They are made by all kinds of callers: a client without a
limit, one that is limited to a department, an app that acts for a patient, and nobody. Beside them go forms to the
endpoints of OAuth. Prints one JSON object; exits with 1, and names the first of them, when an answer is a 5xx, is not
of a status that is documented for its operation, or is an error and no problem document.
"""

import argparse
import csv
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import own_server
import requests
import schemathesis
from django.conf import settings as site
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, seed, settings
from own_server import VAR_DIR, machine
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from appointments.models import Appointment
from booking_site.api.clients import issue_token, register
from doctors.models import Department, Doctor
from patients.models import Patient
from scheduling.models import AvailableSlot

SHARED_DATA = Path(os.environ.get("SHARED_DATA", site.BASE_DIR.parent / "shared" / "data"))
KINDS = ("valid", "invalid", "known", "hostile", "mangled")
OWN = [
    *("a\0b", "\u202eleft", "\ud83e\udd37", "é" * 5000, "'; DROP TABLE patients; --", "%s%d%n", "\r\nX-Injected: 1"),
    *("NaN", "1e400", "-0", "9" * 400, "2026-02-30", "00000000-0000-0000-0000-000000000000", "../../etc/passwd"),
    *("٣", "\ufffe", "", " ", "null", "true", "[]", "{}"),
]
TYPES = ["application/json", "application/json; charset=utf-16", "text/plain", "multipart/form-data"]
OAUTH = {
    "token": ("grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier", "refresh_token",
              "scope", "username", "password", "resource"),
    "revoke": ("token", "token_type_hint", "client_id", "client_secret"),
}  # fmt: skip
GRANTS = ("client_credentials", "authorization_code", "refresh_token", "password", "implicit")
LONGEST = 400  # characters, of what goes into the address or a header
SHOWN = 20  # of what is wrong


class Served:
    """The site under gunicorn: a context manager that gives its address. Nobody is throttled."""

    def __enter__(self) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        unlimited = dict.fromkeys(
            ("API_REQUESTS_PER_MINUTE", "API_REQUESTS_PER_MINUTE_OF_PATIENT", "API_FAILURES_PER_MINUTE"), "0"
        )
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "python:booking_site.gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
        ]
        self.log = (VAR_DIR / "served.log").open("w")
        self.process = subprocess.Popen(
            command,
            cwd=site.BASE_DIR,
            env={**os.environ, **unlimited, "PYTHONPATH": str(site.BASE_DIR)},
            stderr=self.log,
        )
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5)
                return address
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the server ended at once: " + (VAR_DIR / "served.log").read_text()[-2000:])
                time.sleep(0.1)
        sys.exit("the server did not answer within 30 s")

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


class Fuzzer:
    def __init__(self, address: str, texts: list[str], known: dict[str, list[str]], tokens: list[str], chance: int):
        self.address, self.texts, self.known, self.tokens = address, texts, known, tokens
        self.random = random.Random(chance)
        self.session = requests.Session()
        self.statuses: Counter[int] = Counter()
        self.kinds: Counter[str] = Counter()
        self.wrong: list[dict[str, Any]] = []
        self.sent = 0

    def fuzz(self, operation: Any, calls: int, chance: int) -> None:
        """So many calls of the operation, of all kinds in turn."""
        for number, kind in enumerate(KINDS):
            share = calls // len(KINDS) + (number < calls % len(KINDS))
            mode = GenerationMode.NEGATIVE if kind == "invalid" else GenerationMode.POSITIVE
            try:
                self._run(operation, kind, mode, share, chance + number)
            except Exception as error:  # an operation that takes nothing cannot be asked wrongly
                if kind != "invalid":
                    raise
                print(f"{operation.label}: {type(error).__name__}, valid calls instead", file=sys.stderr)
                self._run(operation, kind, GenerationMode.POSITIVE, share, chance + number)

    def _run(self, operation: Any, kind: str, mode: GenerationMode, calls: int, chance: int) -> None:
        begun = self.sent

        @seed(chance)
        @settings(
            max_examples=calls,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def examples(case: Any) -> None:
            if self.sent - begun < calls:
                self._call(operation, kind, case)

        examples()
        while calls and self.sent - begun < calls:  # few calls can be told apart: those that there are, again
            before = self.sent
            self._repeat(operation, kind, mode, calls - (self.sent - begun), chance + self.sent)
            if self.sent == before:
                break

    def _repeat(self, operation: Any, kind: str, mode: GenerationMode, calls: int, chance: int) -> None:
        cases: list[Any] = []

        @seed(chance)
        @settings(max_examples=20, database=None, deadline=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def collect(case: Any) -> None:
            cases.append(case)

        collect()
        for _ in range(min(calls, 200) if cases else 0):
            self._call(operation, kind, self.random.choice(cases))

    def _call(self, operation: Any, kind: str, case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=self.address)
        if isinstance(sent.get("params"), str) and kind != "invalid":
            sent["params"] = dict(parse_qsl(sent["params"]))
        if kind in ("known", "hostile", "mangled"):
            self._acquaint(operation, sent)
        if kind == "hostile":
            self._poison(sent)
        if kind == "mangled":
            self._mangle(sent)
        headers = {**(sent.get("headers") or {})}
        headers.pop("Authorization", None)
        if token := self.random.choice(self.tokens):
            headers["Authorization"] = f"Bearer {token}"
        sent["headers"] = headers
        self._send(kind, sent, operation.path, set(operation.definition.raw["responses"]))

    def _send(self, kind: str, sent: dict[str, Any], path: str, documented: set[str] | None) -> None:
        try:
            answer = self._answer(sent)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError, ValueError):
            sent["headers"] = {name: value for name, value in sent["headers"].items() if isinstance(value, str)}
            answer = self._answer(sent)  # without what no HTTP client can send: hostile values are bytes
        self.sent += 1
        self.kinds[kind] += 1
        self.statuses[answer.status_code] += 1
        if (why := _what_is_wrong(answer, path, documented)) is not None:
            request = answer.request
            self.wrong.append({
                "why": why, "status": answer.status_code, "kind": kind, "method": request.method,
                "url": str(request.url)[:500],
                "body": repr(request.body)[:500], "headers": {k: repr(v)[:200] for k, v in request.headers.items()},
                "answer": answer.text[:500],
            })  # fmt: skip

    def _answer(self, sent: dict[str, Any]) -> requests.Response:
        """Asked again when the connection, which may have been idle for too long, is closed: but on a new one then."""
        try:
            return self.session.request(**sent, timeout=60, allow_redirects=False)
        except requests.exceptions.ConnectionError:
            return requests.request(**sent, timeout=60, allow_redirects=False)

    # --- other values ----------------------------------------------------------------------------------------------

    def _acquaint(self, operation: Any, sent: dict[str, Any]) -> None:
        """Put ids of real records where ids go."""
        parts = operation.path.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                name = "doctor_id" if "doctors" in parts[place - 1] else {
                    "patients": "patient_id", "appointments": "appointment_id", "available-slots": "slot_id",
                }.get(parts[place - 1], "visit_type")  # fmt: skip
                parts[place] = self.random.choice(self.known[name])
        sent["url"] = self.address + "/".join(parts)
        for values in (sent.get("json"), sent.get("params")):
            for name in values if isinstance(values, dict) else ():
                key = name if name in self.known else f"{name}_id"
                if key in self.known:
                    values[name] = self.random.choice(self.known[key])

    def _poison(self, sent: dict[str, Any]) -> None:
        """One value becomes a hostile text: of the body, the query, the headers or the address."""
        text = self.random.choice(self.texts)
        # Half a character goes into JSON, but into nothing else; what is too long for a line, gunicorn itself refuses.
        encoded = text[:LONGEST].encode("utf-8", "replace")
        body, query = sent.get("json"), sent.get("params") or {}
        place = self.random.choice(["body", "body", "query", "query", "header", "address"])
        if place == "body" and isinstance(body, dict) and body:
            body[self.random.choice(list(body))] = text
        elif place == "header":
            name = self.random.choice(["If-Match", "If-None-Match", "Idempotency-Key", "X-Request-ID", "Accept"])
            sent["headers"] = {**(sent.get("headers") or {}), name: encoded}
        elif place == "address":
            sent["url"] += "/" + requests.utils.quote(encoded, safe="")
        else:
            name = self.random.choice([*query, "search", "doctor", "cursor", encoded.decode()])
            sent["params"] = {**query, name: encoded}

    def _mangle(self, sent: dict[str, Any]) -> None:
        body = json.dumps(sent.pop("json", None) or {}).encode()
        depth = self.random.choice([5, 31, 32, 33, 500, 100_000])
        place = self.random.randrange(len(body) + 1)
        sent["data"] = self.random.choice([
            body[:place], body + body, body[:place] + bytes([self.random.randrange(256)]) + body[place:],
            b'{"reason":' + b"[" * depth + b"]" * depth + b"}", b'{"a":1,"a":2}', b"[]", b"null", b'"' + body + b'"',
            b'{"reason":' + b"9" * depth + b"}", b'{"reason":"\\ud800"}', b"\xff\xfe" + body, b"",
        ])  # fmt: skip
        kind = self.random.choice(TYPES)
        sent["headers"] = {**(sent.get("headers") or {}), "Content-Type": kind}

    def oauth(self, calls: int) -> None:
        for _ in range(calls):
            name = self.random.choice(list(OAUTH))
            form = {
                field: self.random.choice(self.texts)
                for field in OAUTH[name]
                if field == "grant_type" or self.random.random() < 0.6
            }
            if name == "token" and self.random.random() < 0.8:
                form["grant_type"] = self.random.choice(GRANTS)
            data = {field: value.encode("utf-8", "replace") for field, value in form.items()}
            headers = {}
            if self.random.random() < 0.3:
                headers["Authorization"] = b"Basic " + self.random.choice(self.texts).encode("utf-8", "replace")
            url = f"{self.address}/oauth/{name}"
            self._send("oauth", {"method": "POST", "url": url, "data": data, "headers": headers}, "/oauth", None)


def _what_is_wrong(answer: requests.Response, path: str, documented: set[str] | None) -> str | None:
    status = answer.status_code
    if status >= 500:
        return "server error"
    if documented is None:
        return None  # the errors of OAuth have a form of their own
    # An id with a slash in it, or a text at the end, leads to another address or to none.
    elsewhere = urlsplit(str(answer.request.url)).path != path and status in (404, 405)
    if str(status) not in documented and not elsewhere:
        return "not documented"
    if status < 400:
        return None
    if answer.headers.get("Content-Type") != "application/problem+json":
        return "no problem document"
    return None if answer.json()["status"] == status else "another status in the document"


def hostile_texts() -> list[str]:
    found = list(OWN)
    if SHARED_DATA.is_dir():
        found += json.loads((SHARED_DATA / "names" / "blns.json").read_text())
        with (SHARED_DATA / "names" / "faker_names.csv").open(newline="") as file:
            found += [row["full_name"] for row in csv.DictReader(file)][:2000]
        found += (SHARED_DATA / "names" / "tricky_surname_first.txt").read_text().splitlines()
    return found


def known_ids() -> dict[str, list[str]]:
    def some(rows: Any) -> list[str]:
        return [str(key) for key in rows.values_list("pk", flat=True)[:200]]

    return {
        "patient_id": some(Patient.objects.order_by("pk")),
        "doctor_id": some(Doctor.objects.order_by("pk")),
        "slot_id": some(AvailableSlot.objects.free().order_by("starts_at")),
        "appointment_id": some(Appointment.objects.live().order_by("-starts_at")),
        "department_id": some(Department.objects.order_by("pk")),
        "visit_type": ["consultation", "follow_up"],
    }


def tokens() -> list[str]:
    """One for each kind of caller; the empty one for nobody. Most calls are made without a limit."""
    every = list(site.SCOPES)
    free, _ = register("fuzzer", every, 0, may_act_for_patients=True)
    limited, _ = register("fuzzer of a department", every, 0, departments=Department.objects.order_by("pk")[:1])
    patient = Appointment.objects.live().order_by("pk")[0].patient_id
    return [
        *[issue_token(free, days=1)[0]] * 6,
        *[issue_token(limited, days=1)[0]] * 3,
        *[issue_token(free, days=1, patient_id=patient)[0]] * 3,
        *("nonsense", ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=20300514)
    parser.add_argument("--demo", choices=["small", "hospital"], default="small")
    given = parser.parse_args()
    own_server.prepare()
    call_command("demo", size=given.demo, verbosity=0, stdout=sys.stderr)
    texts, known = hostile_texts(), known_ids()
    with Served() as address:
        document = requests.get(f"{address}/openapi.json", timeout=30).json()
        schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig())
        found = [result.ok() for result in schema.get_all_operations()]
        fuzzer = Fuzzer(address, texts, known, tokens(), given.seed)
        began = time.monotonic()
        forms = given.calls // 20
        for number, operation in enumerate(found):
            share = (given.calls - forms) // len(found) + (number < (given.calls - forms) % len(found))
            fuzzer.fuzz(operation, share, given.seed + 100 * number)
            print(f"{fuzzer.sent} calls, {operation.label}: {len(fuzzer.wrong)} wrong so far", file=sys.stderr)
        fuzzer.oauth(given.calls - fuzzer.sent)
        seconds = time.monotonic() - began
    errors = sum(count for status, count in fuzzer.statuses.items() if status >= 500)
    told = {
        "calls": fuzzer.sent,
        "server_errors": errors,
        "wrong": len(fuzzer.wrong),
        "statuses": {str(status): count for status, count in sorted(fuzzer.statuses.items())},
        "kinds": dict(fuzzer.kinds),
        "operations": len(found),
        "texts": len(texts),
        "seconds": round(seconds),
        "seed": given.seed,
        "machine": machine(),
        "first_wrong": fuzzer.wrong[:SHOWN],
    }
    print(json.dumps(told, indent=2, ensure_ascii=False))
    if fuzzer.wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
