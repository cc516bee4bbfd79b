"""What is asked of a method on a table: the best on average, the best by one training, a front of two objectives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.tabular.table import Row, TableSpace
from suite.methods import Judgement, Problem
from suite.pareto import hypervolume

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A judge of rows, and how much a set of evaluated rows lacks of what could be had."""

    problem: Problem[Row]
    judge: Callable[[Row], Judgement]
    lacks: Callable[
        [NDArray[np.int64]], Values
    ]  # after each evaluation, from the rows in order of evaluation


def search_task(space: TableSpace) -> Task:
    """Fitness is the mean of all trainings, and so is regret: this compares optimisers and nothing else."""
    mean = space.accuracies.mean(axis=1)
    return _task(space, mean, mean)


def deployment_task(space: TableSpace, training: int) -> Task:
    """Fitness is one training; what was chosen by it is judged on the mean of the others.

    Even who knows the whole table chooses by one training, so there is a floor: `deployment_floor`.
    """
    others = np.delete(space.accuracies, training, axis=1).mean(axis=1)
    return _task(space, space.accuracies[:, training], others)


def deployment_floor(space: TableSpace, training: int) -> float:
    """The regret of the best by one training, in points."""
    others = np.delete(space.accuracies, training, axis=1).mean(axis=1)
    return float(others.max() - others[np.argmax(space.accuracies[:, training])])


def front_task(space: TableSpace) -> Task:
    """Fitness is mean accuracy and FLOPs; lacking is the share of the whole table's hypervolume."""
    both = np.column_stack([space.accuracies.mean(axis=1), space.flops])
    weights, corner = (1.0, -1.0), (float(both[:, 0].min()), float(both[:, 1].max()))
    whole = hypervolume([tuple(row) for row in both.tolist()], weights, corner)

    def lacks(rows: NDArray[np.int64]) -> Values:
        lacking, front = np.empty(len(rows)), list[tuple[float, ...]]()
        for i, row in enumerate(both[rows].tolist()):
            if not any(accuracy >= row[0] and flops <= row[1] for accuracy, flops in front):
                front = [p for p in front if not (row[0] >= p[0] and row[1] <= p[1])] + [tuple(row)]
                lacking[i] = 1 - hypervolume(front, weights, corner) / whole
            else:
                lacking[i] = lacking[i - 1]
        return lacking

    return Task(
        Problem(space, weights, lambda row: True),
        lambda row: Judgement(tuple(both[space.place[row]].tolist())),
        lacks,
    )


def _task(space: TableSpace, fitness: Values, judged_on: Values) -> Task:
    def lacks(rows: NDArray[np.int64]) -> Values:
        """Regret of the fittest so far; of equals the first."""
        best_so_far = np.maximum.accumulate(fitness[rows])
        is_new_best = np.concatenate([[True], best_so_far[1:] > best_so_far[:-1]])
        chosen = rows[np.maximum.accumulate(np.where(is_new_best, np.arange(len(rows)), 0))]
        regret: Values = judged_on.max() - judged_on[chosen]
        return regret

    return Task(
        Problem(space, (1.0,), lambda row: True),
        lambda row: Judgement((float(fitness[space.place[row]]),)),
        lacks,
    )
