"""A model checked against the product: random sequences of all operations, by several clients, one after the other and
at the same moment. After each step some order of the model must explain every answer, and all that is in the database:
seats and who holds them, visits and their versions, rows of the audit log, and Idempotency-Keys. At the end of each
sequence the checker of histories (``testing.histories``) looks at the whole of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from booking_site.testing.histories import Event, State, Visit, problems
from booking_site.testing.house import MOST_AT_ONCE, Doors, House, digested
from booking_site.testing.model import STEPS
from booking_site.testing.reference import DESK, OF_VISIT, PATIENT, PORTAL, Call, explanations

STEPS_EACH = 25  # of one sequence
OF_SEAT = ("hold", "release", "withdraw", "reinstate")
KINDS = (
    *("book", "book", "book", "hold", "hold", "release", "move", "move", "cancel", "undo", "undo", "read", "search"),
    *STEPS, "check_in", "start", "complete", "withdraw", "reinstate", "close", "reopen",
)  # fmt: skip
FOR_SEAT = ("book", "book", "hold", "move", "undo", "withdraw")  # what two may want of one seat
NOT_FOR_PATIENTS = (*STEPS, "undo", "withdraw", "reinstate", "close", "reopen")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client is up to; which seat, patient and visit that means depends on what there is. ``pick`` chooses among
    them; ``refusals``: how many things stand in its way (None: any number), if there is such. ``key``: the
    Idempotency-Key is none, a new one, an ``old`` one for something else, or the whole request is sent ``again``.
    ``version``: what If-Match demands."""

    kind: str
    client: int
    pick: int
    refusals: int | None
    token: bool
    key: str
    version: str


def wishes(*kinds: str) -> st.SearchStrategy[Wish]:
    return st.builds(
        Wish,
        kind=st.sampled_from(kinds),
        client=st.sampled_from((PORTAL, DESK, PATIENT)),
        pick=st.integers(0, 999),
        refusals=st.sampled_from((0, 0, 1, None)),
        token=st.booleans(),
        key=st.sampled_from(("", "", "", "new", "new", "again", "old")),
        version=st.sampled_from(("", "", "", "fresh", "stale")),
    )


@dataclass(slots=True)
class Report:
    """``acknowledged``: calls that went through. ``at_once``: how many came together with others."""

    acknowledged: int = 0
    at_once: int = 0
    kinds: dict[str, int] = field(default_factory=dict)  # by kind and status
    findings: list[str] = field(default_factory=list)


class Disagreement(AssertionError):
    pass


