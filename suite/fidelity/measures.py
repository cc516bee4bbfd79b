"""How well a score ranks networks: rank correlations with bootstrap intervals, what it chooses, and the ceiling.

Scores and truths are (N,), more is better; truths of S trainings are (N, S). Only the order of scores counts, so they
may be infinite. A measure that is not defined, such as the tau of a score that is the same for all, is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

RESAMPLES = 2_000
SIMULATIONS = 500
TOP = 10
INTERVAL = 90  # per cent


@dataclass(frozen=True)
class Estimate:
    """A measure with its interval; an end is None where too few resamples have the measure."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of a score with truths: over all networks, within each depth, and the mean of the latter."""

    tau: Estimate | None
    by_depth: dict[str, Estimate | None]  # keys as JSON has them
    within_depth: Estimate | None  # each depth weighted by its number of networks


@dataclass(frozen=True)
class Perfect:
    """What a ranking by the networks' true means would reach, simulated."""

    between: float  # variance of true means between networks
    seeds: float  # variance between trainings of one network
    against_one: Estimate
    against_mean: Estimate  # the ceiling
    precision: float | None
    regret: float


def mean_truth(truths: Values) -> Values:
    """(N,) the mean over trainings, (N, S); rounded, so that equal counts of pictures stay ties."""
    means: Values = truths.mean(axis=1).round(5)
    return means


def resamples(depths: Sequence[int], rng: np.random.Generator) -> Values:
    """(1 + RESAMPLES, N) how often each network is in each bootstrap resample; the first row is one of each.

    Resampled within each depth, as they were drawn (a stratified bootstrap: Efron and Tibshirani 1993, ch. 8).
    """
    weights = np.ones((1 + RESAMPLES, len(depths)))
    for depth in set(depths):
        here = np.flatnonzero(np.equal(depths, depth))
        weights[1:, here] = rng.multinomial(len(here), np.full(len(here), 1 / len(here)), size=RESAMPLES)
    return weights


def taus(score: Values, truth: Values, weights: Values, among: NDArray[np.bool_] | None = None) -> Values:
    """(R,) Kendall's tau-b in each resample (R, N); NaN where one side is all ties.

    `among` are the networks compared. A network that is drawn twice ties with itself on both sides, and such a pair
    is in neither the numerator nor the denominator, so weighted sums over pairs are tau-b of the resample, exactly.
    """
    a, b = _signs(score), _signs(truth)
    drawn = weights if among is None else weights * among

    def total(pairs: Values) -> Values:
        sums: Values = ((drawn @ pairs) * drawn).sum(axis=1)
        return sums

    with np.errstate(invalid="ignore"):
        result: Values = total(a * b) / np.sqrt(total(a * a) * total(b * b))
    return result


def rank_correlations(score: Values, truth: Values, weights: Values) -> Values:
    """(R,) Spearman's rho in each resample (R, N); NaN where one side is all ties."""
    a, b = _centred_ranks(score, weights), _centred_ranks(truth, weights)
    with np.errstate(invalid="ignore"):
        result: Values = np.sum(weights * a * b, 1) / np.sqrt(
            np.sum(weights * a**2, 1) * np.sum(weights * b**2, 1)
        )
    return result


def estimate(values: Values) -> Estimate | None:
    """The measure, from (1 + RESAMPLES,) as `resamples` orders them, with the percentile interval."""
    if not np.isfinite(values[0]):
        return None
    known = values[1:][np.isfinite(values[1:])]
    if len(known) < len(values) // 2:
        return Estimate(float(values[0]), None, None)
    low, high = np.percentile(known, [50 - INTERVAL / 2, 50 + INTERVAL / 2])
    return Estimate(float(values[0]), float(low), float(high))


