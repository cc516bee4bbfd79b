"""What is asked of a method: the best network, as judged by what it searched on or by something else, or a front."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from suite.methods import G, Judgement, Problem, Space
from suite.pareto import hypervolume

Values = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Task(Generic[G]):
    """A judge of networks, and how much a set of evaluated ones lacks of what could be had."""

    problem: Problem[G]
    judge: Callable[[G], Judgement]
    lacks: Callable[[Rows], Values]  # after each evaluation, from the rows in order of evaluation


def regret_task(space: Space[G], place: Mapping[G, int], fitness: Values, judged_on: Values) -> Task[G]:
    """Find the network of greatest `fitness`, (N,); regret is what the one found lacks on `judged_on`, (N,)."""

    def lacks(rows: Rows) -> Values:
        """Regret of the fittest so far; of equals the first."""
        best_so_far = np.maximum.accumulate(fitness[rows])
        is_new_best = np.concatenate([[True], best_so_far[1:] > best_so_far[:-1]])
        chosen = rows[np.maximum.accumulate(np.where(is_new_best, np.arange(len(rows)), 0))]
        regret: Values = judged_on.max() - judged_on[chosen]
        return regret

    return Task(
        Problem(space, (1.0,), lambda genome: True),
        lambda genome: Judgement((float(fitness[place[genome]]),)),
        lacks,
    )


def floor_of_choice(fitness: Values, judged_on: Values) -> float:
    """The regret of who knows every network's fitness, and chooses by it."""
    return float(judged_on.max() - judged_on[np.argmax(fitness)])


@dataclass(frozen=True)
class Front:
    """Two objectives of every network, and how much of the plane up to `corner` all of them together dominate."""

    both: Values  # (N, 2): a worth to be had, a cost to be saved
    corner: tuple[float, float]
    whole: float

    @classmethod
    def up_to(cls, both: Values, corner: tuple[float, float]) -> Front:
        """The front of all networks."""
        return cls(both, corner, hypervolume([tuple(row) for row in both.tolist()], WEIGHTS, corner))


WEIGHTS = (1.0, -1.0)


def front_task(space: Space[G], place: Mapping[G, int], front: Front) -> Task[G]:
    """Find the front; lacking is the share of its hypervolume that what was evaluated does not dominate."""

    def lacks(rows: Rows) -> Values:
        lacking, known, lack = np.empty(len(rows)), list[tuple[float, ...]](), 1.0
        for i, row in enumerate(front.both[rows].tolist()):
            if not any(worth >= row[0] and cost <= row[1] for worth, cost in known):
                known = [p for p in known if not (row[0] >= p[0] and row[1] <= p[1])] + [tuple(row)]
                lack = 1 - hypervolume(known, WEIGHTS, front.corner) / front.whole
            lacking[i] = lack
        return lacking

    return Task(
        Problem(space, WEIGHTS, lambda genome: True),
        lambda genome: Judgement(tuple(front.both[place[genome]].tolist())),
        lacks,
    )
