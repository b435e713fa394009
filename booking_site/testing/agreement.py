"""The model against the product, as one of the faults of ``testing.faults``: no fault strikes but many clients at once.

The control is the site that looks whether a seat is free and then books it, without the index that would stop it.

    DATABASE_URL=... python -m booking_site.testing.agreement http://127.0.0.1:8000 100

tries so many sequences over a site that is served from that database, and prints what it has found as JSON.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from booking_site.testing.clusters import run_python
from booking_site.testing.faults import Fault, Outcome, Tick, running


def agree(times: int, control: bool, tick: Tick) -> Outcome:
    """``times`` sequences of operations, each in a hospital of its own."""
    site_of = {"application": "booking_site.testing.unguarded"} if control else {}
    with running(**site_of) as (cluster, site):
        if control:
            cluster.execute("DROP INDEX appointment_one_per_seat")
        report = _report(site.address, times, cluster.url())
        findings = list(report["findings"])
        if not control and (deadlocks := cluster.log().count("deadlock detected")):
            findings.append(f"broken: {deadlocks} deadlocks in the log of the server")
    for _ in range(times):
        tick()
    figures = {"calls": sum(report["kinds"].values()), "at_once": report["at_once"]}
    return Outcome(times, report["acknowledged"], 0, findings, figures=figures)


def _report(address: str, times: int, url: str) -> dict[str, Any]:
    try:
        written = run_python("booking_site.testing.agreement", address, str(times), DATABASE_URL=url)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(error.output) from error
    report: dict[str, Any] = json.loads(written.splitlines()[-1])
    return report


def main() -> None:
    import django

    django.setup()
    from booking_site.testing import machine

    print(json.dumps(asdict(machine.check(sys.argv[1], int(sys.argv[2])))))


MODEL = Fault(
    agree,
    says="random operations against the model",
    control="looks, then books; no unique index",
    short=3,
    long=500,
    control_short=10,
    control_long=50,
)


if __name__ == "__main__":
    main()
