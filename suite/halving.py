"""Successive halving (Jamieson and Talwalkar 2016) of finalists that are trained in step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import optuna
from optuna.trial import FrozenTrial

from suite.study import Stop

Rungs = Mapping[int, int]
"""How many finalists go on, by the epoch that the others stop after; in the order of epochs."""


def rungs(epochs: int, count: int, stop: Stop) -> Rungs:
    """Where all but the best of `count` finalists stop.

    "late": the worse half, again and again until two are left, at last half-way. 5 finalists are halved after a
    quarter and a half of the epochs, 20 of them after a sixteenth already, so that four times as many cost some two
    fifths more.

    "early": two thirds, until one is left, at last after a quarter. One of 5 has three fifths of all epochs then,
    where it has a third otherwise.

    Where two rungs fall on one epoch, as epochs are whole, both are made there; none after the last, which is the
    choice's.
    """
    at_last, one_in, last = {"late": (2, 2, 1 / 2), "early": (1, 3, 1 / 4)}[stop]
    stays = []
    while count > at_last:
        count = max(at_last, math.ceil(count / one_in))
        stays.append(count)
    at = [max(1, round(epochs * last / 2**n)) for n in reversed(range(len(stays)))]
    return {epoch: stay for epoch, stay in zip(at, stays, strict=True) if epoch < epochs}


def racing_epochs(epochs: int, count: int, stop: Stop) -> int:
    """Epochs that all finalists together are trained for."""
    stays = rungs(epochs, count, stop)
    total = 0
    for begin, end in pairwise([0, *stays, epochs]):
        count = min(count, stays.get(begin, count))
        total += count * (end - begin)
    return total


class SynchronousHalving(optuna.pruners.BasePruner):
    """Stops all but the best at each rung.

    Optuna's own SuccessiveHalvingPruner is asynchronous and lets the first few to a rung pass; with five trials
    that is all of them. Here every trial has reported when the first is judged.
    """

    def __init__(self, stays: Rungs) -> None:
        self._stays = dict(stays)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial is not among the best of those that reached its last step, if that is a rung."""
        step = trial.last_step
        if step not in self._stays:
            return False
        reached = [t.intermediate_values[step] for t in study.get_trials() if step in t.intermediate_values]
        return sum(value > trial.intermediate_values[step] for value in reached) >= self._stays[step]
