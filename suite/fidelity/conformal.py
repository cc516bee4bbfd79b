"""Intervals for a network's accuracy that need no model of the errors: jackknife+ (Barber et al. 2021).

"Predictive inference with the jackknife+", Annals of Statistics 49(1). All they ask is that the network is drawn as
those of the truth table are: a depth, then a network of that depth, evenly. A 90 % interval then holds at least 80 %
of the time whatever the predictor's faults, and about 90 % in practice; `coverage` measures it.

What an interval holds is what the table holds for a network: the mean of as many trainings as the table has of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from suite.fidelity.predictor import Predictor, Values, fit_predictor

LEVEL = 0.9
_AT_ONCE = 20_000  # networks


@dataclass(frozen=True)
class JackknifePlus:
    """N predictors, each fitted to all networks but one, and how far each is off for that one."""

    predictors: tuple[Predictor, ...]
    errors: Values  # (N,) truth less prediction

    def intervals(self, inputs: Values) -> Values:
        """(M, 2) lower and upper ends for inputs (M, F)."""
        parts = np.array_split(inputs, max(1, math.ceil(len(inputs) / _AT_ONCE)))
        return np.concatenate([self._intervals(part) for part in parts])

    def _intervals(self, inputs: Values) -> Values:
        predicted = np.array([predictor.predict(inputs) for predictor in self.predictors])
        return _ends(predicted, np.abs(self.errors)[:, None])


def jackknife_plus(inputs: Values, truth: Values) -> JackknifePlus:
    """Of networks with inputs (N, F) and accuracies (N,)."""
    everyone = np.arange(len(truth))
    predictors = [fit_predictor(inputs[everyone != i], truth[everyone != i]) for i in everyone]
    predicted = np.array([p.predict(inputs[[i]])[0] for i, p in enumerate(predictors)])
    return JackknifePlus(tuple(predictors), truth - predicted)


def intervals_left_out(inputs: Values, truth: Values) -> Values:
    """(N, 2) each network's interval by all the others, (N, F) and (N,): out of sample, the intervals' width too.

    An interval from N - 1 networks needs predictors that lack one of these as well; one without i and j serves both.
    """
    everyone = np.arange(len(truth))
    without = np.empty((len(truth), len(truth)))  # [i, j]: what is predicted for i without i and j
    for i in everyone:
        for j in everyone[:i]:
            kept = (everyone != i) & (everyone != j)
            without[[i, j], [j, i]] = fit_predictor(inputs[kept], truth[kept]).predict(inputs[[i, j]])
    errors = np.abs(truth[:, None] - without)
    return np.array([_ends(without[i, everyone != i], errors[everyone != i, i]) for i in everyone])


def coverage(intervals: Values, truth: Values) -> float:
    """The share of (N,) accuracies that lie in their (N, 2) intervals."""
    return float(np.mean((intervals[:, 0] <= truth) & (truth <= intervals[:, 1])))


def _ends(predicted: Values, off: Values) -> Values:
    """(..., 2) from N predictions along the first axis and how far each of the N predictors is off."""
    place = math.ceil(LEVEL * (len(predicted) + 1))
    if place > len(predicted):
        raise ValueError(f"{len(predicted)} networks are too few for intervals")
    upper = np.partition(predicted + off, place - 1, axis=0)[place - 1]
    lower = -np.partition(off - predicted, place - 1, axis=0)[place - 1]
    return np.stack([lower, upper], axis=-1)
