"""A search beside its whole space: fronts, hypervolume, evaluations needed, and the best for each budget.

Everything is a cost, smaller is better (accuracies are negated), and every number is exact: nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.pareto import front_rows, hypervolume

Costs = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class FrontShare:
    """How much of the exact front a search has."""

    networks: int  # on the exact front, ties included
    evaluated: int  # of these, how many the search evaluated
    share: float  # of the exact front's hypervolume


def front(*costs: NDArray[Any]) -> Rows:
    """Rows that no other dominates, smallest first on the first cost. Each of `costs` is (N,)."""
    return front_rows(np.column_stack(costs), [-1.0] * len(costs))


def front_share(costs: Costs, evaluated: Rows) -> FrontShare:
    """What the networks of rows `evaluated` reach of the front of all (N, objectives), up to `reference_point`."""
    exact = costs[front_rows(costs, [-1.0] * costs.shape[1])]
    reference = reference_point(costs, exact)
    found = costs[evaluated]
    whole, reached = (
        _volume(points, reference) for points in (exact, found[(found < reference).all(axis=1)])
    )
    on_front = (found[:, None, :] == np.unique(exact, axis=0)).all(axis=2).any(axis=1)
    share = reached / whole if whole else float(on_front.any())
    return FrontShare(len(exact), int(on_front.sum()), share)


def reference_point(costs: Costs, exact: Costs) -> Costs:
    """(objectives,) up to where hypervolume counts, of all costs and those on the front.

    The worst corner of the exact front (its nadir), moved out by a tenth of the front's extent so that the ends of
    the front count too; where the front has no extent, the worst of the space.
    """
    ideal, nadir = exact.min(axis=0), exact.max(axis=0)
    reference: Costs = np.where(ideal < nadir, nadir + 0.1 * (nadir - ideal), costs.max(axis=0))
    return reference


def _volume(costs: Costs, reference: Costs) -> float:
    return hypervolume([tuple(row) for row in costs], [-1.0] * len(reference), tuple(reference))


def rank(costs: Costs, row: int) -> int:
    """The place of a row, 1 for the best; those as good share the best of their places."""
    return int((costs < costs[row]).sum()) + 1


def first_within(costs: Costs, target: float) -> int | None:
    """How many evaluations, in order, until one costs no more than `target`; None if none does."""
    (reached,) = np.nonzero(costs <= target)
    return int(reached[0]) + 1 if len(reached) else None


def expected_random_draws(networks: int, good: int) -> float:
    """The mean number of draws, evenly and none twice, until the first of the good ones.

    The good ones cut the others into good + 1 stretches of equal mean length, and one stretch comes first.
    """
    return (networks + 1) / (good + 1)


def round_budgets(smallest: int, largest: int) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50 and so on, as far as they allow something of the range but not all of it."""
    power = 1
    while power < largest:
        yield from (budget for budget in (power, 2 * power, 5 * power) if smallest <= budget < largest)
        power *= 10


def best_within(costs: Costs, sizes: NDArray[np.int64], budget: int) -> int:
    """The row of least cost among those of at most `budget`; of equals the smallest."""
    (rows,) = np.nonzero(sizes <= budget)
    return int(rows[np.lexsort((sizes[rows], costs[rows]))[0]])
