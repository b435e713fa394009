"""The hospital in a few rules, to compare the product with: seats, patients, visits, holds, and what each answer is.

Written from the design and from nothing of the product: no table, constraint or list of moves is read from there. A
``Model`` is a state; it says whether an ``Event`` goes through in it (``refusals``), and what is so afterwards
(``apply``). It knows no limits by visit type, no scopes, no clock but the end of holds: what it is compared with must
keep to seats that anybody may book. Facts are hashable and lie in one dictionary, over a base that many states share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

# What a step at the desk needs, and where it leads.
STEPS = {
    "check_in": ("booked", "checked_in"),
    "start": ("checked_in", "in_progress"),
    "complete": ("in_progress", "completed"),
    "no_show": ("booked", "no_show"),
}
BACK = {"cancelled": "booked"} | {after: before for before, after in STEPS.values()}
LIVE = frozenset({"booked", "checked_in", "in_progress"})  # the patient is, or is to be, somewhere
SEATLESS = frozenset({"cancelled", "no_show"})
SUCCESS = {"register": 201, "book": 201, "hold": 201, "release": 204}  # any other: 200
WITHDRAWN = "withdrawn"

Refusal = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One request and its answer. ``status`` None: the outcome is unknown; it may take effect at any time after
    ``asked``, or never.

    ``client`` is whose holds these are, where a release comes without a token. ``key`` is the Idempotency-Key: one of
    another application must differ. ``slot`` is the one asked for; ``appointment`` the one changed, or for a booking
    the one that the answer names. ``token`` is the hold token shown, ``got`` the one that the answer gives. ``seen`` is
    what a read has shown: the status and the slot. ``body`` stands for what else differs between two requests.
    ``asked`` and ``answered`` are seconds of one clock.
    """

    client: int
    kind: str  # a key of SUCCESS or STEPS, or cancel, move, undo, read, withdraw, reinstate, close, reopen
    patient: str | None = None
    slot: str | None = None
    appointment: str | None = None
    key: str | None = None
    asked: float = 0
    answered: float | None = None
    status: int | None = None
    code: str | None = None
    token: str | None = None
    got: str | None = None
    seen: tuple[str, str] | None = None
    body: str = ""

    @property
    def is_success(self) -> bool:
        return self.status is not None and self.status < 300

    @property
    def request(self) -> tuple[Any, ...]:
        """What a repetition with the same key must have in common with it."""
        changed = None if self.kind == "book" else self.appointment
        return self.kind, self.patient, self.slot, changed, self.token, self.body


@dataclass(frozen=True, slots=True)
class Seat:
    """``status`` as the database has it; None where nobody has looked."""

    starts: float
    ends: float
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    patient: str
    slot: str
    status: str = "booked"


@dataclass(frozen=True, slots=True)
class Hold:
    """Ends at some moment from ``earliest`` to ``latest``: its client cannot know better."""

    token: str | None
    client: int
    earliest: float
    latest: float


