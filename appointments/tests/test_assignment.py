"""The assignment against brute force, over its costs alone."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.assignment import assign

UNPLACED = 4 * 90 * 1440


def totals(delays, urgent, columns) -> tuple[int, int]:
    """The total of the urgent rows, and of the others."""
    found = [0, 0]
    for row, (is_urgent, column) in enumerate(zip(urgent, columns, strict=True)):
        found[not is_urgent] += UNPLACED if column is None else delays[row][column]
    return found[0], found[1]


def best(delays, urgent) -> tuple[int, int]:
    """The least totals, urgent first, of all that could be done at all."""
    seats = len(delays[0]) if delays else 0
    choices = itertools.product(*([*(c for c in range(seats) if row[c] < math.inf), None] for row in delays))
    possible = (chosen for chosen in choices if _each_once(chosen))
    return min(totals(delays, urgent, chosen) for chosen in possible)


def _each_once(chosen) -> bool:
    taken = [column for column in chosen if column is not None]
    return len(taken) == len(set(taken))


@st.composite
def problems(draw):
    rows, seats = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    delay = st.one_of(st.integers(0, 5), st.integers(0, 90 * 1440), st.just(math.inf))
    delays = draw(st.lists(st.lists(delay, min_size=seats, max_size=seats), min_size=rows, max_size=rows))
    return delays, draw(st.lists(st.booleans(), min_size=rows, max_size=rows))


@settings(max_examples=400)
@given(problems())
def test_no_other_assignment_is_better(problem):
    delays, urgent = problem
    columns = assign(delays, urgent, UNPLACED)
    assert len(columns) == len(urgent)
    assert _each_once(columns)
    assert all(column is None or delays[row][column] < math.inf for row, column in enumerate(columns))
    assert totals(delays, urgent, columns) == best(delays, urgent)


def test_an_urgent_minute_outweighs_all_that_the_others_could_lose():
    # The urgent one gains a minute, both others lose their only seats.
    delays = [[0, 1, math.inf], [0, math.inf, math.inf], [0, math.inf, math.inf]]
    assert assign(delays, [True, False, False], UNPLACED) == [0, None, None]
    assert assign(delays, [False, False, False], UNPLACED)[0] == 1


@pytest.mark.parametrize("rows", [1, 40, 400])
def test_urgent_ones_come_first_in_long_lists_too(rows):
    """As many seats as there are urgent rows, each a minute after the other: they get them all."""
    urgent = [row % 2 == 0 for row in range(rows)]
    seats = sum(urgent)
    columns = assign([list(range(seats)) for _ in urgent], urgent, UNPLACED)
    assert [column is not None for column in columns] == urgent
