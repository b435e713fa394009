"""Faults of clients, for ``testing.faults``: who asks again for want of an answer, who asks many times at once, and
many who want the one seat."""

import random
import statistics
import time
import uuid
from itertools import cycle
from typing import Any

from booking_site.testing import hospitals
from booking_site.testing.clusters import token
from booking_site.testing.faults import Fault, Outcome, Tick, outcome_of, put_load_on, reckon, register, running
from booking_site.testing.hospitals import Hospital
from booking_site.testing.load import PATHS
from booking_site.testing.model import Event
from booking_site.testing.volleys import Battery, Reply

TWINS = 8  # at once, of one request
RIVALS = 64
CONTESTED = 1, 16  # seats, in turn
WARM_UP = 2  # rushes
LONGEST = {False: 1800, True: 10}  # seconds; for the control: its seats run out, taken by who does not know of it
HURRY = 0.01  # seconds that impatient clients wait for an answer, at first


def submit_again(times: int, control: bool, tick: Tick) -> Outcome:
    """Half of them by clients that do not wait for the answer, half at the same moment. ``times``: repetitions."""
    with running() as (cluster, site):
        with put_load_on(cluster, site, keys=not control, timeout=HURRY) as load:
            told, until = 0, time.monotonic() + LONGEST[control]
            while told < (times if control else times // 2) and time.monotonic() < until:
                time.sleep(0.05)
                seen, told = told, load.repeated
                for _ in range(told - seen):
                    tick()
            load.stop()
        outcome = outcome_of(load.repeated, load, [])
        if not control:
            with cluster.connect() as session, Battery(site.address, token(), TWINS) as battery:
                twins = _Twins(battery, hospitals.read(session), load.history)
                while outcome.times < times:
                    outcome.findings += twins.submit()
                    outcome.times += TWINS - 1
                    outcome.repeated += TWINS - 1
                    for _ in range(TWINS - 1):
                        tick()
            outcome.acknowledged = load.acknowledged()
        outcome.findings += reckon(cluster, site, load.history, control)
        return outcome


class _Twins:
    """The same request on several connections at once, all with one key: book, then move, then cancel, and so on."""

    def __init__(self, battery: Battery, hospital: Hospital, history: list[Event]) -> None:
        self.battery, self.hospital, self.history = battery, hospital, history
        self.visit: tuple[str, str] | None = None  # patient and appointment
        self.kind = "book"
        self.patients = iter(hospital.patients[::-1])

    def submit(self) -> list[str]:
        kind, key, findings = self.kind, str(uuid.uuid4()), []
        patient, appointment = self.visit or (next(self.patients), None)
        slot = None if kind == "cancel" else random.choice(self.hospital.slots)
        given = {"patient_id": None if appointment else patient, "slot_id": slot, "appointment_id": appointment}
        body = {name: value for name, value in given.items() if value}
        asked = time.monotonic()
        replies = self.battery.fire([self.battery.request(PATHS[kind], body, key)] * TWINS)
        told = {(reply.status, reply.body.get("id"), reply.code) for reply in replies}
        if len(told) > 1:
            findings.append(f"double: one request, sent {TWINS} times with one key, has several answers: {told}")
        reply = replies[0]
        made = reply.body.get("id") or appointment
        common = {"patient": patient, "slot": slot, "appointment": made, "key": key, "asked": asked}
        self.history.append(
            Event(-1, kind, **common, answered=time.monotonic(), status=reply.status, code=reply.code)  # type: ignore[arg-type]
        )
        if reply.status in (200, 201):
            self.kind = {"book": "move", "move": "cancel", "cancel": "book"}[kind]
            self.visit = None if kind == "cancel" else (patient, str(made))
        return findings


def contest(times: int, control: bool, tick: Tick) -> Outcome:
    """All rivals at the same moment want one seat, the next time one of 16, and so on. Who gets one cancels."""
    site_of = {"application": "booking_site.testing.unguarded"} if control else {}
    with running(**site_of) as (cluster, site):
        with cluster.connect() as session:
            hospital = hospitals.read(session)
            if control:
                session.execute("DROP INDEX appointment_one_per_seat")
        history: list[Event] = []
        findings: list[str] = []
        seconds: dict[int, list[float]] = {number: [] for number in CONTESTED}
        with Battery(site.address, token(), RIVALS) as battery:
            for slot in hospital.slots[:WARM_UP]:  # what a process does for the first time is not measured
                for reply in _rush(battery, hospital.patients[:RIVALS], [slot], history):
                    if reply.status == 201:
                        _give_up(battery, reply.body, history)
            for number in range(times):
                many = CONTESTED[number % len(CONTESTED)]
                slots = random.sample(hospital.slots, many)
                replies = _rush(battery, hospital.patients[:RIVALS], slots, history)
                seconds[many] += [reply.seconds for reply in replies]
                winners = [reply for reply in replies if reply.status == 201]
                taken = {winner.body["slot_id"] for winner in winners}
                if not len(winners) == len(taken) == many:
                    findings.append(f"double: of {many} seats {len(taken)} have {len(winners)} winners of {RIVALS}")
                for winner in winners:
                    _give_up(battery, winner.body, history)
                tick()
        outcome = Outcome(times, sum(event.is_success for event in history), 0, findings)
        outcome.findings += reckon(cluster, site, history, control)
        for many, some in seconds.items():
            if some:
                outcome.figures |= _percentiles(some, "" if many == 1 else f"_of_{many}_seats")
        return outcome


def _percentiles(seconds: list[float], of: str) -> dict[str, float]:
    percentiles = statistics.quantiles(seconds, n=100, method="inclusive")
    return {
        f"p50_ms{of}": percentiles[49] * 1000,
        f"p99_ms{of}": percentiles[98] * 1000,
        f"worst_ms{of}": max(seconds) * 1000,
    }


def _rush(battery: Battery, patients: list[str], slots: list[str], history: list[Event]) -> list[Reply]:
    """Patients want the slots in turn."""
    wanted = list(zip(patients, cycle(slots)))
    keys = [str(uuid.uuid4()) for _ in wanted]
    requests = [
        battery.request("book-appointment", {"patient_id": patient, "slot_id": slot}, key)
        for (patient, slot), key in zip(wanted, keys, strict=True)
    ]
    asked = time.monotonic()
    replies = battery.fire(requests)
    for client, ((patient, slot), key, reply) in enumerate(zip(wanted, keys, replies, strict=True)):
        answered = None if reply.status is None else asked + reply.seconds
        made = {"appointment": reply.body.get("id"), "status": reply.status, "code": reply.code}
        history.append(Event(client, "book", patient, slot, key=key, asked=asked, answered=answered, **made))
    return replies


def _give_up(battery: Battery, appointment: dict[str, Any], history: list[Event]) -> None:
    key, asked = str(uuid.uuid4()), time.monotonic()
    body = {"appointment_id": appointment["id"]}
    [reply] = battery.fire([battery.request("cancel-appointment", body, key)])
    history.append(
        Event(
            -1, "cancel", appointment["patient_id"], None, appointment["id"], key, asked, time.monotonic(), reply.status
        )
    )


register(
    "submit_again",
    Fault(
        submit_again,
        says="time-outs and double clicks: requests sent again",
        control="no Idempotency-Key",
        short=200,
        long=10_000,
        control_short=60,
        control_long=1_000,
    ),
)
register(
    "contest",
    Fault(
        contest,
        says=f"{RIVALS} clients for one seat, or for 16",
        control="looks, then books; no unique index",
        short=3,
        long=300,
        control_short=2,
        control_long=20,
    ),
)
