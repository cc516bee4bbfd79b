"""Out of sample, how well a predictor ranks when it is fitted to few networks, with the supernet's score and without.

Again and again some networks are drawn to fit to, balanced over depth, and the others are ranked. Tau-b is taken over
all pairs of networks that were held out together. Its intervals come from resampling networks, not repeats: the
repeats share the networks, so their spread would say nothing of other networks (the spread from which networks were
fitted to is averaged over, and not in the interval).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.fidelity.predictor import Values, fit_predictor

SIZES = (9, 15, 24)
REPEATS = 100
HELD_OUT = 4  # of as many networks one is held out at the curve's end


@dataclass(frozen=True)
class Pairs:
    """Counts over repeats for each pair of networks, (N, N) each: what tau-b is made of."""

    agreeing: Values  # ordered alike, less ordered unlike
    told_apart: Values  # by the prediction
    apart: Values  # in truth

    def taus(self, weights: Values) -> Values:
        """(R,) tau-b with every network counted as often as its weight says, (R, N)."""
        agreeing, told_apart, apart = (
            np.einsum("rn,rn->r", weights @ pairs, weights)
            for pairs in (self.agreeing, self.told_apart, self.apart)
        )
        with np.errstate(invalid="ignore"):
            taus: Values = agreeing / np.sqrt(told_apart * apart)
        return taus


def count_pairs(predicted: Values, truth: Values) -> Pairs:
    """From predictions (repeats, N), NaN where a network was fitted to, and truths (N,)."""
    sizes = (len(truth), len(truth))
    agreeing, told_apart, apart = np.zeros(sizes), np.zeros(sizes), np.zeros(sizes)
    true = np.sign(truth[:, None] - truth)
    for row in predicted:
        said = np.sign(row[:, None] - row)
        both = np.isfinite(said)
        agreeing += np.where(both, said * true, 0)
        told_apart += np.where(both, np.abs(said), 0)
        apart += np.where(both, np.abs(true), 0)
    return Pairs(agreeing, told_apart, apart)


def curve_sizes(networks: int) -> list[int]:
    """How many networks to fit to: SIZES as far as they leave a quarter to rank, then all but a quarter."""
    most = networks - networks // HELD_OUT
    return [*(size for size in SIZES if size < most), most]


def predictions_held_out(
    inputs: Values, truth: Values, depths: Sequence[int], fitted: int, rng: np.random.Generator
) -> Values:
    """(REPEATS, N) predictions by fits to `fitted` networks of inputs (N, F), NaN where a network is among them."""
    predicted = np.full((REPEATS, len(truth)), np.nan)
    for row in predicted:
        order = balanced_order(depths, rng)
        fit, rank = order[:fitted], order[fitted:]
        row[rank] = fit_predictor(inputs[fit], truth[fit]).predict(inputs[rank])
    return predicted


def balanced_order(
    depths: Sequence[int], rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(N,) rows in a random order whose every beginning has as many networks of each depth as can be."""
    turn = np.empty(len(depths))
    for depth in sorted(set(depths)):
        (rows,) = np.nonzero(np.equal(depths, depth))
        turn[rng.permutation(rows)] = np.arange(len(rows))
    return np.lexsort((rng.random(len(depths)), turn))
