"""Learning curves: tau-b as scipy has it, splits that are balanced, no network ranked by a fit to itself."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from suite.fidelity.learning_curve import balanced_order, count_pairs, curve_sizes, predictions_held_out
from tests.fidelity.simulated import simulated

pairs_of_ranks = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20)


@given(pairs_of_ranks.filter(lambda rows: all(len(set(column)) > 1 for column in zip(*rows, strict=True))))
def test_tau_is_scipys_with_ties_too(rows: list[tuple[int, int]]) -> None:
    said, true = np.array(rows, dtype=np.float64).T
    (tau,) = count_pairs(said[None], true).taus(np.ones((1, len(true))))
    assert tau == pytest.approx(kendalltau(said, true).statistic)


def test_a_weight_counts_a_network_as_often() -> None:
    rng = np.random.default_rng(0)
    said, true, times = rng.normal(size=8), rng.normal(size=8), np.array([0, 1, 2, 3, 1, 0, 1, 2])
    (tau,) = count_pairs(said[None], true).taus(times[None].astype(np.float64))
    assert tau == pytest.approx(kendalltau(np.repeat(said, times), np.repeat(true, times)).statistic)


def test_only_pairs_held_out_together_count() -> None:
    said = np.array([[1.0, 2.0, np.nan], [np.nan, 1.0, 2.0]])
    (tau,) = count_pairs(said, np.array([1.0, 2.0, 1.5])).taus(np.ones((1, 3)))
    assert tau == 0.0  # one pair right, one wrong; the pair of the ends was never seen


@given(st.integers(1, 30), st.integers(0, 100))
def test_every_beginning_is_balanced_over_depth(beginning: int, seed: int) -> None:
    depths = [2] * 10 + [3] * 10 + [4] * 10
    order = balanced_order(depths, np.random.default_rng(seed))
    counts = Counter(depths[row] for row in order[:beginning])
    assert sorted(order) == list(range(30))
    assert max(counts.values()) - min(counts[depth] for depth in (2, 3, 4)) <= 1


def test_networks_fitted_to_are_not_ranked() -> None:
    inputs, truth = simulated(0, trained=20).known
    predicted = predictions_held_out(inputs, truth, [2, 3] * 10, 9, np.random.default_rng(0))
    assert (np.isnan(predicted).sum(axis=1) == 9).all()


@pytest.mark.parametrize(("networks", "sizes"), [(20, [9, 15]), (30, [9, 15, 23]), (60, [9, 15, 24, 45])])
def test_sizes_leave_a_quarter(networks: int, sizes: list[int]) -> None:
    assert curve_sizes(networks) == sizes
