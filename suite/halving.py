"""Successive halving (Jamieson and Talwalkar 2016) of finalists that are trained in step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import optuna
from optuna.trial import FrozenTrial

_AT_LAST = 2  # a choice needs two


def rungs(epochs: int, count: int) -> list[int]:
    """The epochs after which the worse half of `count` finalists stops, the last one half-way.

    As many as it takes to come down to two: 5 finalists are halved after a quarter and a half of the epochs, 20 of
    them after a sixteenth already, so that four times as many cost some two fifths more. Never the last epoch: a
    network trained to the end stays for the choice.
    """
    halvings = math.ceil(math.log2(max(count, _AT_LAST) / _AT_LAST))
    return sorted({max(1, round(epochs / 2**n)) for n in range(1, halvings + 1)} - {epochs})


def racing_epochs(epochs: int, count: int) -> int:
    """Epochs that all finalists together are trained for."""
    total = 0
    for begin, end in pairwise([0, *rungs(epochs, count), epochs]):
        total += count * (end - begin)
        count = min(count, _kept(count))
    return total


class SynchronousHalving(optuna.pruners.BasePruner):
    """Stops the worse half at each rung.

    Optuna's own SuccessiveHalvingPruner is asynchronous and lets the first few to a rung pass; with five trials
    that is all of them. Here every trial has reported when the first is judged.
    """

    def __init__(self, rungs: Sequence[int]) -> None:
        self._rungs = tuple(rungs)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial is in the worse half of those that reached its last step, if that is a rung."""
        step = trial.last_step
        if step not in self._rungs:
            return False
        reached = [t.intermediate_values[step] for t in study.get_trials() if step in t.intermediate_values]
        return sum(value > trial.intermediate_values[step] for value in reached) >= _kept(len(reached))


def _kept(count: int) -> int:
    return max(_AT_LAST, math.ceil(count / 2))
