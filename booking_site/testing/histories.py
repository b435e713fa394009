"""Is what many clients were answered at once right? A checker of recorded histories.

``problems`` takes what was asked and answered, and what is in the database at the end, and names

- double bookings: two visits that surely hold one seat at one moment, or one patient surely expected in two places;
- lost bookings: acknowledged, and at the end not there, or given up though nobody has asked for that;
- answers that no serial order explains: there is no order of the events, one after the other, in which each lies
  between its question and its answer, each answer is right (see ``model``), and the end is what is there at the end.
  That is linearizability (Herlihy and Wing, ACM TOPLAS 12(3), 1990).

Two of these are simple and say plainly what is wrong; the third finds whatever there is to find.

How: deciding it is NP-complete (Gibbons and Korach, SIAM J. Comput. 26(4), 1997), so the search of Wing and Gong (J.
Parallel Distrib. Comput. 17, 1993) is kept small. Lowe's just-in-time linearization (Concurrency Comput. 29(4), 2017):
walk along the answers, keep every state in which the hospital may be, and let a pending event happen only when an
answer needs it to have happened. What changes nothing (a refusal, a read) happens in the first state that makes it
right. Only what shares a seat, a patient, an appointment or a key with the answer, directly or by way of other pending
events, can be needed: seats and patients that have nothing to do with each other are thus checked apart, as
P-compositionality allows (Horn and Kroening, FORTE 2015). Of two orders that end alike one is kept (Mazurkiewicz's
traces). Time is linear in the number of events and, at worst, exponential in how many pending ones touch each other.
When nobody waits for an answer one state is left, as a rule, so that quiet moments cut a history in pieces.

Assumed: one clock for all times; one Idempotency-Key is used by one application; seats that anybody may book, as the
model says; ids of appointments are never used twice. An unknown outcome (no answer, or 5xx) may have taken effect at
any time later or never; a booking of which nobody was told is matched with what is there at the end. Such events are
first tried only where the history cannot do without them; if that fails, one or two before any other. Where that
becomes too much the checker says "undecided", which is no pass. Answers 400, 401, 403 (but ``hold_not_owned``), 405,
412, 413, 415, 429 and ``busy`` are taken as they are: nothing was written. It is told once where the search fails: what
comes later is unknown.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from booking_site.testing.model import LIVE, SEATLESS, WITHDRAWN, Event, Model, Seat, Visit

__all__ = ["Event", "Seat", "State", "Visit", "problems"]

UNJUDGED = frozenset({400, 401, 405, 412, 413, 415, 429})
FREES = frozenset({"cancel", "no_show", "move", "undo"})
MOST_STATES = 50_000  # tried for one answer


@dataclass(frozen=True, slots=True)
class State:
    """What is in the database: all seats that the history names, and the visits of its patients."""

    seats: Mapping[str, Seat]
    visits: Mapping[str, Visit] = field(default_factory=dict)


def problems(history: Iterable[Event], final: State, initial: State | None = None) -> list[str]:
    """What is wrong, in words; empty when all is well. ``initial`` is what was there before, else nothing was."""
    events = sorted((_known(event) for event in history), key=lambda event: event.asked)
    start = initial or State(final.seats)
    return [
        *(f"answered {event.status}: {_told(event)}" for event in events if event.status == 500),
        *_in_the_end(final),
        *_lost(events, final),
        *_double_bookings(events, final.seats),
        *_Search(events, final, start).problems(),
    ]


def _known(event: Event) -> Event:
    """With answers that leave open what has happened made unknown. A crash is told of and then as open."""
    is_open = event.status is None or event.answered is None
    return replace(event, status=None, answered=None) if is_open or (event.status or 0) > 500 else event


def _told(event: Event) -> str:
    names = ("patient", "slot", "appointment", "key", "token")
    given = " ".join(f"{name}={value}" for name in names if (value := getattr(event, name)) is not None)
    until = "?" if event.answered is None else f"{event.answered:.6f}"
    answer = "unknown" if event.status is None else f"{event.status} {event.code or ''}".strip()
    return f"client {event.client} {event.kind} {given} [{event.asked:.6f}, {until}] -> {answer}"


def _overlap(one: Seat, other: Seat) -> bool:
    return one.starts < other.ends and other.starts < one.ends


# --- what is plainly wrong ---------------------------------------------------------------------------------------


def _in_the_end(final: State) -> Iterator[str]:
    on_seat, of_patient = defaultdict(list), defaultdict(list)
    for key, visit in final.visits.items():
        if visit.status not in SEATLESS:
            on_seat[visit.slot].append(key)
        if visit.status in LIVE:
            of_patient[visit.patient].append(key)
    for slot, keys in on_seat.items():
        if len(keys) > 1:
            yield f"double booking at the end: seat {slot} is held by {', '.join(sorted(keys))}"
    for patient, keys in of_patient.items():
        for one, other in combinations(sorted(keys), 2):
            if _overlap(final.seats[final.visits[one].slot], final.seats[final.visits[other].slot]):
                yield f"double booking at the end: patient {patient} is in two places, {one} and {other}"
    for slot, seat in final.seats.items():
        if seat.status is not None and (seat.status == "booked") != bool(on_seat[slot]):
            yield f"seat in between at the end: {slot} is {seat.status}, held by {', '.join(on_seat[slot]) or 'nobody'}"


def _lost(events: Sequence[Event], final: State) -> Iterator[str]:
    given_up = {event.appointment for event in events if event.kind in FREES and (event.status or 0) < 300}
    acknowledged = {event.appointment: event for event in events if event.kind == "book" and event.is_success}
    for key, event in acknowledged.items():
        visit = final.visits.get(key)  # type: ignore[arg-type]
        if visit is None:
            yield f"lost booking: nothing is there of {_told(event)}"
        elif key not in given_up and (visit.status in SEATLESS or visit.slot != event.slot):
            yield f"lost booking: nobody has given it up, and it is {visit.status} in {visit.slot}: {_told(event)}"


def _double_bookings(events: Sequence[Event], seats: Mapping[str, Seat]) -> Iterator[str]:
    """From the answer that gave it to the first question that may have given it up, a visit surely has its seat."""
    of_visit = defaultdict(list)
    for event in events:
        if event.appointment is not None and (event.status or 0) < 300 and event.kind not in ("read", "check_in"):
            of_visit[event.appointment].append(event)
    stays = defaultdict(list)
    patients = {event.appointment: event.patient for event in events if event.kind == "book" and event.is_success}
    for key, mine in of_visit.items():
        booked = [event for event in mine if event.kind == "book" and event.is_success]
        taken = [min(booked, key=lambda event: event.answered)] if booked else []  # the others repeat it
        taken += [event for event in mine if event.kind == "move" and event.is_success and event.key is None]
        for event in taken:
            ends = [
                other.asked for other in mine if other.kind != "book" and other is not event and _after(other, event)
            ]
            if (until := min(ends, default=float("inf"))) > event.answered and event.slot in seats:  # type: ignore[operator]
                stays[patients.get(key)].append((event.slot, event.answered, until, key))
    on_seat = defaultdict(list)
    for patient, theirs in stays.items():
        for slot, since, until, key in theirs:
            on_seat[slot].append((since, until, key))
        for one, other in combinations(theirs, 2):
            if (
                patient
                and one[3] != other[3]
                and _overlap(seats[one[0]], seats[other[0]])
                and _meet(one[1:3], other[1:3])
            ):
                yield f"double booking: patient {patient} was in two places, {one[3]} and {other[3]}"
    for slot, theirs in on_seat.items():
        for one, other in combinations(theirs, 2):
            if one[2] != other[2] and _meet(one[:2], other[:2]):
                yield f"double booking: seat {slot} was held by {one[2]} and {other[2]} at once"


def _after(other: Event, event: Event) -> bool:
    """It may have happened after the event."""
    return other.answered is None or other.answered > event.asked


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def _stretches(seats: Mapping[str, Seat]) -> dict[str | None, int]:
    """Number the stretches of time that seats cover without a gap, and say which one each seat lies in."""
    stretch: dict[str | None, int] = {}
    number, until = 0, float("-inf")
    for slot, seat in sorted(seats.items(), key=lambda item: item[1].starts):
        number += seat.starts >= until
        until = max(until, seat.ends)
        stretch[slot] = number
    return stretch


# --- a serial order ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Config:
    """One state in which the hospital may be, the pending events that have happened in it already, by their place in
    the history, and the unknown ones that have happened."""

    model: Model
    done: frozenset[int] = frozenset()
    taken: frozenset[int] = frozenset()

    @property
    def key(self) -> Any:
        return self.done, frozenset(self.model.facts.items())


class _Search:
    def __init__(self, events: Sequence[Event], final: State, initial: State) -> None:
        self.final, self.initial = final, initial
        ends = [
            Event(-1, "read", appointment=key, asked=float("inf"), answered=float("inf"), status=200,
                  seen=(visit.status, visit.slot), patient=visit.patient)
            for key, visit in final.visits.items()
        ]  # fmt: skip
        self.told = {event.appointment for event in events if event.kind == "book" and event.is_success}
        self.of_key = {
            event.key: event.appointment for event in events if event.kind == "book" and event.is_success and event.key
        }
        self.untold = {key: visit for key, visit in final.visits.items() if key not in self.told | set(initial.visits)}
        self.events = [event for event in (*events, *ends) if self._matters(event)]
        self.patients = {key: visit.patient for key, visit in (*initial.visits.items(), *final.visits.items())}
        self.patients |= {e.appointment: e.patient for e in events if e.kind == "book" and e.appointment and e.patient}
        self.stretch = _stretches(final.seats)
        self.slots = self._slots()
        self.items = [self._items(event) for event in self.events]

    def _matters(self, event: Event) -> bool:
        if event.code == "busy" or event.status in UNJUDGED or event.status == 500:
            return False
        if event.status == 403 and event.code != "hold_not_owned":
            return False
        if event.status is None:
            return event.kind != "read" and (event.kind != "book" or bool(list(self._made_by(event))))
        return True

    def _slots(self) -> dict[str | None, set[Any]]:
        """The seats that an appointment may ever have had."""
        slots: dict[str | None, set[Any]] = defaultdict(set)
        for event in self.events:
            if event.slot in self.stretch:
                slots[event.appointment].add(event.slot)
        for key, visit in (*self.initial.visits.items(), *self.final.visits.items()):
            slots[key].add(visit.slot)
        return slots

    def _items(self, event: Event) -> frozenset[Any]:
        """What an event may touch: by these it depends on others. A patient is one for each stretch of time in which
        seats overlap: visits at other times are nothing to each other."""
        keys = [event.appointment] if event.appointment is not None else []
        if event.kind == "book" and event.status is None:
            keys = list(self._made_by(event))  # it may be any of them
        slots = {event.slot} if event.slot in self.stretch else set()
        if event.kind not in ("read", "check_in", "start"):  # these neither give nor take a seat
            slots |= {slot for key in keys for slot in self.slots[key]}
        patients = {event.patient, *(self.patients.get(key) for key in keys)} - {None}
        items = {("visit", key) for key in keys} | {("seat", slot) for slot in slots} | {("key", event.key)}
        stretches = {self.stretch[slot] for slot in slots}
        if event.kind in ("register", "close", "reopen"):  # whenever the visit is
            stretches = set(self.stretch.values())
        items |= {("patient", patient, stretch) for patient in patients for stretch in stretches}
        return frozenset(items - {("key", None)})

    def _made_by(self, event: Event) -> Iterator[str]:
        """The appointments that a booking of unknown outcome may have made."""
        if event.key is not None and event.key in self.of_key:
            yield self.of_key[event.key]  # type: ignore[misc]
            return
        mine = [key for key, visit in self.untold.items() if visit.patient == event.patient]
        yield from sorted(mine, key=lambda key: self.untold[key].slot != event.slot)

    def problems(self) -> list[str]:
        for least in range(3):
            stuck = self._stuck(least)
            if stuck is None or all(event.status is not None for event in self.events):
                break
        return [] if stuck is None else [stuck]

    def _begin(self) -> _Config:
        model = Model(self.final.seats)
        for key, visit in self.initial.visits.items():
            model._become(key, visit)
        for slot, seat in self.initial.seats.items():
            if seat.status == WITHDRAWN:
                model.put(WITHDRAWN, "seat", slot)
        for patient in {event.patient for event in self.events} | set(self.patients.values()):
            model.put("open", "patient", patient)
        model.base, model.facts = model.facts, {}
        return _Config(model)

    def _stuck(self, least: int) -> str | None:
        """Walk along questions and answers in the order of their times; say at which answer no order is left."""
        moments = [(event.asked, 0, place) for place, event in enumerate(self.events)]
        moments += [(e.answered, 1, place) for place, e in enumerate(self.events) if e.answered is not None]
        self.pending: dict[int, Event] = {}
        configs, answers = [self._begin()], 0
        at_the_end = sorted(moment for moment in moments if moment[0] == float("inf"))
        for _, is_answer, place in (*sorted(moment for moment in moments if moment[0] < float("inf")), *at_the_end):
            event = self.events[place]
            if not is_answer:
                self.pending[place] = event
                for config in configs:
                    self._absorb(config, [place])
                continue
            try:
                configs = self._answered(configs, place, least)
            except _TooMuch:
                return f"undecided: too many orders after {answers} answers, at {_told(event)}"
            if not configs:
                kind = "what is there at the end" if event.client == -1 else "the answer"
                return f"no serial order explains {kind}, after {answers} answers that have one: {_told(event)}" + (
                    f", seen {event.seen}" if event.seen else ""
                )
            answers += 1
            del self.pending[place]
            configs = self._settled(configs, place)
        return None

    def _settled(self, configs: list[_Config], place: int) -> list[_Config]:
        """Forget the event, which has happened in all; of equal states keep those with most still to come; put what
        all agree on into their common base."""
        kept: dict[Any, list[_Config]] = {}
        for config in sorted(configs, key=lambda one: len(one.taken)):
            config.done -= {place}
            alike = kept.setdefault(config.key, [])
            if not any(other.taken <= config.taken for other in alike):
                alike.append(config)
        left = [config for alike in kept.values() for config in alike]
        first, *others = left
        common = [
            (name, value)
            for name, value in first.model.facts.items()
            if all(name in other.model.facts and other.model.facts[name] == value for other in others)
        ]
        first.model.base.update(common)
        for config in left:
            for name, _ in common:
                del config.model.facts[name]
        return left

    def _absorb(self, config: _Config, places: Iterable[int]) -> None:
        """What changes nothing and is right now happens now: later it could be no more right."""
        for place in places:
            event = self.pending[place]
            if place not in config.done and self._is_pure(event) and self._is_right(config.model, event):
                config.done |= {place}

    @staticmethod
    def _is_pure(event: Event) -> bool:
        return event.status is not None and (event.kind == "read" or not event.is_success)

    @staticmethod
    def _is_right(model: Model, event: Event) -> bool:
        if not event.is_success:
            return model.may_refuse(event)
        visit = model.visit(event.appointment)
        return visit is not None and event.seen in (None, (visit.status, visit.slot))

    def _outcomes(self, config: _Config, place: int) -> Iterator[_Config]:
        """What may be once this pending event has happened."""
        event = self.pending[place]
        is_unknown = event.status is None
        named: Iterable[Event] = [event]
        if event.kind == "book" and is_unknown:
            named = [replace(event, appointment=key) for key in self._made_by(event)]
        elif event.kind == "hold" and is_unknown:
            named = [replace(event, got=f"untold {place}", answered=None)]
        for one in named:
            earlier = config.model.earlier(one)
            if config.model.refusals(one) or (earlier and (is_unknown or earlier[1] != one.appointment)):
                continue
            if one.kind == "book" and earlier is None and config.model.visit(one.appointment) is not None:
                continue
            model = config.model.fork()
            model.apply(one)
            if is_unknown and model.facts == config.model.facts:
                continue
            taken = config.taken | {place} if is_unknown else config.taken
            after = _Config(model, config.done | {place}, taken)
            self._absorb(after, [near for near in self.pending if self.items[near] & self.items[place]])
            yield after

    def _answered(self, configs: list[_Config], place: int, least: int) -> list[_Config]:
        """The states in which the event has happened, with ``least`` or, if need be, more unknown ones before it."""
        there = [config for config in configs if place in config.done]
        missing = [config for config in configs if place not in config.done]
        self.tried = 0
        pending = self._component(place, frozenset.intersection(*(config.done for config in missing or configs)))
        known = [near for near in pending if self.pending[near].status is not None]
        unknown = [near for near in pending if self.pending[near].status is None]
        most = min(least, len(unknown))
        while True:
            found = there + [after for config in missing for after in self._reach(config, place, known, unknown, most)]
            if found or most >= len(unknown):
                return found
            most += 1

    def _component(self, place: int, done: frozenset[int]) -> list[int]:
        """The pending events, of those that change something, that the event may depend on; by way of others too, such
        as a refusal that one of them makes right and the event makes wrong."""
        left = {near for near in self.pending if near != place and near not in done}
        near, reached = [], [place]
        while reached:
            items = self.items[reached.pop()]
            found = [other for other in left if self.items[other] & items]
            left.difference_update(found)
            near += found
            reached += found
        return sorted(other for other in near if not self._is_pure(self.pending[other]))

    def _reach(
        self, start: _Config, place: int, known: Sequence[int], unknown: Sequence[int], most: int
    ) -> list[_Config]:
        """Every state after the event that differs from what letting it happen first, and the others later, leads to.
        At most ``most`` unknown events happen before it."""
        is_pure = self._is_pure(self.pending[place])
        direct = [] if is_pure else list(self._outcomes(start, place))
        found = list(direct)
        seen, stack = {start.key}, [(start, ())]
        while stack:
            config, before = stack.pop()
            used = sum(1 for near in before if near in unknown)
            for near in (*known, *(unknown if used < most else ())):
                if near in config.done:
                    continue
                for after in self._outcomes(config, near):
                    self.tried += 1
                    if self.tried > MOST_STATES:
                        raise _TooMuch
                    if after.key in seen:
                        continue
                    seen.add(after.key)
                    way = (*before, near, *(after.done - config.done - {near, place}))
                    if place in after.done:
                        found += [after] * self._depends(way, place)
                        continue
                    stack.append((after, way))
                    if not is_pure and self._depends(way, place):
                        found += [end for end in self._outcomes(after, place) if not self._later(direct, way, end)]
        return found

    def _depends(self, way: Sequence[int], place: int) -> bool:
        """Each event of the way touches what one after it touches; else it could as well happen later. What changes
        nothing is on the way because of the one before it, and may touch nothing more."""
        items = set(self.items[place])
        for near in reversed(way):
            if self.items[near] & items:
                items |= self.items[near]
            elif not self._is_pure(self.pending[near]):
                return False
        return True

    def _later(self, direct: Sequence[_Config], way: Sequence[int], end: _Config) -> bool:
        """Whether the events of the way lead to the same state when they happen after the event instead of before."""
        reached = list(direct)
        for near in [near for near in way if not self._is_pure(self.pending[near])]:
            reached = [
                after
                for config in reached
                for after in ([config] if near in config.done else self._outcomes(config, near))
            ]
        return any(after.key == end.key for after in reached)


class _TooMuch(Exception):
    pass
