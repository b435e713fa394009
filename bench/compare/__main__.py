"""The API against references in one run, over a million slots: ours, a FastAPI build of the same calls, and pgbench.

    python -m bench.compare [--only W1a,W2] [--systems ours] [--rounds 3] [--seconds 3] [--clients 8,32] [--growth]
    python -m bench.compare --shell

Rounds ask all systems in turn, each workload of each by so many clients; figures are medians. A whole run (no --only,
no --systems) writes ``bench/results/latest.json``, ``latest.md`` and ``latest.svg``, and exits with 1 when something is
not met that is asked of the product; a part of it prints only. --growth: also ours over ten million slots.
--shell: keep the data set up for looking at it by hand. Data, and packages of the reference, are kept under BENCH_DIR
(``var/bench``).
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import psutil

from bench.compare import chart, cluster, dataset, driver, measure, pgbench, profile, reference, report, systems
from bench.compare.workloads import RACERS, WORKLOADS, Caller, Parameters, contests, race

RESULTS = Path(__file__).resolve().parents[1] / "results"
SHARED_SEATS = """
SELECT count(*) FROM (
    SELECT FROM appointments WHERE status NOT IN ('cancelled', 'no_show') GROUP BY slot_id HAVING count(*) > 1
) AS shared
"""


class Run:
    """The systems at work, and what has been found of them."""

    def __init__(self, asked: list[str]) -> None:
        self.asked = asked
        self.served: dict[str, systems.System] = {}
        self.of: dict[str, Parameters] = {}
        self.queues: dict[tuple[str, str], Iterator[bytes]] = {}
        self.samples: report.Samples = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        self.extra: dict[str, dict[str, Any]] = defaultdict(dict)

    def start(self) -> None:
        for name in self.asked:
            template = dataset.template(dataset.SIZES["10m" if name == report.LARGER else "1m"])
            self.of[name] = Parameters(template)
            if name == report.BARE:
                pgbench.prepare(template)
            elif name == report.PEER:
                self.served[name] = systems.start_reference(template)
            else:
                self.served[name] = systems.start_ours(template, name)

    def stop(self) -> None:
        for system in self.served.values():
            system.stop()

    def queue(self, system: str, workload: str) -> Iterator[bytes]:
        if (system, workload) not in self.queues:
            caller = Caller(self.served[system].token)
            self.queues[system, workload] = WORKLOADS[workload].make(self.of[system], caller)
        return self.queues[system, workload]

    def ask(self, workload: str, number: int, clients: list[int], seconds: float) -> None:
        """One workload of all systems, which take turns in being first."""
        for count in clients:
            turn = number % len(self.asked)
            for name in self.asked[turn:] + self.asked[:turn]:
                if name != report.BARE:
                    queue = self.queue(name, workload)
                    sample = measure.over_http(self.served[name], WORKLOADS[workload], queue, count, seconds)
                elif count == report.FEW:
                    sample = measure.bare(self.of[name], WORKLOADS[workload], count, seconds)
                else:
                    continue
                self.samples[name][workload][count].append(sample)
                print(_line(name, workload, count, sample), flush=True)

    def race(self) -> None:
        """W3, and seats that are contested one by one."""
        for name, system in self.served.items():
            caller, of = Caller(system.token), self.of[name]
            before = cluster.deadlocks()
            driver.run(system.address, self.queue(name, "W4g"), clients=RACERS, seconds=1)  # every thread is connected
            outcome = driver.volley(system.address, race(of, caller), expected=[201, 409])
            measure.check(f"{name}, W3", outcome)
            volleys = [
                driver.volley(system.address, requests, expected=[201, 409]) for requests in contests(of, caller)
            ]
            for volley in volleys:
                measure.check(f"{name}, contested seats", volley)
            latencies = driver.Outcome(latencies=[latency for volley in volleys for latency in volley.latencies])
            system.settle()
            shared = cluster.rows(system.database, SHARED_SEATS)[0][0]
            self.extra[name]["W3"] = {
                "winners": outcome.statuses[201],
                "conflicts": outcome.statuses[409],
                "shared_seats": shared,
            }
            self.extra[name]["contested"] = {
                "seats": len(volleys),
                "winners": sum(volley.statuses[201] for volley in volleys),
                "p99_ms": round(latencies.percentile(0.99), 1),
                "deadlocks": cluster.deadlocks() - before,
            }
            print(name, self.extra[name], flush=True)

    def look_into(self, seconds: float) -> None:
        """Where our time goes."""
        system = self.served[report.OURS]
        self.extra[report.OURS]["profile"] = {
            name: profile.of(system, WORKLOADS[name], self.queue(report.OURS, name), seconds) for name in WORKLOADS
        }

    def check_invariants(self) -> None:
        """After all that, the tables agree with each other, and the log is what was written."""
        database = self.served[report.OURS].database
        broken = [name for name in ("check_integrity", "verify_audit") if not cluster.holds(database, name)]
        self.extra[report.OURS]["invariants"] = ", ".join([f"{name} does not" for name in broken]) or "hold"


def _line(system: str, workload: str, clients: int, sample: measure.Sample) -> str:
    times = f"p50 {sample.p50_ms:7.1f}  p95 {sample.p95_ms:7.1f}  p99 {sample.p99_ms:7.1f} ms"
    cost = f"CPU a request: web {sample.cpu_ms_per_request:.2f}, database {sample.database_cpu_ms_per_request:.2f} ms"
    memory = "" if sample.pss_mb is None else f", PSS {sample.pss_mb:.0f} MB"
    return f"{workload:4} {clients:3} clients  {system:18} {sample.rps:9.1f}/s  {times}  {cost}{memory}"


def machine(rounds: int, seconds: float) -> dict[str, Any]:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cores": os.cpu_count(),
        "processor": models[0].partition(": ")[2] if models else platform.machine(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": cluster.rows("hospital", "SHOW server_version")[0][0],
        "slots": dataset.SIZES["1m"].slots,
        "rounds": rounds,
        "seconds": seconds,
    }


def shell() -> None:
    template = dataset.template(dataset.SIZES["1m"])
    system = systems.start_ours(template)
    print(f"served at {system.address}\ntoken {system.token}\nas the owner: {cluster.url(system.database)}")
    print(f"as the site: {cluster.url(system.database, systems.SITE)}\nCtrl-C ends it.", flush=True)
    try:
        while True:
            time.sleep(60)
    except KeyboardInterrupt:
        system.stop()


def write(result: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / "latest.md").write_text(report.markdown(result))
    (RESULTS / "latest.svg").write_text(chart.svg(result))


def _some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(known)}")
        return names

    return parse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_some_of(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--systems", type=_some_of(report.TITLES), help=", ".join(report.TITLES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--clients", default=f"{report.FEW},{report.MANY}")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--shell", action="store_true")
    options = parser.parse_args()
    workloads = options.only or list(WORKLOADS)
    asked = options.systems or [report.OURS, report.PEER, report.BARE]
    asked += [report.LARGER] if options.growth else []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    is_whole = not options.only and not options.systems
    with cluster.alone():
        if options.shell:
            shell()
            return
        if report.PEER in asked:
            reference.install()
        about = machine(options.rounds, options.seconds)
        run = Run(asked)
        try:
            run.start()
            for number in range(options.rounds):
                for workload in workloads:
                    run.ask(workload, number, [int(count) for count in options.clients.split(",")], options.seconds)
            if is_whole:
                run.race()
                run.look_into(options.seconds)
                run.check_invariants()
        finally:
            run.stop()
    result = report.build(run.samples, run.extra, about)
    if is_whole:
        write(result)
        print(f"Written to {RESULTS}.")
    for demand in result["demands"]:
        print(f"{'met' if demand['met'] else 'NOT MET':8} {demand['what']}: {demand['found']} ({demand['asked']})")
    sys.exit(is_whole and not all(demand["met"] for demand in result["demands"]))


if __name__ == "__main__":
    main()
