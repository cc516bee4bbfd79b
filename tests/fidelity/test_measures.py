"""Measures of a ranking against hand-worked numbers, scipy, and simulations whose variances are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, norm, spearmanr

from suite.fidelity.measures import (
    RESAMPLES,
    agreement,
    estimate,
    mean_truth,
    perfect_ranking,
    precision,
    rank_correlations,
    regret,
    resamples,
    taus,
    variances,
)

ONCE = np.ones((1, 5))
Pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=20)


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    score, truth = np.array(pairs, dtype=np.float64).T
    return score, truth


def test_tau_by_hand() -> None:
    score, truth = np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 3, 2, 5, 4])
    assert taus(score, truth, ONCE)[0] == pytest.approx((8 - 2) / 10)
    tied = np.array([1.0, 1, 3, 4, 5])  # nine of ten pairs are ordered, (3, 2) and (5, 4) the wrong way
    assert taus(tied, truth, ONCE)[0] == pytest.approx((7 - 2) / math.sqrt(9 * 10))


@given(Pairs)
def test_both_correlations_are_scipys(pairs: list[tuple[int, int]]) -> None:
    score, truth = columns(pairs)
    once = np.ones((1, len(pairs)))
    with np.errstate(all="ignore"):
        expected = (
            kendalltau(score, truth).statistic,
            spearmanr(score, truth).statistic if min(np.ptp(score), np.ptp(truth)) > 0 else np.nan,
        )
    ours = taus(score, truth, once)[0], rank_correlations(score, truth, once)[0]
    assert ours == pytest.approx(expected, nan_ok=True)


@given(Pairs, st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_a_resample_counts_as_the_networks_written_out(pairs: list[tuple[int, int]], seed: int) -> None:
    score, truth = columns(pairs)
    drawn = np.random.default_rng(seed).integers(len(pairs), size=len(pairs))
    weights = np.bincount(drawn, minlength=len(pairs)).astype(np.float64)[None]
    tau, rho = taus(score, truth, weights)[0], rank_correlations(score, truth, weights)[0]
    assert tau == pytest.approx(kendalltau(score[drawn], truth[drawn]).statistic, nan_ok=True)
    if min(np.ptp(score[drawn]), np.ptp(truth[drawn])) > 0:
        assert rho == pytest.approx(spearmanr(score[drawn], truth[drawn]).statistic)


def test_infinite_scores_are_ranked() -> None:
    score = np.array([-np.inf, -np.inf, 0, 1, np.inf])
    assert taus(score, np.array([0.0, 0, 1, 2, 3]), ONCE)[0] == pytest.approx(1)


def test_resamples_keep_each_depth_and_begin_with_the_networks_themselves() -> None:
    depths = [2, 3, 2, 3, 3, 4]
    weights = resamples(depths, np.random.default_rng(0))
    assert weights.shape == (1 + RESAMPLES, 6)
    assert (weights[0] == 1).all()
    for depth in (2, 3, 4):
        assert (weights[:, np.equal(depths, depth)].sum(axis=1) == depths.count(depth)).all()
    assert np.array_equal(weights, resamples(depths, np.random.default_rng(0)))


@pytest.mark.parametrize("measure", [taus, rank_correlations])
def test_intervals_hold_the_true_value_about_nine_times_in_ten(
    measure: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.fidelity.measures.RESAMPLES", 400)
    rng, rho, held = np.random.default_rng(1), 0.6, 0
    true = 2 / math.pi * math.asin(rho) if measure is taus else 6 / math.pi * math.asin(rho / 2)
    for _ in range(60):
        score, truth = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=60).T
        found = estimate(measure(score, truth, resamples([2] * 60, rng)))
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true <= found.high
    assert 48 <= held <= 59


def test_agreement_within_depth_does_not_see_what_lies_between() -> None:
    depths = [2, 2, 2, 3, 3, 3]
    truth = np.array([1.0, 2, 3, 11, 12, 13])
    backwards_within = np.array([3.0, 2, 1, 13, 12, 11])
    found = agreement([(backwards_within, truth)], depths, resamples(depths, np.random.default_rng(0)))
    assert found.tau is not None
    assert found.within_depth is not None
    assert found.tau.value == pytest.approx((9 - 6) / 15)
    assert found.within_depth.value == pytest.approx(-1)
    by_depth = agreement([(np.array([1.0, 2, 3, 5, 5, 5]), truth)], depths, np.ones((2, 6))).by_depth
    assert by_depth["2"] is not None
    assert (by_depth["2"].value, by_depth["3"]) == (pytest.approx(1), None)


def test_each_depth_weighs_as_many_networks_as_it_has() -> None:
    depths, truth = [2, 2, 3, 3, 3, 3], np.array([1.0, 2, 1, 2, 3, 4])
    score = np.array([2.0, 1, 1, 2, 3, 4])
    found = agreement([(score, truth)], depths, np.ones((2, 6)))
    assert found.within_depth is not None
    assert found.within_depth.value == pytest.approx((2 * -1 + 4 * 1) / 6)


def test_top_ten_and_regret_by_hand() -> None:
    truth = np.arange(20) / 20
    score = truth.copy()
    score[[0, 19]] = score[[19, 0]]  # the best and the worst change places
    assert precision(score, truth) == pytest.approx(0.9)
    assert regret(score, truth) == pytest.approx(0.95)
    assert precision(truth, truth) == 1
    assert precision(np.zeros(20), truth) == pytest.approx(0.5)  # by chance
    assert regret(np.zeros(20), truth) == pytest.approx(0.95 - truth.mean())
    assert precision(truth[:19], truth[:19]) is None


@pytest.mark.parametrize("trainings", [2, 3])
def test_variances_are_those_that_were_simulated(trainings: int) -> None:
    rng = np.random.default_rng(0)
    truths = rng.normal(0.7, 0.04, (4_000, 1)) + rng.normal(0, 0.03, (4_000, trainings))
    assert variances(truths) == pytest.approx((0.04**2, 0.03**2), rel=0.1)


@pytest.mark.parametrize("trainings", [2, 3])
@pytest.mark.parametrize(("between", "within"), [(0.04, 0.02), (0.03, 0.03)])
def test_the_ceiling_is_that_of_the_measured_variances(between: float, within: float, trainings: int) -> None:
    """Truths that have these variances exactly and are normal, for which tau is 2/pi arcsin(correlation)."""
    shape = norm.ppf((np.arange(60) + 0.5) / 60)
    means = shape / shape.std(ddof=1) * math.sqrt(between**2 + within**2 / trainings)
    apart = np.array([-1, 1]) / math.sqrt(2) if trainings == 2 else np.array([-1, 0, 1])
    truths = means[:, None] + within * apart
    assert variances(truths) == pytest.approx((between**2, within**2))
    perfect = perfect_ranking(truths, np.random.default_rng(1))
    assert perfect is not None
    for found, count in ((perfect.against_one, 1), (perfect.against_mean, trainings)):
        rho = between / math.sqrt(between**2 + within**2 / count)
        assert found.value == pytest.approx(2 / math.pi * math.asin(rho), abs=0.015)
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high


def test_trainings_that_differ_by_noise_alone_have_no_ceiling() -> None:
    truths = np.array([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5]])
    assert variances(truths)[0] == 0
    assert perfect_ranking(truths, np.random.default_rng(0)) is None


def test_equal_counts_stay_ties_in_the_mean() -> None:
    halves = np.array([[0.5368, 0.5370], [0.5369, 0.5369], [1 / 3, 2 / 3], [0.5, 0.5]]).round(6)
    means = mean_truth(halves)
    assert means[0] == means[1]
    assert means[2] == means[3]
    steps = [mean_truth(np.array([[a, 0.5]]))[0] for a in (0.6, 0.6 + 1 / 10_000)]
    assert all(a < b for a, b in itertools.pairwise(steps))
