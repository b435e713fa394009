"""``make soak``: every fault that the product survives, hundreds of times, and its control; two hours or so.

    python -m booking_site.testing.soak [--only kill_postgres cut_power] [--times 10] [--out soak.json]

Prints a table and writes the figures as JSON. Exits with 1 when anything was lost, doubled, left in between or not in
the audit log, when writes took longer than 5 s to resume, when the 99th percentile of a contested seat was above
500 ms, or when a control lost nothing. A fault that cannot be tried on this machine is named, and is no failure.
"""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from booking_site.testing.clusters import ROOT

LONGEST_RECOVERY = 5.0  # seconds
MOST_P99_MS = 500
COLUMNS = ("fault", "times", "acknowledged", "sent again", "lost", "double", "other", "control lost", "recovery")


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_site.settings")
    from booking_site.testing import deploys, promotions, submissions  # noqa: F401 - register their faults
    from booking_site.testing.agreement import MODEL
    from booking_site.testing.faults import FAULTS, register

    register("model", MODEL)

    options = _options(list(FAULTS))
    results: dict[str, Any] = {}
    for name in options.only or FAULTS:
        if reason := FAULTS[name].why_not():
            print(f"{name}: not tried, {reason}", file=sys.stderr)
            continue
        results[name] = _one(name, options.times)
        _write(options.out, results)
        for text in results[name]["failures"]:
            print(f"{name}: {text}", file=sys.stderr)
    print(_table(results))
    return int(any(result["failures"] for result in results.values()))


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=names, metavar="FAULT", help=f"some of {', '.join(names)}")
    parser.add_argument("--times", type=int, help="how often each strikes, instead of the usual numbers")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "soak.json")
    return parser.parse_args()


def _one(name: str, times: int | None) -> dict[str, Any]:
    from tqdm import tqdm

    from booking_site.testing.faults import FAULTS

    fault = FAULTS[name]
    began = time.monotonic()
    with tqdm(total=times or fault.long, desc=f"{fault.says:55}", mininterval=1) as bar:
        outcome = fault.run(times or fault.long, False, bar.update)
    control_times = min(times or fault.control_long, fault.control_long)
    with tqdm(desc=f"{'  control: ' + fault.control:55}", mininterval=1) as bar:
        control = fault.run_control(control_times, bar.update)
    result = asdict(outcome) | {
        "says": fault.says,
        "control": fault.control,
        "lost": outcome.of("lost"),
        "double": outcome.of("double"),
        "control_times": control.times,
        "control_acknowledged": control.acknowledged,
        "control_lost": control.of("lost"),
        "control_double": control.of("double"),
        "control_order": control.of("order"),
        "worst_recovery": max(outcome.recoveries, default=None),
        "seconds": time.monotonic() - began,
    }
    return result | {"failures": _failures(result)}


def _failures(result: dict[str, Any]) -> list[str]:
    failures = list(result["findings"][:100])
    if (result["worst_recovery"] or 0) > LONGEST_RECOVERY:
        failures.append(f"writes resumed after {result['worst_recovery']:.1f} s")
    if (p99 := _p99(result)) > MOST_P99_MS:
        failures.append(f"the 99th percentile is {p99:.0f} ms")
    if not _lost_by_control(result):
        failures.append("the control lost nothing, so this proves nothing")
    return failures


def _lost_by_control(result: dict[str, Any]) -> int:
    return sum(result[name] for name in ("control_lost", "control_double", "control_order"))


def _p99(result: dict[str, Any]) -> float:
    """In milliseconds; 0 for a fault that has none."""
    return max((value for name, value in result["figures"].items() if name.startswith("p99_ms")), default=0)


def _write(out: Path, results: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    about = {"cores": os.cpu_count(), "python": platform.python_version(), "at": datetime.now(UTC).isoformat()}
    out.write_text(json.dumps({"machine": about, "faults": results}, indent=2))


def _table(results: dict[str, Any]) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for result in results.values():
        other = len(result["findings"]) - result["lost"] - result["double"]
        worst = result["worst_recovery"]
        recovery = f"{worst:.1f} s" if worst is not None else "-"
        if p99 := _p99(result):
            recovery = f"p99 {p99:.0f} ms"
        control = f"{_lost_by_control(result):,} ({result['control']})"
        numbers = [f"{result[name]:,}" for name in ("times", "acknowledged", "repeated", "lost", "double")]
        rows.append((result["says"], *numbers, f"{other:,}", control, recovery))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