class Model:
    hold_seconds = 300.0

    def __init__(self, seats: Mapping[str, Seat], base: dict[Any, Any] | None = None, facts: Any = ()) -> None:
        self.seats = seats
        self.base: dict[Any, Any] = {} if base is None else base
        self.facts: dict[Any, Any] = dict(facts)  # what differs from the base

    def fork(self) -> "Model":
        return type(self)(self.seats, self.base, self.facts)

    def get(self, *key: Any) -> Any:
        return self.facts[key] if key in self.facts else self.base.get(key)

    def put(self, value: Any, *key: Any) -> None:
        self.facts[key] = value

    # --- what is so ------------------------------------------------------------------------------------------

    def visit(self, appointment: str | None) -> Visit | None:
        return self.get("visit", appointment)

    def live(self, patient: str | None) -> frozenset[str]:
        return self.get("live", patient) or frozenset()

    def is_nobodys(self, slot: str | None, event: Event) -> bool:
        """Neither taken, nor held by a hold that surely lives all the while that the event takes."""
        hold = self.get("hold", slot)
        until = float("inf") if event.answered is None else event.answered
        return self.get("seat", slot) is None and (hold is None or until >= hold.earliest)

    def opens(self, event: Event) -> bool:
        hold = self.get("hold", event.slot)
        return self.is_nobodys(event.slot, event) or (
            hold is not None and event.token is not None and hold.token == event.token
        )

    def elsewhere(self, patient: str, slot: str, but: str | None = None) -> bool:
        """The patient has another visit while that seat's time lasts."""
        seat = self.seats[slot]
        others = (self.seats[self.visit(one).slot] for one in self.live(patient) if one != but)  # type: ignore[union-attr]
        return any(other.starts < seat.ends and seat.starts < other.ends for other in others)

    # --- what is answered ------------------------------------------------------------------------------------

    def answer(self, event: Event) -> Refusal:
        """The status, and the code of a refusal, when nothing else happens at the same time."""
        return next(iter(self.refusals(event)), (SUCCESS.get(event.kind, 200), ""))

    def refusals(self, event: Event) -> list[Refusal]:
        """Everything that stands in the way, first what is told first. Nothing: it goes through."""
        if (earlier := self.earlier(event)) is not None:
            return [] if earlier[0] == event.request else [(422, "idempotency_key_reused")]
        if event.kind in ("register", "withdraw", "reinstate", "close", "reopen"):
            return self._of_the_house(event)
        if event.kind == "book":
            return self._of_patient(event.patient) or self._of_place(event, event.patient)
        if event.kind in ("hold", "release"):
            if event.slot not in self.seats:
                return [(404, "slot_not_found")]
            return self._of_seat(event) if event.kind == "hold" else self._of_release(event)
        return self._of_visit(event)

    def earlier(self, event: Event) -> tuple[Any, str] | None:
        """The request that came with this key before, and the appointment that it was answered with."""
        return self.get("key", event.key) if event.key is not None else None

    def _of_visit(self, event: Event) -> list[Refusal]:
        visit = self.visit(event.appointment)
        if visit is None:
            return [(404, "appointment_not_found")]
        if event.kind == "cancel":
            allowed = visit.status in ("booked", "cancelled")
        elif event.kind == "move":
            if visit.status == "booked" and event.slot != visit.slot:
                return self._of_patient(visit.patient) or self._of_place(event, visit.patient, event.appointment)
            allowed = visit.status == "booked"
        elif event.kind == "undo":
            if visit.status in SEATLESS:
                again = replace(event, slot=visit.slot, token=None)
                return self._of_patient(visit.patient) or self._of_place(again, visit.patient, event.appointment)
            if visit.status == "completed" and self.elsewhere(visit.patient, visit.slot, event.appointment):
                return [(409, "patient_double_booked")]
            allowed = visit.status in BACK
        else:
            allowed = event.kind == "read" or visit.status == STEPS[event.kind][0]
        return [] if allowed else [(409, "invalid_transition")]

    def _of_patient(self, patient: str | None) -> list[Refusal]:
        known = self.get("patient", patient)
        if known is None:
            return [(404, "patient_not_found")]
        return [] if known == "open" else [(409, "patient_inactive")]

    def _of_place(self, event: Event, patient: Any, but: str | None = None) -> list[Refusal]:
        if event.slot not in self.seats:
            return [(404, "slot_not_found")]
        twice = self.elsewhere(patient, event.slot, but)
        return [(409, "patient_double_booked")] * twice + self._of_seat(event)

    def _of_seat(self, event: Event) -> list[Refusal]:
        if self.opens(event):
            return []
        is_late = event.token is not None and self.get("seat", event.slot) != WITHDRAWN
        return [(409, "hold_expired" if is_late else "slot_unavailable")]

    def _of_release(self, event: Event) -> list[Refusal]:
        hold = self.get("hold", event.slot)
        if hold is None:
            return []
        owns = hold.client == event.client if event.token is None else hold.token == event.token
        return [] if owns or self.is_nobodys(event.slot, event) else [(403, "hold_not_owned")]

    def _of_the_house(self, event: Event) -> list[Refusal]:
        held = event.kind == "withdraw" and not self.is_nobodys(event.slot, event)
        return [(409, "slot_unavailable")] if held and self.get("seat", event.slot) != WITHDRAWN else []

    def may_refuse(self, event: Event) -> bool:
        """Whether the refusal that the event was answered with is right: any of those that stand in the way, for which
        of them is found first is nobody's promise. A hold that may have ended may as well live."""
        told = (event.status, event.code)
        if told in self.refusals(event):
            return True
        slot = event.slot
        if event.kind == "undo" and (visit := self.visit(event.appointment)) is not None:
            slot = visit.slot
        hold = self.get("hold", slot)
        if hold is None or event.asked > hold.latest or self.get("seat", slot) is not None:
            return False
        living = self.fork()
        living.put(replace(hold, earliest=float("inf")), "hold", slot)
        return told in living.refusals(event)

    # --- what happens ----------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Let an event happen that goes through. A booking makes ``event.appointment``."""
        if self.earlier(event) is not None:
            return
        visit = self.visit(event.appointment)
        if event.kind == "book":
            self._become(event.appointment, Visit(event.patient, event.slot))  # type: ignore[arg-type]
        elif event.kind == "move":
            self._become(event.appointment, replace(visit, slot=event.slot))
        elif event.kind == "cancel":
            self._become(event.appointment, replace(visit, status="cancelled"))
        elif event.kind == "undo":
            self._become(event.appointment, replace(visit, status=BACK[visit.status]))
        elif event.kind in STEPS:
            self._become(event.appointment, replace(visit, status=STEPS[event.kind][1]))
        elif event.kind == "hold":
            answered = event.asked if event.answered is None else event.answered
            end = (event.asked + self.hold_seconds, answered + self.hold_seconds)
            self.put(Hold(event.got, event.client, *end), "hold", event.slot)
        elif event.kind in ("release", "withdraw"):
            self.put(None, "hold", event.slot)
        if event.kind in ("withdraw", "reinstate"):
            taken = WITHDRAWN if event.kind == "withdraw" else None
            if event.kind == "withdraw" or self.get("seat", event.slot) == WITHDRAWN:
                self.put(taken, "seat", event.slot)
        elif event.kind in ("register", "reopen", "close"):
            self.put("closed" if event.kind == "close" else "open", "patient", event.patient)
        if event.key is not None:
            self.put((event.request, event.appointment), "key", event.key)

    def _become(self, appointment: Any, visit: Any) -> None:
        """Write the visit, and with it who has which seat and who is where."""
        before = self.visit(appointment)
        if before == visit:
            return
        if before is not None and before.status not in SEATLESS:
            self.put(None, "seat", before.slot)
        if visit.status not in SEATLESS:
            self.put(appointment, "seat", visit.slot)
            self.put(None, "hold", visit.slot)
        self.put(visit, "visit", appointment)
        live = self.live(visit.patient) - {appointment} | ({appointment} if visit.status in LIVE else set())
        self.put(frozenset(live), "live", visit.patient)
