"""The checker of recorded histories: right ones pass, and each kind of fault is found."""

import random
from dataclasses import replace

import pytest

from booking_site.testing.histories import Event, Seat, State, Visit, problems
from booking_site.testing.model import Model

HOUR = {"nine": Seat(9, 10), "also nine": Seat(9, 10), "ten": Seat(10, 11)}


def final(**visits: Visit) -> State:
    return State(HOUR, visits)


def book(patient="Ann", slot="nine", made="A", asked=0.0, answered=1.0, status=201, code=None, **more) -> Event:
    told = made if status == 201 else None
    given = {"asked": asked, "answered": answered, "status": status, "code": code}
    return Event(0, "book", patient, slot, told, **given, **more)


def of(appointment, kind, asked, answered, status=200, code=None, **more) -> Event:
    given = {"appointment": appointment, "asked": asked, "answered": answered, "status": status, "code": code}
    return Event(0, kind, **given, **more)


def unknown(event: Event) -> Event:
    return replace(event, answered=None, status=None, appointment=None if event.kind == "book" else event.appointment)


TAKEN = {"status": 409, "code": "slot_unavailable"}
TWICE = {"status": 409, "code": "patient_double_booked"}
ANN, BEN = Visit("Ann", "nine"), Visit("Ben", "nine")
GONE = replace(ANN, status="cancelled")

RIGHT = {
    "one after the other": (
        [book(), book("Ben", asked=2, answered=3, **TAKEN), book("Ben", "ten", "B", 4, 5)],
        final(A=ANN, B=Visit("Ben", "ten")),
    ),
    "refused before the winner had its answer": (
        [book(asked=0, answered=9), book("Ben", asked=1, answered=2, **TAKEN)],
        final(A=ANN),
    ),
    "taken by one who cancelled it while the other was asking": (
        [book(), of("A", "cancel", 2, 5), book("Ben", made="B", asked=3, answered=4)],
        final(A=GONE, B=BEN),
    ),
    "refused, or booked, around a cancellation that takes long": (
        [
            *(book(), of("A", "cancel", 2, 9)),
            *(book("Ben", asked=3, answered=4, **TAKEN), book("Ben", made="B", asked=5, answered=6)),
            book("Cem", asked=7, answered=8, **TAKEN),
        ],
        final(A=GONE, B=BEN),
    ),
    "an unknown booking that was made": ([unknown(book()), book("Ben", asked=5, answered=6, **TAKEN)], final(A=ANN)),
    "an unknown booking that was not made": (
        [unknown(book()), book("Ben", made="B", asked=5, answered=6)],
        final(B=BEN),
    ),
    "an unknown booking that was made late": (
        [unknown(book()), book("Ben", made="B", asked=5, answered=6), of("B", "cancel", 7, 8)],
        final(A=ANN, B=replace(BEN, status="cancelled")),
    ),
    "a repetition of an unknown booking": (
        [unknown(book(key="k")), book(asked=5, answered=6, key="k"), book(asked=5, answered=7, key="k")],
        final(A=ANN),
    ),
    "a repetition after the cancellation": (
        [book(key="k"), of("A", "cancel", 2, 3), book(key="k", asked=4, answered=5)],
        final(A=GONE),
    ),
    "an unknown cancellation": (
        [book(), unknown(of("A", "cancel", 2, 3)), book("Ben", made="B", asked=4, answered=5)],
        final(A=GONE, B=BEN),
    ),
    "the other code, for both are so": (
        [book(), book(slot="nine", asked=2, answered=3, **TAKEN), book(slot="nine", asked=4, answered=5, **TWICE)],
        final(A=ANN),
    ),
    "a hold, and the booking that it opens": (
        [
            Event(0, "hold", slot="nine", asked=0, answered=1, status=201, got="t"),
            book("Ben", asked=2, answered=3, **TAKEN),
            book("Ben", asked=2, answered=3, token="x", status=409, code="hold_expired"),
            book(asked=4, answered=5, token="t"),
        ],
        final(A=ANN),
    ),
    "booked as soon as the record was open again": (
        [Event(0, kind, "Ann", asked=n, answered=n + 8, status=200) for n, kind in enumerate(["close", "reopen"])]
        + [book(asked=0, answered=7, status=409, code="patient_inactive"), book(asked=3, answered=4)],
        final(A=ANN),
    ),
    "a move refused for a hold, before the check-in that would refuse it": (
        [
            *(book(), Event(0, "hold", slot="ten", asked=2, answered=8, status=201, got="t")),
            *(of("A", "move", 3, 9, slot="ten", **TAKEN), of("A", "check_in", 4, 5)),
        ],
        final(A=replace(ANN, status="checked_in")),
    ),
    "a hold that has ended": (
        [
            Event(0, "hold", slot="nine", asked=0, answered=1, status=201, got="t"),
            book("Ben", asked=299, answered=299.5, **TAKEN),
            book(asked=302, answered=303),
        ],
        final(A=ANN),
    ),
    "a day at the desk": (
        [
            *(book(), of("A", "check_in", 2, 3), of("A", "check_in", 4, 5, 409, "invalid_transition")),
            *(of("A", "start", 6, 7), of("A", "complete", 8, 9), of("A", "undo", 10, 11)),
            of("A", "read", 12, 13, seen=("in_progress", "nine")),
        ],
        final(A=replace(ANN, status="in_progress")),
    ),
    "busy, and too many questions": (
        [book(), book("Ben", "ten", asked=2, answered=3, status=409, code="busy"), book("Ben", "ten", status=429)],
        final(A=ANN),
    ),
}