class Machine(RuleBasedStateMachine):
    """Subclassed by ``machine_of`` for one site."""

    doors: Doors
    report: Report

    def __init__(self) -> None:
        super().__init__()
        self.house = House(self.doors)
        self.model = self.house.model()
        self.history: list[Event] = []
        self.sent: list[Call] = []  # with a key
        self.tokens: dict[str, list[str]] = {slot: [] for slot in self.house.seats}
        self.versions: dict[str, list[str]] = {}

    # --- rules -----------------------------------------------------------------------------------------------

    @rule(wish=wishes(*KINDS))
    def alone(self, wish: Wish) -> None:
        self.run([self.call(wish)])

    @rule(several=st.lists(wishes(*KINDS), min_size=2, max_size=MOST_AT_ONCE))
    def at_once(self, several: list[Wish]) -> None:
        self.run([self.call(wish) for wish in several])

    @rule(several=st.lists(wishes(*FOR_SEAT), min_size=2, max_size=MOST_AT_ONCE), seat=st.integers(0, 5))
    def all_want_one_seat(self, several: list[Wish], seat: int) -> None:
        slot = sorted(self.house.seats)[seat]
        self.run([self.call(wish, slot=slot) for wish in several])

    @rule(
        several=st.lists(wishes("cancel", "move", "undo", *STEPS), min_size=2, max_size=MOST_AT_ONCE),
        visit=st.integers(0, 9),
    )
    def all_want_one_visit(self, several: list[Wish], visit: int) -> None:
        if there := sorted(self.model.of("visit")):
            self.run([self.call(wish, appointment=there[visit % len(there)]) for wish in several])

    @rule(wish=wishes("book", "move", "cancel", "undo", *STEPS), times=st.integers(2, MOST_AT_ONCE))
    def many_times_at_once(self, wish: Wish, times: int) -> None:
        self.run([self.call(wish)] * times)

    @rule(pick=st.integers(0, 5))
    def a_hold_ends(self, pick: int) -> None:
        holds = [(slot, hold) for slot, hold in sorted(self.model.of("hold").items()) if hold is not None]
        if holds:
            slot, hold = holds[pick % len(holds)]
            self.house.end_hold(slot)
            self.model.put(replace(hold, earliest=0.0, latest=0.0), "hold", slot)
            # To the checker of histories, who knows no such short ones, it was released.
            moment = {"asked": self.moment(), "answered": self.moment()}
            self.history.append(Event(hold.client, "release", slot=slot, token=hold.token, status=204, **moment))

    def teardown(self) -> None:
        if not self.report.findings:
            visits = {key: Visit(*row[:3]) for key, row in self.house.found()["visits"].items()}
            seats = {
                slot: replace(seat, status=self.house.found()["seats"][slot][0])
                for slot, seat in self.house.seats.items()
            }
            free = {slot: replace(seat, status="available") for slot, seat in seats.items()}
            for problem in problems(self.history, State(seats, visits), State(free)):
                self.disagree("order", problem)

    # --- how a wish becomes a call -----------------------------------------------------------------------------

    def call(self, wish: Wish, **fixed: str) -> Call:
        if wish.key == "again" and self.sent:
            return self.sent[wish.pick % len(self.sent)]
        kind = wish.kind if self.model.of("visit") or wish.kind not in OF_VISIT else "book"
        client = PORTAL if wish.client == PATIENT and kind in NOT_FOR_PATIENTS else wish.client
        for other in (kind, *STEPS) if kind in STEPS and wish.refusals == 0 else (kind,):
            options = list(self.options(Call(client, other, body=f"Reason {wish.pick % 2}"), wish.token))
            narrow = [call for call in options if all(getattr(call, name) == fixed[name] for name in fixed)]
            options = narrow or options
            fitting = [call for call in options if len(self.model.refusals(call)) == wish.refusals]
            if fitting:
                break
        return self.finished((fitting or options)[wish.pick % len(fitting or options)], wish)

    def options(self, call: Call, with_token: bool) -> Iterator[Call]:
        """All that a call of this kind may be about."""
        slots = self.house.seats if call.kind in ("book", "move", *OF_SEAT) else [None]
        patients = self.house.patients if call.kind in ("book", "close", "reopen") else [None]
        visits = sorted(self.model.of("visit")) if call.kind in OF_VISIT - {"book"} else [None]
        for slot in slots:
            tokens = (
                self.tokens[slot] if slot and with_token and call.kind in ("book", "move", "hold", "release") else []
            )
            for token in tokens[-2:] or [None]:
                for patient in patients:
                    for visit in visits:
                        yield replace(call, slot=slot, patient=patient, appointment=visit, token=token)

    def finished(self, call: Call, wish: Wish) -> Call:
        """With its key and its version, where it may have them."""
        if call.kind not in OF_VISIT - {"read"}:
            return replace(call, body="")
        if call.kind not in ("book", "move", "cancel"):
            call = replace(call, body="")
        old = [sent for sent in self.sent if sent.client == call.client]
        if wish.key == "old" and old:
            call = replace(call, key=old[wish.pick % len(old)].key)
        elif wish.key:
            call = replace(call, key=f"{call.client}/{self.house.keys}-{len(self.sent)}-{len(self.history)}")
        if wish.version and (known := self.versions.get(call.appointment or "")):
            call = replace(call, version=known[-1] if wish.version == "fresh" else known[wish.pick % len(known)])
        if call.key:
            self.sent.append(call)
        return call

    # --- how it goes -----------------------------------------------------------------------------------------

    def moment(self) -> float:
        """Now, as far as the history goes."""
        return max((event.answered or 0 for event in self.history), default=0.0)

    def run(self, calls: Sequence[Call]) -> None:
        answered = self.house.send(calls)
        self.note(answered)
        found = self.house.found()
        if shared := self.house.shared():
            self.disagree("double", f"seat {shared} is shared after {self.told(answered)}")
        explained = list(explanations(self.model, answered))
        if not explained:
            self.disagree(
                "order", f"no order explains {self.told(answered)}\nbefore: {self.model.expected(self.moment())}"
            )
        expected = [digested(after.expected(self.moment())) for after in explained]
        if found not in expected:
            differences = "\n".join(self.difference(one, found) for one in expected[:2])
            self.disagree(
                "audit" if self.only_the_log(expected, found) else "lost", f"after {self.told(answered)}\n{differences}"
            )
        self.model = explained[expected.index(found)]

    def note(self, answered: Sequence[Call]) -> None:
        self.report.at_once += len(answered) if len(answered) > 1 else 0
        for call in answered:
            self.report.acknowledged += call.is_success
            name = f"{call.kind} {call.status} {call.code or ''}".strip()
            self.report.kinds[name] = self.report.kinds.get(name, 0) + 1
            if call.got and call.slot:
                self.tokens[call.slot].append(call.got)
            if (
                call.etag
                and call.appointment
                and call.etag not in (known := self.versions.setdefault(call.appointment, []))
            ):
                known.append(call.etag)
        self.history += [call for call in answered if call.kind != "search" and not self.is_of_reach(call)]

    def is_of_reach(self, call: Call) -> bool:
        """What the checker of histories knows nothing of."""
        return call.client == PATIENT and (call.status == 404 or call.code == "too_many_holds")

    @staticmethod
    def only_the_log(expected: Sequence[dict[str, Any]], found: dict[str, Any]) -> bool:
        return any(one | {"told": found["told"]} == found for one in expected)

    @staticmethod
    def difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
        lines = [
            f"  {part} {key}: expected {expected[part].get(key)}, found {found[part].get(key)}"
            for part in expected
            for key in {**expected[part], **found[part]}
            if expected[part].get(key) != found[part].get(key)
        ]
        return "\n".join(lines)

    @staticmethod
    def told(calls: Sequence[Call]) -> str:
        return "; ".join(map(str, calls))

    def disagree(self, kind: str, what: str) -> None:
        story = "\n".join(map(str, self.history[-30:]))
        self.report.findings = self.report.findings or [f"{kind}: {what}\nhistory:\n{story}"]
        raise Disagreement(self.report.findings[0])


def check(address: str, times: int, *, derandomize: bool = False, most_steps: int = STEPS_EACH) -> Report:
    """Try so many sequences; end at the first finding, which is not made simpler: what is at once differs each time."""
    report = Report()
    doors = Doors(address)
    machine = type("MachineOfSite", (Machine,), {"doors": doors, "report": report})
    how = settings(
        max_examples=times, stateful_step_count=most_steps, derandomize=derandomize, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(machine, settings=how)
    except Exception:
        if not report.findings:
            raise
    finally:
        doors.close()
    return report
