"""What the contest says: who lacks how much after how many evaluations, and which differences are no chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from benchmarks.contest.contestants import OURS
from benchmarks.contest.entries import Entry
from suite.paired_test import holm

Values = NDArray[np.float64]

BUDGETS = (50, 100, 200, 300, 400, 500, 700, 1_000)
SURE = 0.05  # error over all comparisons of a table together


@dataclass(frozen=True)
class Standing:
    """One contestant on one task, over seeds."""

    contestant: str
    lacks: Values  # (seeds, budget)
    used: Values  # (seeds,) evaluations until it proposed nothing new any more, or the budget was used
    proposed: Values  # (seeds,) proposals until then, repeats among them
    milliseconds: float  # of the method itself, a proposal

    def evaluations_to(self, near: float) -> Values:
        """(seeds,) evaluations until it lacked no more than that; infinite for a seed that never came so far."""
        reached = self.lacks <= near
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


@dataclass(frozen=True)
class Difference:
    """A rival against our evolution at one budget, paired by seed."""

    rival: str
    budget: int
    median: float  # of how much more the rival lacks; negative: it is better
    p_alone: float  # Wilcoxon's signed-rank test
    p: float  # with Holm's correction over a task's comparisons

    @property
    def verdict(self) -> str:
        """Of the rival."""
        if self.p >= SURE:
            return "no different"
        return "worse" if self.median > 0 else "better"


def standings(outcomes: Mapping[Entry, dict[str, Any]], task: str) -> list[Standing]:
    """Every contestant's, in the order they were entered."""
    names = dict.fromkeys(entry.contestant for entry in outcomes if entry.task == task)
    return [_standing(outcomes, task, name) for name in names]


def differences(of_task: Sequence[Standing]) -> list[Difference]:
    """Every rival at every budget that was run."""
    (ours,) = (standing for standing in of_task if standing.contestant == OURS)
    pairs = [
        (standing, budget)
        for standing in of_task
        if standing is not ours
        for budget in within(ours.lacks.shape[1])
    ]
    more = [standing.lacks[:, budget - 1] - ours.lacks[:, budget - 1] for standing, budget in pairs]
    alone = [_p(values) for values in more]
    return [
        Difference(standing.contestant, budget, _signed_median(values), by_itself, corrected)
        for (standing, budget), values, by_itself, corrected in zip(
            pairs, more, alone, holm(alone), strict=True
        )
    ]


def within(most: int) -> list[int]:
    """The budgets at which methods are set side by side, up to and with the one that was run."""
    return [*(budget for budget in BUDGETS if budget < most), most]


def _standing(outcomes: Mapping[Entry, dict[str, Any]], task: str, name: str) -> Standing:
    own = [outcome for entry, outcome in outcomes.items() if (entry.task, entry.contestant) == (task, name)]
    lacks, used = [outcome["lacks"] for outcome in own], [len(outcome["evaluated"]) for outcome in own]
    proposed = np.array([outcome["proposed"] for outcome in own], dtype=float)
    milliseconds = 1000 * sum(outcome["seconds"] for outcome in own) / float(proposed.sum())
    return Standing(name, np.array(lacks), np.array(used, dtype=float), proposed, milliseconds)


def _p(values: Values) -> float:
    return 1.0 if not values.any() else float(wilcoxon(values).pvalue)


def _signed_median(values: Values) -> float:
    """The median; where that is 0, the mean says which side the others are on."""
    return float(np.median(values) or values.mean())
