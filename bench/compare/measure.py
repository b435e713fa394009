"""One measurement: so many clients for so many seconds, and what that took."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from bench.compare import cluster, driver, meter, pgbench
from bench.compare.systems import System
from bench.compare.workloads import Parameters, Workload

WARM_UP = 1  # seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """Times are in milliseconds; those of the processor are for one request. ``cpu_ms_per_request``: of the processes
    that serve, without the sealer of the audit log and without the database, which are beside it. Memory: of the
    processes that serve, None where nothing does."""

    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms_per_request: float
    sealer_cpu_ms_per_request: float
    database_cpu_ms_per_request: float
    rss_mb: float | None
    pss_mb: float | None


def median(samples: list[Sample]) -> dict[str, float | None]:
    """Field by field."""
    found: dict[str, float | None] = {}
    for name in (field.name for field in fields(Sample)):
        values = [getattr(sample, name) for sample in samples]
        found[name] = None if None in values else round(statistics.median(values), 3)
    return found


def over_http(system: System, workload: Workload, queue: Iterator[bytes], clients: int, seconds: float) -> Sample:
    marks: list[dict[str, float]] = []

    def mark() -> None:
        marks.append(system.cpu_seconds() | {"database": meter.cpu_seconds(cluster.postmaster())})

    outcome = driver.run(
        system.address,
        queue,
        clients=clients,
        seconds=seconds,
        warm_up=WARM_UP,
        expected=[workload.expected],
        at_start=mark,
        at_end=mark,
    )
    check(f"{system.name}, {workload.name}", outcome)
    memory = system.memory()
    system.settle()
    return _sample(outcome, *marks, **asdict(memory))


def check(what: str, outcome: driver.Outcome) -> None:
    """Leave with what was answered, when anything was that should not have been."""
    if outcome.unexpected:
        raise SystemExit(f"{what}: answers by status {dict(outcome.statuses)}, such as\n{outcome.unexpected[:1500]!r}")


def bare(of: Parameters, workload: Workload, clients: int, seconds: float) -> Sample:
    def mark() -> dict[str, float]:
        return {"web": 0, "sealer": 0, "database": meter.cpu_seconds(cluster.postmaster())}

    before = mark()
    outcome = pgbench.run(of, workload.name, clients=clients, seconds=seconds)
    return _sample(outcome, before, mark(), rss_mb=None, pss_mb=None)


def _sample(outcome: driver.Outcome, before: dict[str, float], after: dict[str, float], **memory: Any) -> Sample:
    used = {name: 1000 * (after[name] - before[name]) / len(outcome.latencies) for name in before}
    return Sample(
        rps=outcome.rps,
        p50_ms=outcome.percentile(0.5),
        p95_ms=outcome.percentile(0.95),
        p99_ms=outcome.percentile(0.99),
        cpu_ms_per_request=used["web"],
        sealer_cpu_ms_per_request=used["sealer"],
        database_cpu_ms_per_request=used["database"],
        **memory,
    )
