"""python -m bench.compare [--only W1a,W2] [--systems ours] [--rounds 1] [--seconds 3] [--size 1m]"""

import argparse
import sys

from bench.compare import cluster, dataset, driver, meter, systems, workloads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--systems", default="ours")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--size", default="1m", choices=dataset.SIZES)
    parser.add_argument("--clients", default="8,32")
    options = parser.parse_args()
    with cluster.alone():
        template = dataset.template(dataset.SIZES[options.size])
        of = workloads.Parameters(template)
        system = systems.start_ours(template)
        postmaster = int((cluster.FILES.data / "postmaster.pid").read_text().split()[0])
        caller = workloads.Caller(system.token)
        try:
            asked = options.only.split(",") if options.only else list(workloads.WORKLOADS)
            queues = {name: workloads.WORKLOADS[name].make(of, caller) for name in asked}
            for _round in range(options.rounds):
                for name in asked:
                    for clients in map(int, options.clients.split(",")):
                        marks = []

                        def mark() -> None:
                            marks.append({**system.cpu_seconds(), "db": meter.cpu_seconds(postmaster)})

                        outcome = driver.run(
                            system.address,
                            queues[name],
                            clients=clients,
                            seconds=options.seconds,
                            warm_up=1,
                            expected=[workloads.WORKLOADS[name].expected],
                            at_start=mark,
                            at_end=mark,
                        )
                        if outcome.unexpected:
                            sys.exit(f"{name}: {outcome.statuses} {outcome.unexpected[:1000]!r}")
                        used = {k: 1000 * (marks[1][k] - marks[0][k]) / len(outcome.latencies) for k in marks[0]}
                        ms = [f"{outcome.percentile(p):.1f}" for p in (0.5, 0.95, 0.99)]
                        print(
                            f"{name:4} c{clients:<3} {outcome.rps:8.1f}/s  p50 p95 p99 ms {' '.join(ms)}  CPU ms/request "
                            + " ".join(f"{k} {v:.2f}" for k, v in used.items()),
                            system.memory(),
                            flush=True,
                        )
                        system.settle()
        finally:
            system.stop()


if __name__ == "__main__":
    main()
