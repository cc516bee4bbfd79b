"""The judge that really trained: every network of a table, its trainings and FLOPs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.contest.judge import Judge, Topic, topic_of_front
from benchmarks.contest.tasks import Front, Task, floor_of_choice, front_task, regret_task
from benchmarks.tabular.table import Row, TableSpace, Values, read_table, table_bytes
from suite.wording import count, plural

NEAR = 0.1  # points
_MOST_OF_FRONT = 500  # evaluations
_WHY = (
    "With two objectives it ends after 500 evaluations, which says nothing of larger budgets: Optuna's TPE thinks "
    "the longer the more it has seen, and needs more than seven minutes of a core for a thousand of the 6,561 "
    "networks of NAS-Bench-Macro, where it proposes hardly any but those it has proposed before."
)


@dataclass(frozen=True)
class TableFile:
    """A table's file."""

    path: Path

    @property
    def sha256(self) -> str:
        """Of the file.

        Raises:
            DataError: it cannot be read.
        """
        return hashlib.sha256(table_bytes(self.path)).hexdigest()

    def judge(self) -> Judge[Row]:
        """The table as a judge.

        Raises:
            DataError: it is missing, of another form, or not complete.
        """
        return _judge(self.path)


def by_one_training(space: TableSpace, training: int) -> tuple[Values, Values]:
    """(N,) accuracy of one training, and the mean of the others.

    Even who knows the whole table chooses by one training, so the choice has a floor.
    """
    others: Values = np.delete(space.accuracies, training, axis=1).mean(axis=1)
    return space.accuracies[:, training], others


@lru_cache(maxsize=1)
def _judge(path: Path) -> Judge[Row]:
    space = read_table(path)
    mean = space.accuracies.mean(axis=1)
    both = np.column_stack([mean, space.flops])
    front = Front.up_to(both, (float(mean.min()), float(space.flops.max())))

    def task(name: str, seed: int) -> Task[Row]:
        """For deployment, the trainings take turns from seed to seed."""
        if name == "front":
            return front_task(space, space.place, front)
        values = (mean, mean) if name == "search" else by_one_training(space, seed % space.trainings)
        return regret_task(space, space.place, *values)

    return Judge(
        f"Search methods on {path.stem}", space.place, _topics(space, front), task, _method(path.stem, space)
    )


def _topics(space: TableSpace, front: Front) -> dict[str, Topic]:
    topics = {
        "search": Topic(
            "Search regret: fitness is the mean of all trainings", "regret (points)", 1.0, near=NEAR
        )
    }
    if space.trainings > 1:
        topics["deployment"] = _deployment(space)
    if front.whole > 0:  # not where all have the same accuracy, or FLOPs
        topics["front"] = topic_of_front("Two objectives: accuracy and FLOPs", _MOST_OF_FRONT, _WHY)
    return topics


def _deployment(space: TableSpace) -> Topic:
    floors = [floor_of_choice(*by_one_training(space, training)) for training in range(space.trainings)]
    in_turn = ", ".join(f"{floor:.3f}" for floor in floors)
    return Topic(
        "Deployment regret: fitness is one training",
        "regret (points)",
        1.0,
        floors=floors,
        note=f"Who knew the whole table would choose by one training too: that loses {in_turn} points for the "
        "trainings in turn (their mean is dotted). In the table, each seed's regret is without that of its training, "
        "so below 0 is luck.",
        ablated=False,  # the same parts do the same for another fitness: "search" has them
    )


def _method(name: str, space: TableSpace) -> str:
    return (
        f"{name} has {count(space.size)} networks, each really trained {plural(space.trainings, 'time')}; "
        f"{count(space.distinct)} of them differ in what was measured, and those that do not are paid for once. "
        "Regret is what the network chosen so far lacks of the best, on the mean of all trainings or, for "
        "deployment, of those that were not the fitness; trainings take turns as the fitness. Hypervolume is of "
        "accuracy and FLOPs of all evaluated, as a share of the whole table's."
    )
