"""What a run has found, as JSON and as Markdown, with what is asked of the product and whether it is met."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bench.compare.measure import Sample, median
from bench.compare.workloads import RACERS, SEATS, WORKLOADS

OURS, PEER, BARE, LARGER = "ours", "reference_fastapi", "pgbench", "ours_10m"
TITLES = {OURS: "this system", PEER: "FastAPI", BARE: "bare database", LARGER: "this system, 10 million slots"}
FEW, MANY = 8, 32  # clients
MOST_PSS_MB, MOST_CONTESTED_MS, LEAST_GROWTH = 200, 500, 0.9

ABOUT = (
    "{slots:,} slots; {cores} cores ({processor}), {memory_gb} GB, PostgreSQL {postgresql}, Python {python}; load "
    "average before: {load_average}. Medians of {rounds} interleaved rounds of {seconds} s. This system as it is "
    "served by default, with authentication, permissions, validation, throttle and audit, also of what is read. "
    "FastAPI with async SQLAlchemy 2, asyncpg and uvicorn, two workers, with tokens, scopes, validation, and a plain "
    "audit row of what is written, none of what is read. The bare database by pgbench, with prepared statements over "
    "the tables of this system. Only figures "
    "of one run can be compared."
)

# By system, by workload, by number of clients: a sample of each round.
Samples = dict[str, dict[str, dict[int, list[Sample]]]]


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that is asked of the product."""

    what: str
    asked: str
    found: str
    met: bool


def build(samples: Samples, extra: dict[str, dict[str, Any]], machine: dict[str, Any]) -> dict[str, Any]:
    """``extra``: by system, what is no series of samples, such as the outcome of W3."""
    systems: dict[str, dict[str, Any]] = {
        system: {
            workload: {f"c{clients}": median(rounds) for clients, rounds in by_clients.items()}
            for workload, by_clients in by_workload.items()
        }
        for system, by_workload in samples.items()
    }
    for system, found in extra.items():
        systems.setdefault(system, {}).update(found)
    result: dict[str, Any] = {
        "ratios": ratios(samples, OURS, PEER, lambda sample: sample.rps),
        "processor_ratios": ratios(samples, PEER, OURS, _processor_time),
        "systems": systems,
        "machine": machine,
    }
    if LARGER in samples:
        result["growth"] = ratios(samples, LARGER, OURS, lambda sample: sample.rps)
    result["demands"] = [asdict(demand) for demand in demands(result)]
    return result


def ratios(samples: Samples, one: str, other: str, figure: Callable[[Sample], float]) -> dict[str, float]:
    """A figure of one system to that of another at 8 clients: the median of the rounds, each of which asked both."""
    found = {}
    for workload in WORKLOADS:
        of_one, of_other = (samples.get(system, {}).get(workload, {}).get(FEW, []) for system in (one, other))
        if of_one and of_other:
            pairs = zip(of_one, of_other, strict=True)
            found[workload] = round(statistics.median(figure(a) / figure(b) for a, b in pairs), 2)
    return found


def _processor_time(sample: Sample) -> float:
    """Of a request, all processes: what is left to compare by when others use the machine."""
    return sample.cpu_ms_per_request + sample.sealer_cpu_ms_per_request + sample.database_cpu_ms_per_request