def agreement(pairs: Iterable[tuple[Values, Values]], depths: Sequence[int], weights: Values) -> Agreement:
    """The mean tau over pairs of a score and a truth: one pair, or one for each training."""
    pairs = list(pairs)

    def mean(among: NDArray[np.bool_] | None = None) -> Values:
        means: Values = np.mean([taus(score, truth, weights, among) for score, truth in pairs], axis=0)
        return means

    sizes = Counter(sorted(depths))
    by_depth = {depth: mean(np.equal(depths, depth)) for depth in sizes}
    return Agreement(
        estimate(mean()),
        {str(depth): estimate(values) for depth, values in by_depth.items()},
        estimate(_mean_of_known(np.array(list(by_depth.values())), np.array(list(sizes.values())))),
    )


def precision(score: Values, truth: Values) -> float | None:
    """The share of the score's best TOP that are truly among the best TOP; None of fewer than twice as many.

    Ties are broken by chance, and the share is the expected one.
    """
    if len(score) < 2 * TOP:
        return None
    return float(_chances_of_top(score) @ _chances_of_top(truth) / TOP)


def regret(score: Values, truth: Values) -> float:
    """How much better the truly best is than the score's best; the mean of the latter if several share its score."""
    return float(truth.max() - truth[score == score.max()].mean())


def variances(truths: Values) -> tuple[float, float]:
    """Variance of true means between networks, and between trainings of one network, from (N, S), S of at least 2.

    By the method of moments (one-way random effects; Searle, Casella and McCulloch 1992, ch. 3): the latter is the
    mean variance within a network, and the means over S vary by the former plus the latter / S. Not below 0.
    """
    within = float(truths.var(axis=1, ddof=1).mean())
    of_means = float(truths.mean(axis=1).var(ddof=1))
    return max(0.0, of_means - within / truths.shape[1]), within


def perfect_ranking(truths: Values, rng: np.random.Generator) -> Perfect | None:
    """What a ranking by the true means would reach against (N, S) trainings, S at least 2; None if all are equal.

    Simulated from both `variances`. True means keep the shape of the measured ones, drawn together to the variance
    between networks; normal noise with the variance between trainings makes the S trainings anew, each time.
    Intervals hold 90 % of the simulations: with so many networks, a perfect ranking would be seen there.
    """
    between, within = variances(truths)
    means = truths.mean(axis=1)
    if between == 0:
        return None
    true = means.mean() + (means - means.mean()) * np.sqrt(between / means.var(ddof=1))
    once = np.ones((1, len(means)))
    rows = []
    for _ in range(SIMULATIONS):
        trained = true[:, None] + rng.normal(0, np.sqrt(within), truths.shape)
        mean = trained.mean(axis=1)
        one = np.mean([taus(true, column, once)[0] for column in trained.T])
        found = precision(true, mean)
        rows.append((one, taus(true, mean, once)[0], np.nan if found is None else found, regret(true, mean)))
    one, mean, found, lost = np.array(rows).T
    precise = None if np.isnan(found).all() else float(found.mean())
    return Perfect(between, within, _spread(one), _spread(mean), precise, float(lost.mean()))


def _signs(values: Values) -> Values:
    """(N, N) 1 where the row's network is better than the column's, -1 where it is worse."""
    better = values[:, None] > values
    return better.astype(np.float64) - better.T


def _centred_ranks(values: Values, weights: Values) -> Values:
    """(R, N) ranks within each resample, ties averaged, less their mean."""
    return weights @ _signs(values).T / 2


def _mean_of_known(values: Values, sizes: NDArray[np.int64]) -> Values:
    """(R,) weighted mean over the rows (D, R) that are numbers; NaN where none is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        result: Values = sizes @ np.where(known, values, 0) / (sizes @ known)
    return result


def _chances_of_top(values: Values) -> Values:
    """(N,) each network's chance to be among the best TOP, ties broken by chance."""
    last = np.sort(values)[-TOP]
    above, level = values > last, values == last
    chances: Values = above + level * (TOP - above.sum()) / level.sum()
    return chances


def _spread(values: Values) -> Estimate:
    low, high = np.percentile(values, [50 - INTERVAL / 2, 50 + INTERVAL / 2])
    return Estimate(float(values.mean()), float(low), float(high))
