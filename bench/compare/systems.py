"""The systems that are measured over HTTP, each started over a fresh copy of the data."""

import hashlib
import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.compare import cluster, meter, reference
from booking_site.postgres.roles import SEALER, SITE

SCOPES = "slots:read appointments:read appointments:write"
START = 60  # seconds
UNHINDERED = 100_000_000  # requests a minute: they are counted, and none is refused


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class System:
    """One that is served. ``token`` is sent with each request."""

    name: str
    database: str
    address: str
    token: str
    server: "subprocess.Popen[bytes]"

    def cpu_seconds(self) -> dict[str, float]:
        return {"web": meter.cpu_seconds(self.server.pid, but=_is_sealer), "sealer": self._sealer_seconds()}

    def _sealer_seconds(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in meter.tree(self.server.pid)[1:] if _is_sealer(process))

    def memory(self) -> meter.Memory:
        return meter.memory([process for process in meter.tree(self.server.pid) if not _is_sealer(process)])

    def settle(self) -> None:
        """Wait until nothing is at work behind the last request."""

    def stop(self) -> None:
        self.server.terminate()
        try:
            self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.kill()


def _is_sealer(process: psutil.Process) -> bool:
    return "seal_audit" in process.cmdline()


class Ours(System):
    def settle(self) -> None:
        """The sealer has sealed what has been written."""
        unsealed = """
        SELECT count(*) FROM audit_logs
        WHERE xid >= coalesce((SELECT xid_to FROM audit_seals ORDER BY number DESC LIMIT 1), 0)
        """
        for _ in range(300):
            if not cluster.rows(self.database, unsealed)[0][0]:
                return
            time.sleep(0.1)
        raise SystemExit("The sealer of the audit log does not keep up.")


def start_ours(template: str, name: str = "ours") -> Ours:
    """The product as it is served by default: under gunicorn with its own configuration, as the role that owns nothing,
    with the sealer of the audit log beside it."""
    database = f"work_{name}"
    cluster.copy(template, database)
    files = _site_files(name)
    cluster.manage(database, "grant_roles")
    made = cluster.manage(database, "create_client", "bench", "--scopes", SCOPES)
    port = _free_port()
    environment = cluster.site_environment(database, SITE) | {
        "VAR_DIR": str(files),
        "SEALER": "on",
        "SEALER_DATABASE_URL": cluster.url(database, SEALER),
        "API_REQUESTS_PER_MINUTE": str(UNHINDERED),
        "PORT": str(port),
    }
    server = _spawn(name, [sys.executable, "-m", "gunicorn", "-c", "python:booking_site.gunicorn"], environment)
    system = Ours(name, database, f"http://127.0.0.1:{port}", json.loads(made)["access_token"], server)
    _wait_for(system, "/health")
    return system


def start_reference(template: str) -> System:
    database = "work_reference"
    cluster.copy(reference.template(template), database)
    port = _free_port()
    serve = ["uvicorn", "main:app", "--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--no-access-log"]
    serve += ["--loop", "uvloop", "--http", "httptools"]
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    cluster.rows(database, "INSERT INTO clients (name, scopes) VALUES ('bench', %s)", [SCOPES])
    given = "SELECT %s, now() + interval '1 day', id FROM clients"
    cluster.rows(database, f"INSERT INTO access_tokens (digest, expires_at, client_id) {given}", [digest])
    environment = reference.environment(database)
    server = _spawn("reference_fastapi", reference.python("-m", *serve), environment, reference.SOURCE)
    system = System("reference_fastapi", database, f"http://127.0.0.1:{port}", token, server)
    _wait_for(system, "/api/v1/health")
    return system


def _site_files(name: str) -> Path:
    """VAR_DIR of the site. Seals that were kept of an earlier copy are of another log than that of this one."""
    files = cluster.HOME / "sites" / name
    (files / "static").mkdir(parents=True, exist_ok=True)
    (files / "audit_seals.jsonl").unlink(missing_ok=True)
    return files


def _spawn(name: str, command: list[str], environment: dict[str, str], cwd: Path = cluster.ROOT) -> Any:
    with (cluster.HOME / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _wait_for(system: System, path: str) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and system.server.poll() is None:
        try:
            urllib.request.urlopen(system.address + path, timeout=5)
            return
        except OSError:
            time.sleep(0.1)
    system.server.kill()
    log = (cluster.HOME / f"{system.name}.log").read_text(errors="replace")
    raise SystemExit(f"{system.name} does not answer:\n{log[-2000:]}")
