"""New times for many patients at once, after a change of the plan.

The criteria, exactly. The delay of an appointment is the whole minutes from its old start to its new one. Its
candidates begin at or after the old start, in the future, and within ``settings.REBOOK_WITHIN_DAYS`` of the old start;
what else a seat must be is said in ``alternatives``. An appointment that gets none counts as four times that many days.
First the total of the urgent appointments is least, then that of the others (``assignment``).

All or nothing per patient: of one with several appointments in the list all are moved, in one transaction, or none.
Their seats must not overlap; where the least delay would have it so, the later in line is kept away from the time of
the other and all are assigned anew. This, and leaving a patient out of whom not all can be placed, goes step by step:
the result is the least delay for lists in which each patient has one appointment, and close to it for others.
"""

import uuid
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, TypeVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments import signals
from appointments.alternatives import Demand, Seat, Span, candidates, demand, within
from appointments.assignment import assign
from appointments.models import Appointment
from appointments.operations import reschedule
from booking_site.core.actor import Actor
from booking_site.core.errors import DomainError
from booking_site.core.operations import in_transaction, operation, version_of
from patients.models import Patient
from scheduling.models import AvailableSlot

AT_ONCE = 500  # appointments that one run takes, those first in line
ROUNDS = 3  # of assigning those anew whose seats somebody else has taken meanwhile
TRIES = 10  # to keep the appointments of one patient apart
UNPLACED = 4  # times the horizon: what an appointment without a seat counts as
T = TypeVar("T", Appointment, "Move")
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

NO_SEAT = _("There is no free time of this kind in the days after it. Add a session, or move it by hand.")
TOO_FEW = _("There are fewer free times than patients who need one. Add a session, or move it by hand.")
TOGETHER = _("Another appointment of this patient cannot be placed: both move, or neither.")
CLOSED = _("The patient's record is closed. Reactivate it before moving the appointment, or cancel it.")
GONE = _("Somebody else has moved or cancelled it meanwhile.")


@dataclass(frozen=True, slots=True)
class Move:
    """``appointment`` as it was, and where it goes."""

    appointment: Appointment
    slot: AvailableSlot

    @property
    def patient_id(self) -> uuid.UUID:
        return self.appointment.patient_id

    @property
    def minutes(self) -> int:
        return (self.slot.starts_at - self.appointment.starts_at) // MINUTE


@dataclass(frozen=True, slots=True)
class Left:
    """Not moved, and why, for people."""

    appointment: Appointment
    why: Any


@dataclass(slots=True)
class Report:
    moved: list[Move] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    rounds: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {
            "listed": len(self.moved) + len(self.left),
            "moved": len(self.moved),
            "urgent_moved": sum(move.appointment.is_urgent for move in self.moved),
            "not_moved": len(self.left),
            "delay_minutes": sum(move.minutes for move in self.moved),
            "rounds": self.rounds,
        }


def in_line() -> Any:
    """The worklist: who needs a new time, urgent ones first, then soonest."""
    waiting = Appointment.objects.needing_new_time().order_by("-is_urgent", "starts_at", "id")
    return waiting.select_related("patient", "doctor", "department")


def propose(appointments: Sequence[Appointment]) -> tuple[list[Move], list[Left]]:
    """Who would go where, and who cannot be placed, in the order given (as of ``in_line``). Writes nothing."""
    closed = {a.pk: CLOSED for a in appointments if not a.patient.is_active}
    kept_away: dict[uuid.UUID, list[Span]] = defaultdict(list)
    for last in [False] * (TRIES - 1) + [True]:
        why: dict[uuid.UUID, Any] = dict(closed)
        placed = _placed([a for a in appointments if a.pk not in why], kept_away, why)
        clashes = [
            (one, other)
            for own in _by_patient(a for a in appointments if a.pk in placed)
            for one, other in combinations(own, 2)
            if _overlap(placed[one.pk], placed[other.pk])
        ]
        if not clashes:
            break
        for one, other in clashes:
            kept_away[other.pk].append((placed[one.pk].starts_at, placed[one.pk].ends_at))
            if last:
                why |= dict.fromkeys((a.pk for a in appointments if a.patient_id == one.patient_id), TOGETHER)
    slots = AvailableSlot.objects.select_related("doctor", "department").in_bulk([seat.id for seat in placed.values()])
    moves = [Move(a, slots[placed[a.pk].id]) for a in appointments if a.pk in placed and a.pk not in why]
    return moves, [Left(a, why[a.pk]) for a in appointments if a.pk in why]


