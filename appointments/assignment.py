"""Who gets which seat, when many need one at once: the least total delay, urgent patients first."""

from collections.abc import Sequence
from typing import Any

EXACT = 2**53  # float64 holds whole numbers below it exactly


def assign(delays: Any, urgent: Sequence[bool], unplaced: int) -> list[int | None]:
    """For each row (an appointment) the column (a seat) that it gets, or None. No column is given twice.

    ``delays``: rows of whole minutes, infinity where the seat will not do (nested lists or a numpy array).
    ``unplaced``: what a row without a seat counts as, more than any delay. First the total of the urgent rows is least,
    then that of the others. One solution is found for both by weighing a minute of an urgent row more than all that
    the others could lose together. All sums are whole numbers below 2**53, so it is exact; the weight is cut where they
    would not be, which takes several thousand rows that compete.
    """
    import numpy as np  # here, so that a web process carries neither until it needs them
    from scipy.optimize import linear_sum_assignment

    if not len(urgent):
        return []
    first = np.asarray(urgent, dtype=bool)
    given = np.asarray(delays, dtype=float).reshape(len(first), -1)
    rows, seats = given.shape
    others = int((~first).sum())
    most = (EXACT - 1 - others * unplaced) // (max(rows - others, 1) * unplaced)
    weights = np.where(first, float(max(min(others * unplaced + 1, most), 1)), 1.0)
    costs = np.full((rows, seats + rows), np.inf)
    costs[:, :seats] = given * weights[:, None]
    costs[np.arange(rows), seats + np.arange(rows)] = unplaced * weights  # the column "not placed" of each row
    _, columns = linear_sum_assignment(costs)
    return [int(column) if column < seats else None for column in columns]