def demands(result: dict[str, Any]) -> Iterator[Demand]:
    ours, peer = result["systems"].get(OURS, {}), result["systems"].get(PEER, {})
    for name, ratio in result["ratios"].items():
        least = WORKLOADS[name].least
        yield Demand(f"{name}: throughput to that of FastAPI", f"at least {least}", f"{ratio}", ratio >= least)
    for name in WORKLOADS:
        many, of_peer = (of.get(name, {}).get(f"c{MANY}") for of in (ours, peer))
        if many and of_peer:
            p99, p50 = many["p99_ms"], of_peer["p50_ms"]
            asked = f"below the p50 of FastAPI, {p50:.0f} ms"
            yield Demand(f"{name}: p99 at {MANY} clients", asked, f"{p99:.0f} ms", p99 < p50)
    measured = [of["pss_mb"] for name in WORKLOADS for of in ours.get(name, {}).values() if of["pss_mb"]]
    if measured:
        asked, found = f"at most {MOST_PSS_MB} MB", f"{max(measured):.0f} MB"
        yield Demand("memory of the web processes (PSS)", asked, found, max(measured) <= MOST_PSS_MB)
    if race := ours.get("W3"):
        met = race["winners"] == SEATS and race["conflicts"] == RACERS - SEATS and race["shared_seats"] == 0
        found = f"{race['winners']} winners, {race['conflicts']} refused by 409, {race['shared_seats']} seats shared"
        asked = f"{SEATS} winners, {RACERS - SEATS} refused, no seat shared"
        yield Demand(f"W3: {RACERS} clients race for {SEATS} seats", asked, found, met)
    if contest := ours.get("contested"):
        asked, found = f"at most {MOST_CONTESTED_MS} ms, no deadlock", f"{contest['p99_ms']:.0f} ms"
        met = contest["p99_ms"] <= MOST_CONTESTED_MS and contest["deadlocks"] == 0
        found += f", {contest['deadlocks']} deadlocks, {contest['winners']} winners of {contest['seats']} seats"
        yield Demand(f"one seat, {RACERS} clients: p99", asked, found, met and contest["winners"] == contest["seats"])
    for name, ratio in result.get("growth", {}).items():
        asked = f"at least {LEAST_GROWTH}"
        yield Demand(
            f"{name}: throughput at 10 million slots to that at 1 million", asked, str(ratio), ratio >= LEAST_GROWTH
        )
    if "invariants" in ours:
        yield Demand(
            "check_integrity and verify_audit afterwards", "hold", ours["invariants"], ours["invariants"] == "hold"
        )


def markdown(result: dict[str, Any]) -> str:
    machine, systems = result["machine"], result["systems"]
    shown = [name for name in (OURS, PEER, BARE, LARGER) if name in systems]
    parts = [
        "# The API against references, in one run",
        ABOUT.format(**machine),
        "![Requests a second](latest.svg)",
        "## Requests a second, 8 clients",
        _throughput(result, shown),
        "## Latency, milliseconds",
        _latency(systems, shown),
        "## Processor time of a request, milliseconds, and memory",
        "Of the processes that serve (`web`), of the database, and of the sealer of the audit log, at 8 clients.",
        _cost(systems, shown),
        "## What is asked, and what is met",
        _table(
            ["", "asked", "found", "met"],
            [[row["what"], row["asked"], row["found"], "yes" if row["met"] else "**no**"] for row in result["demands"]],
        ),
    ]
    if profiles := systems.get(OURS, {}).get("profile"):
        groups = list(dict.fromkeys(group for shares in profiles.values() for group in shares))
        rows = [[group, *(f"{shares.get(group, 0):.0%}" for shares in profiles.values())] for group in groups]
        parts += [
            "## Where the time goes in the web processes",
            "Shares of the samples in which a thread held the interpreter, at 8 clients, in a pass of its own.",
            _table(["", *profiles], rows),
        ]
    return "\n\n".join(parts) + "\n"


def _throughput(result: dict[str, Any], shown: list[str]) -> str:
    rows = []
    for name, workload in WORKLOADS.items():
        found = [result["systems"][system].get(name, {}).get(f"c{FEW}") for system in shown]
        if any(found):
            ratio = result["ratios"].get(name)
            rows.append(
                [
                    f"{name} {workload.says}",
                    *(f"{of['rps']:,.0f}" if of else "" for of in found),
                    f"{ratio}" if ratio else "",
                    f"{result['processor_ratios'].get(name, '')}",
                    f"{workload.least}" if workload.least else "",
                ]
            )
    return _table(["", *(TITLES[system] for system in shown), "ratio to FastAPI", "by processor time", "asked"], rows)


def _latency(systems: dict[str, Any], shown: list[str]) -> str:
    rows = [
        [name, clients.removeprefix("c"), TITLES[system], *(f"{of[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms"))]
        for name in WORKLOADS
        for system in shown
        for clients, of in systems[system].get(name, {}).items()
    ]
    return _table(["", "clients", "", "p50", "p95", "p99"], rows)


def _cost(systems: dict[str, Any], shown: list[str]) -> str:
    rows = []
    for name in WORKLOADS:
        for system in shown:
            if of := systems[system].get(name, {}).get(f"c{FEW}"):
                web, database = of["cpu_ms_per_request"], of["database_cpu_ms_per_request"]
                cost = [f"{web:.2f}", f"{database:.2f}", f"{of['sealer_cpu_ms_per_request']:.2f}"]
                memory = ["" if of[key] is None else f"{of[key]:.0f}" for key in ("rss_mb", "pss_mb")]
                rows.append([name, TITLES[system], *cost, *memory])
    return _table(["", "", "web", "database", "sealer", "RSS, MB", "PSS, MB"], rows)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