WRONG = {
    "a seat booked twice": (
        "double booking: seat",
        [book(), book("Ben", made="B", asked=2, answered=3)],
        final(A=ANN, B=BEN),
    ),
    "a seat booked twice, and one given up later": (
        "double booking: seat",
        [book(), book("Ben", made="B", asked=2, answered=3), of("A", "cancel", 4, 5)],
        final(A=GONE, B=BEN),
    ),
    "a patient in two places": (
        "double booking: patient",
        [book(), book(slot="also nine", made="B", asked=2, answered=3)],
        final(A=ANN, B=Visit("Ann", "also nine")),
    ),
    "a seat shared at the end": ("at the end: seat", [unknown(book()), book("Ben", made="B")], final(A=ANN, B=BEN)),
    "a patient in two places at the end": (
        "at the end: patient",
        [book(), unknown(book(slot="also nine"))],
        final(A=ANN, B=Visit("Ann", "also nine")),
    ),
    "a seat booked by nobody": (
        "in between",
        [book(), of("A", "cancel", 2, 3)],
        State(HOUR | {"nine": Seat(9, 10, "booked")}, {"A": GONE}),
    ),
    "a booking that is not there": ("lost booking", [book()], final()),
    "a booking given up by nobody": ("lost booking", [book()], final(A=GONE)),
    "a booking moved by nobody": ("lost booking", [book()], final(A=Visit("Ann", "ten"))),
    "a crash": ("answered 500", [book(), book("Ben", "ten", status=500)], final(A=ANN)),
    "refused a seat that was free all the time": (
        "no serial order",
        [book("Ben", asked=0, answered=1, **TAKEN), book(asked=2, answered=3)],
        final(A=ANN),
    ),
    "refused for a patient who was nowhere": ("no serial order", [book(**TWICE)], final()),
    "a seat that a cancellation did not free": (
        "no serial order",
        [book(), of("A", "cancel", 2, 3), book("Ben", asked=4, answered=5, **TAKEN)],
        final(A=GONE),
    ),
    "a cancellation that came undone": (
        "no serial order",
        [book(), of("A", "cancel", 2, 3)],
        final(A=ANN),
    ),
    "two outcomes of one key": (
        "no serial order",
        [book(key="k"), book(slot="nine", made="B", key="k", asked=2, answered=3)],
        final(A=GONE, B=ANN),
    ),
    "a repetition refused": (
        "no serial order",
        [book(key="k"), book(key="k", asked=2, answered=3, **TAKEN)],
        final(A=ANN),
    ),
    "an appointment of unknown origin": ("no serial order", [book()], final(A=ANN, B=Visit("Ben", "ten"))),
    "a hold that held nothing": (
        "no serial order",
        [
            Event(0, "hold", slot="nine", asked=0, answered=1, status=201, got="t"),
            book("Ben", made="B", asked=2, answered=3),
            of("B", "cancel", 4, 5),
        ],
        final(B=replace(BEN, status="cancelled")),
    ),
    "a seat held twice": (
        "no serial order",
        [Event(0, "hold", slot="nine", asked=n, answered=n + 0.5, status=201, got=f"t{n}") for n in (0, 1)],
        final(),
    ),
    "a step that was taken twice": (
        "no serial order",
        [book(), of("A", "check_in", 2, 3), of("A", "check_in", 4, 5)],
        final(A=replace(ANN, status="checked_in")),
    ),
    "a read that is out of date": (
        "no serial order",
        [book(), of("A", "cancel", 2, 3), of("A", "read", 4, 5, seen=("booked", "nine"))],
        final(A=GONE),
    ),
    "two who each saw the other first": (
        "no serial order",  # each was refused the seat that the other gave up only later
        [
            *(book(), book("Ben", "ten", "B")),
            *(of("A", "move", 2, 4, 409, "slot_unavailable", slot="ten"), of("B", "move", 2, 4, slot="nine")),
        ],
        final(A=ANN, B=BEN),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_some_order_explains_passes(name):
    history, end = RIGHT[name]
    assert problems(history, end) == []


@pytest.mark.parametrize("name", WRONG)
def test_each_kind_of_fault_is_found(name):
    kind, history, end = WRONG[name]
    assert [line for line in problems(history, end) if kind in line], problems(history, end)


def test_the_first_answer_without_an_order_is_named():
    history = [
        book(),
        of("A", "cancel", 2, 3),
        book("Ben", asked=4, answered=5, **TAKEN),
        book("Ben", "ten", "B", 6, 7),
    ]
    [problem] = problems(history, final(A=GONE, B=Visit("Ben", "ten")))
    assert "after 2 answers" in problem
    assert "client 0 book patient=Ben slot=nine [4.000000, 5.000000] -> 409 slot_unavailable" in problem


def test_visits_from_before_count():
    before = State(HOUR, {"A": ANN})
    assert problems([book("Ben", **TAKEN)], final(A=ANN), before) == []
    assert problems([book("Ben", made="B")], final(A=ANN, B=BEN), before) != []


# --- histories made by the model ---------------------------------------------------------------------------------

KINDS = ["book"] * 3 + ["cancel", "move", "hold", "release", "check_in", "start", "complete", "no_show", "undo"]
SEATS = {f"seat {n}": Seat(n // 2, n // 2 + 1) for n in range(6)}


class Simulation:
    """Clients whose events happen at a moment between question and answer. ``overlap`` 0: one after the other."""

    def __init__(self, seed: int, events: int, clients: int, *, overlap: float = 1, unknown: float = 0) -> None:
        self.chance, self.unknown = random.Random(seed), unknown
        self.model = Model(SEATS)
        for patient in range(5):
            self.model.put("open", "patient", f"patient {patient}")
        self.made: list[str] = []
        self.keyed: list[Event] = []
        self.tokens: dict[str, str] = {}
        free = [0.0] * clients
        moments = []
        for _ in range(events):
            client = free.index(min(free))
            asked = free[client] + self.chance.random() if overlap else max(free) + 0.1
            at = asked + self.chance.random() * overlap
            free[client] = answered = at + self.chance.random() * overlap + 0.01
            moments.append((at, client, asked, answered))
        self.history = [self.happen(*moment) for moment in sorted(moments)]

    def happen(self, at: float, client: int, asked: float, answered: float) -> Event:
        kind = self.chance.choice(KINDS if self.made else ["book", "hold"])
        slot = self.chance.choice(sorted(SEATS))
        event = Event(client, kind, asked=asked, answered=answered)
        if kind == "book":
            key = f"key {at}" if self.chance.random() < 0.3 else None
            patient = f"patient {self.chance.randrange(5)}"
            event = replace(event, patient=patient, slot=slot, token=self.token(slot), key=key, appointment=f"at {at}")
            if self.keyed and self.chance.random() < 0.2:
                event = replace(self.chance.choice(self.keyed[-3:]), asked=asked, answered=answered)
        elif kind in ("hold", "release"):
            event = replace(event, slot=slot, token=self.token(slot), got=f"token {at}" if kind == "hold" else None)
        else:
            appointment = self.chance.choice(self.made[-6:])
            event = replace(event, appointment=appointment, slot=slot if kind == "move" else None)
        return self.answered(event, is_told=self.chance.random() >= self.unknown)

    def token(self, slot: str) -> str | None:
        return self.tokens.get(slot) if self.chance.random() < 0.5 else None

    def answered(self, event: Event, *, is_told: bool) -> Event:
        status, code = self.model.answer(event)
        if status < 300:
            self.model.apply(event)
            if event.kind == "book" and is_told:
                self.made.append(event.appointment or "")
                self.keyed += [event] if event.key else []
            if event.kind == "hold" and is_told:
                self.tokens[event.slot or ""] = event.got or ""
        event = replace(event, status=status, code=code or None)
        if status >= 300 or not is_told:
            event = replace(event, appointment=None if event.kind == "book" else event.appointment, got=None)
        return event if is_told else unknown(event)

    @property
    def final(self) -> State:
        keys = [name[1] for name in self.model.facts if name[0] == "visit"]
        seats = {
            slot: replace(seat, status="booked" if self.model.get("seat", slot) else "available")
            for slot, seat in SEATS.items()
        }
        return State(seats, {key: self.model.visit(key) for key in keys})


@pytest.mark.parametrize("seed", range(4))
def test_histories_of_the_model_itself_pass(seed):
    simulation = Simulation(seed, 400, 8, unknown=0.02)
    assert problems(simulation.history, simulation.final) == []


def turned(event: Event) -> Event:
    """With the other answer: refused what was done, done what was refused."""
    if event.status in (200, 201, 204):
        code = {"release": "hold_not_owned", "book": "slot_unavailable", "hold": "slot_unavailable"}.get(event.kind)
        refused = replace(event, status=403 if event.kind == "release" else 409, code=code or "invalid_transition")
        return replace(refused, appointment=None if event.kind == "book" else event.appointment, got=None)
    made = f"turned {event.asked}" if event.kind == "book" else event.appointment
    return replace(event, status=201 if event.kind in ("book", "hold") else 200, code=None, appointment=made)


def test_every_answer_turned_round_is_found():
    simulation = Simulation(11, 150, 3, overlap=0)
    assert problems(simulation.history, simulation.final) == []
    for place, event in enumerate(simulation.history):
        history = [*simulation.history[:place], turned(event), *simulation.history[place + 1 :]]
        assert problems(history, simulation.final) != [], event


def test_every_visit_changed_at_the_end_is_found():
    simulation = Simulation(12, 150, 4)
    end = simulation.final
    for key, visit in end.visits.items():
        other = "booked" if visit.status != "booked" else "completed"
        for changed in ({key: replace(visit, status=other)}, {key: replace(visit, slot="seat 5")}):
            if changed[key] != visit:
                assert problems(simulation.history, State(end.seats, end.visits | changed)) != [], visit
        assert problems(simulation.history, State(end.seats, {k: v for k, v in end.visits.items() if k != key})) != []


# --- against every order there is ----------------------------------------------------------------------------------


def some_order_explains(history: list[Event], end: State) -> bool:
    """The question itself, tried by brute force."""
    patients = {event.patient for event in history}

    def go(model: Model, left: list[Event]) -> bool:
        known = [event for event in left if event.status is not None]
        visits = {name[1]: visit for name, visit in model.facts.items() if name[0] == "visit"}
        if not known and visits == end.visits:
            return True
        until = min((event.answered for event in known), default=float("inf"))
        return any(
            go(after, [other for other in left if other is not event])
            for event in left
            if event.asked <= until
            for after in outcomes(model, event)
        )

    def outcomes(model: Model, event: Event):
        if event.status is not None and event.status >= 300:
            return [model] if model.may_refuse(event) else []
        named = [event]
        if event.kind == "book" and event.status is None:
            named = [replace(event, appointment=key) for key in end.visits]
        elif event.kind == "hold" and event.status is None:
            named = [replace(event, got="nobody knows")]
        found = []
        for one in named:
            earlier, there = model.earlier(one), model.visit(one.appointment) is not None
            if model.refusals(one) or (earlier and earlier[1] != one.appointment):
                continue
            if one.kind == "book" and not earlier and there:
                continue
            after = model.fork()
            after.apply(one)
            found.append(after)
        return found

    begin = Model(SEATS)
    for patient in patients:
        begin.put("open", "patient", patient)
    return go(begin, history)


def test_the_checker_says_what_trying_every_order_says():
    told = {True: 0, False: 0}
    for seed in range(1500):
        simulation = Simulation(seed, 7, 4, unknown=0.15)
        chance, history, end = random.Random(seed), list(simulation.history), simulation.final
        for _ in range(chance.randrange(3)):
            place = chance.randrange(len(history))
            if history[place].status is not None:
                history[place] = turned(history[place])
        seats = {slot: replace(seat, status=None) for slot, seat in end.seats.items()}
        is_right = some_order_explains(history, end)
        told[is_right] += 1
        assert (problems(history, State(seats, end.visits)) == []) == is_right, (seed, history)
    assert min(told.values()) > 200