def _placed(
    appointments: list[Appointment], kept_away: dict[uuid.UUID, list[Span]], why: dict[uuid.UUID, Any]
) -> dict[uuid.UUID, Seat]:
    """The seats of those who are placed, by appointment; ``why`` learns of the others. All of a patient, or none."""
    pools = list(_pools(appointments, kept_away))
    several = [own for own in _by_patient(appointments) if len(own) > 1]
    found: dict[uuid.UUID, Seat | None] = {}
    dirty = pools
    while True:
        for pool in dirty:
            found |= pool.solve(without=why)
        partly = [
            own for own in several if own[0].pk not in why and 0 < sum(found[a.pk] is None for a in own) < len(own)
        ]
        if not partly:
            break
        # The last in line steps back with all of theirs: that may make room for others.
        own = partly[-1]
        why |= {a.pk: TOGETHER if found[a.pk] else _reason(a, pools) for a in own}
        dirty = [pool for pool in pools if any(a.pk in why for a in pool.appointments)]
    why |= {a.pk: _reason(a, pools) for a in appointments if a.pk not in why and found[a.pk] is None}
    return {key: seat for key, seat in found.items() if seat is not None and key not in why}


class _Pool:
    """Appointments that compete for the same seats; the delay of each in each, infinite where a seat will not do."""

    def __init__(
        self, appointments: list[Appointment], seats: list[Seat], spans: dict[uuid.UUID, list[Span]], horizon: timedelta
    ) -> None:
        import numpy as np

        self.appointments, self.seats = appointments, seats
        self.unplaced = UNPLACED * (horizon // MINUTE)
        starts = np.array([_micros(seat.starts_at) for seat in seats], dtype=np.int64)
        ends = np.array([_micros(seat.ends_at) for seat in seats], dtype=np.int64)
        self.delays = np.empty((len(appointments), len(seats)))
        for row, appointment in enumerate(appointments):
            old, length = _micros(appointment.starts_at), appointment.ends_at - appointment.starts_at
            wrong = (starts < old) | (starts > old + horizon // MICROSECOND) | (ends - starts < length // MICROSECOND)
            for begin, end in spans.get(appointment.pk, ()):
                wrong |= (starts < _micros(end)) & (ends > _micros(begin))
            self.delays[row] = np.where(wrong, np.inf, (starts - old) // (MINUTE // MICROSECOND))

    def solve(self, *, without: Container[uuid.UUID]) -> dict[uuid.UUID, Seat | None]:
        rows = [row for row, appointment in enumerate(self.appointments) if appointment.pk not in without]
        urgent = [self.appointments[row].is_urgent for row in rows]
        columns = assign(self.delays[rows], urgent, self.unplaced)
        return {
            self.appointments[row].pk: None if column is None else self.seats[column]
            for row, column in zip(rows, columns, strict=True)
        }


def _pools(appointments: list[Appointment], kept_away: dict[uuid.UUID, list[Span]]) -> Iterator[_Pool]:
    spans: dict[uuid.UUID, list[Span]] = defaultdict(list, {key: list(given) for key, given in kept_away.items()})
    patients = {a.patient_id for a in appointments}
    plans: dict[uuid.UUID, list[tuple[uuid.UUID, Span]]] = defaultdict(list)
    others = Appointment.objects.live().order_by().filter(patient_id__in=patients, ends_at__gt=timezone.now())
    for key, patient, begin, end in others.values_list("pk", "patient_id", "starts_at", "ends_at"):
        plans[patient].append((key, (begin, end)))
    for appointment in appointments:
        spans[appointment.pk] += [span for key, span in plans[appointment.patient_id] if key != appointment.pk]
    rivals: dict[Demand, list[Appointment]] = defaultdict(list)
    for appointment in appointments:
        rivals[demand(appointment)].append(appointment)
    seats = candidates(appointments, kept_away)
    for wanted, own in rivals.items():
        yield _Pool(own, seats.get(wanted, []), spans, within())


def _reason(appointment: Appointment, pools: list[_Pool]) -> Any:
    pool = next(pool for pool in pools if appointment in pool.appointments)
    suits = pool.delays[pool.appointments.index(appointment)] < pool.unplaced
    return TOO_FEW if suits.any() else NO_SEAT


def _by_patient(given: Iterable[T]) -> list[list[T]]:
    """Appointments or moves, in the order of each patient's first."""
    found: dict[uuid.UUID, list[T]] = defaultdict(list)
    for one in given:
        found[one.patient_id].append(one)
    return list(found.values())


def _overlap(one: Seat, other: Seat) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


# --- doing it ----------------------------------------------------------------------------------------------------


def rebook_all(*, actor: Actor, appointment_ids: Iterable[uuid.UUID]) -> Report:
    """Give all of these that still need a new time one, as ``propose`` says. Returns who was moved, who not, and why.

    A transaction for each patient. Those whose seat somebody else takes meanwhile are assigned anew, in up to
    ``ROUNDS`` rounds. Each move is announced as any other, and the run once.
    """
    listed = list(in_line().filter(pk__in=list(appointment_ids)))
    report = Report()
    refused: dict[uuid.UUID, Any] = {}
    waiting = listed
    while waiting and report.rounds < ROUNDS:
        report.rounds += 1
        moves, left = propose(waiting)
        refused = {one.appointment.pk: one.why for one in left}
        missed = False
        for own in _by_patient(moves):
            try:
                _move(actor, own)
            except DomainError as error:
                missed = True
                refused |= {move.appointment.pk: error.detail for move in own}
            else:
                report.moved += own
        if not missed:
            break
        waiting = list(in_line().filter(pk__in=list(refused)))
    still = set(in_line().filter(pk__in=list(refused)).values_list("pk", flat=True))
    moved = {move.appointment.pk for move in report.moved}
    report.left = [Left(a, refused[a.pk] if a.pk in still else GONE) for a in listed if a.pk not in moved]
    counts = report.counts
    in_transaction(lambda: signals.appointments_rebooked.send(sender=rebook_all, actor=actor, counts=counts))
    return report


def _move(actor: Actor, moves: list[Move]) -> None:
    """All moves of one patient, or none."""
    if len(moves) > 1:
        _move_together(actor=actor, patient_id=moves[0].patient_id, moves=moves)
        return
    (move,) = moves
    _reschedule(actor, move)


@operation("appointment.rescheduled")
def _move_together(*, actor: Actor, patient_id: uuid.UUID, moves: list[Move]) -> None:
    """The locks of all moves first, in the one order: appointments, patient, slots, each by key."""
    before = [move.appointment for move in moves]
    slots = {move.slot.pk for move in moves} | {appointment.slot_id for appointment in before}
    for model, keys in ((Appointment, [a.pk for a in before]), (Patient, [patient_id]), (AvailableSlot, slots)):
        _lock(model, keys)
    for move in moves:
        _reschedule(actor, move)


def _lock(model: Any, keys: Any) -> None:
    list(model.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk").values_list("pk"))


def _reschedule(actor: Actor, move: Move) -> None:
    reschedule(
        actor=actor,
        appointment_id=move.appointment.pk,
        slot_id=move.slot.pk,
        reason=move.appointment.needs_new_time_because,
        expected_versions=frozenset([version_of(move.appointment)]),
    )
