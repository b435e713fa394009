"""The model of ``testing.model`` with what else the product promises to each client: versions, holds, reach, the log.

``explanations`` tells what the hospital may be like after calls that were made at the same time: one state for each
order of them in which every answer is right. What each state expects to find in the database is ``expected``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

from booking_site.testing.model import STEPS, SUCCESS, WITHDRAWN, Event, Model, Refusal

PORTAL, DESK, PATIENT = range(3)  # clients: an app of the hospital, one that acts for a receptionist, one for a patient
MOST_HOLDS = 3  # of one who acts for a patient
# What the audit log calls each kind of change.
ACTIONS = {
    "book": "appointment.booked",
    "cancel": "appointment.cancelled",
    "move": "appointment.rescheduled",
    "check_in": "appointment.checked_in",
    "start": "appointment.started",
    "complete": "appointment.completed",
    "no_show": "appointment.no_show",
    "undo": "appointment.undone",
    "hold": "slot.held",
    "release": "slot.released",
    "withdraw": "slot.withdrawn",
    "reinstate": "slot.reinstated",
}
OF_VISIT = frozenset({*STEPS, "book", "cancel", "move", "undo", "read"})  # answered with the appointment


@dataclass(frozen=True, slots=True)
class Call(Event):
    """``version``: the one that If-Match demands. ``etag``: the one that the answer shows. ``free``: the seats that a
    search has shown. ``seen`` is set for every answer that shows an appointment."""

    version: str | None = None
    etag: str | None = None
    free: frozenset[str] | None = None


class Reference(Model):
    """``own``, a fact, is the patient for whom PATIENT acts."""

    # --- what is so ------------------------------------------------------------------------------------------

    def of(self, name: str) -> dict[Any, Any]:
        """All facts of that name, by what follows it."""
        return {key[1]: value for key, value in {**self.base, **self.facts}.items() if key[0] == name}

    def free(self, call: Call) -> frozenset[str]:
        return frozenset(slot for slot in self.seats if self.is_nobodys(slot, call))

    def live_hold(self, slot: str | None, call: Event) -> bool:
        return self.get("hold", slot) is not None and not self.is_nobodys(slot, call)

    def changes(self, call: Event) -> bool:
        """Whether a call that goes through changes anything, and so is told of in the log."""
        visit = self.visit(call.appointment)
        if self.earlier(call) is not None or call.kind in ("read", "search"):
            return False
        if call.kind == "cancel":
            return visit is not None and visit.status != "cancelled"
        if call.kind == "move":
            return visit is not None and visit.slot != call.slot
        if call.kind == "release":
            return self.live_hold(call.slot, call)
        if call.kind in ("withdraw", "reinstate"):
            return (self.get("seat", call.slot) == WITHDRAWN) == (call.kind == "reinstate")
        return True

    # --- what is answered ------------------------------------------------------------------------------------

    def refusals(self, event: Event) -> list[Refusal]:
        if event.client == PATIENT and (beyond := self._beyond(event)):
            return [beyond]
        found = super().refusals(event)
        if self.earlier(event) is not None:
            return found
        return [*self._stale(event), *found, *self._too_many(event)]

    def _beyond(self, event: Event) -> Refusal | None:
        """What is another patient's is not there; of a key that was used before only a booking asks later."""
        if event.kind != "book" and self.earlier(event) is not None:
            return None
        own, visit = self.get("own"), self.visit(event.appointment)
        if event.kind == "book":
            return None if event.patient == own else (404, "patient_not_found")
        code = "not_found" if event.kind == "read" else "appointment_not_found"
        return (404, code) if visit is not None and visit.patient != own else None

    def _stale(self, event: Event) -> list[Refusal]:
        version, visit = getattr(event, "version", None), self.visit(event.appointment)
        if version is None or visit is None or (event.kind == "cancel" and visit.status == "cancelled"):
            return []
        return [] if version == self.get("version", event.appointment) else [(412, "stale")]

    def _too_many(self, event: Event) -> list[Refusal]:
        if event.kind != "hold" or event.client != PATIENT:
            return []
        others = [slot for slot, hold in self.of("hold").items() if slot != event.slot and hold is not None]
        mine = [slot for slot in others if self.get("hold", slot).client == PATIENT and self.live_hold(slot, event)]
        return [(409, "too_many_holds")] if len(mine) >= MOST_HOLDS else []

    # --- what happens ----------------------------------------------------------------------------------------

    def accept(self, call: Call) -> bool:
        """Let it happen, if the answer is right."""
        if call.status is None or call.status >= 300:
            if call.code != "busy" and not self.may_refuse(call):
                return False
            self._tell(call, "denied" if call.status == 403 else "failure", call.appointment or call.slot)
            return True
        if call.kind == "search":
            return call.free == self.free(call)
        if call.status != SUCCESS.get(call.kind, 200) or self.refusals(call):
            return False
        earlier = self.earlier(call)
        if call.kind == "book" and earlier is None and self.visit(call.appointment) is not None:
            return False
        changes, version = self.changes(call), self.get("version", call.appointment)
        self.apply(call)
        if changes:
            self._tell(call, "success", call.appointment or call.slot)
            if call.kind in OF_VISIT:
                self.put(call.etag, "version", call.appointment)
                if call.etag == version:
                    return False
        return call.kind not in OF_VISIT or self._shows(call, earlier)

    def _shows(self, call: Call, earlier: tuple[Any, str] | None) -> bool:
        """The answer shows the appointment as it now is; a repeated one the appointment of the first."""
        visit = self.visit(call.appointment)
        if visit is None or (earlier is not None and earlier[1] != call.appointment):
            return False
        return call.seen == (visit.status, visit.slot) and call.etag == self.get("version", call.appointment)

    def _tell(self, call: Call, status: str, subject: str | None) -> None:
        if call.kind in ACTIONS:
            key = "told", (ACTIONS[call.kind], status, subject)
            self.put((self.get(*key) or 0) + 1, *key)

    # --- what is in the database -----------------------------------------------------------------------------

    def expected(self, now: float) -> dict[str, Any]:
        """Seats by id, with the token that opens them; visits by id, with their version; how often the log tells of
        what; the appointment by key."""
        moment = Event(PORTAL, "search", asked=now, answered=now)
        return {
            "seats": {slot: self._seat(slot, moment) for slot in self.seats},
            "visits": {
                key: (visit.patient, visit.slot, visit.status, self.get("version", key))
                for key, visit in self.of("visit").items()
            },
            "told": self.of("told"),
            "keys": {key: made for key, (_, made) in self.of("key").items()},
        }

    def _seat(self, slot: str, moment: Event) -> tuple[str, str]:
        if (taken := self.get("seat", slot)) is not None:
            return ("withdrawn" if taken == WITHDRAWN else "booked"), ""
        return ("held", self.get("hold", slot).token) if self.live_hold(slot, moment) else ("available", "")


def explanations(before: Reference, calls: Sequence[Call]) -> Iterator[Reference]:
    """Who was answered before another asked comes before it."""
    for order in permutations(calls):
        if any(later.answered < earlier.asked for earlier, later in combinations(order, 2)):  # type: ignore[operator]
            continue
        after = before.fork()
        if all(after.accept(call) for call in order):
            yield after
