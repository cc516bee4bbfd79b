"""A search beside its space: hypervolume shares, evaluations needed, ranks and budgets, against definitions."""

from __future__ import annotations

import random

import numpy as np
import pytest

from suite.space_analysis import (
    best_within,
    expected_random_draws,
    first_within,
    front,
    front_share,
    rank,
    round_budgets,
)


def costs_of(points: list[tuple[float, float]]) -> np.ndarray:
    return np.array(points, dtype=np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_a_search_that_evaluated_everything_has_the_whole_hypervolume(seed: int) -> None:
    costs = np.random.default_rng(seed).integers(0, 9, size=(60, 2)).astype(np.float64)
    result = front_share(costs, np.arange(60))
    assert result.share == 1
    assert result.evaluated == result.networks > 0


def test_the_share_of_a_staircase() -> None:
    costs = costs_of([(0, 10), (5, 5), (10, 0), (20, 20)])
    # Reference (11, 11): 11 * 1 + 6 * 5 + 1 * 5 = 46 in all; the middle network alone has 6 * 6.
    assert front_share(costs, np.array([1, 3])).share == pytest.approx(36 / 46)
    assert front_share(costs, np.array([3])).share == 0
    assert front_share(costs, np.array([1, 3])).evaluated == 1


def test_a_front_of_one_network_is_measured_from_the_worst_of_the_space() -> None:
    costs = costs_of([(0, 0), (5, 5), (10, 10)])
    assert front_share(costs, np.array([1])).share == pytest.approx(0.25)
    assert front_share(costs, np.array([0])).share == 1


def test_equal_networks_are_all_on_the_front() -> None:
    result = front_share(costs_of([(1, 1), (1, 1)]), np.array([1]))
    assert (result.networks, result.evaluated, result.share) == (2, 1, 1.0)


def test_the_front_begins_with_the_least_of_the_first_cost() -> None:
    sizes, losses = np.array([3.0, 1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 2.0])
    assert front(sizes, losses).tolist() == [1, 2, 0]


def test_rank_counts_those_that_are_better() -> None:
    costs = np.array([3.0, 1.0, 1.0, 2.0])
    assert [rank(costs, row) for row in range(4)] == [4, 1, 1, 3]


def test_evaluations_until_the_target() -> None:
    costs = np.array([5.0, 4.0, 2.0, 3.0, 1.0])
    assert first_within(costs, 2.5) == 3
    assert first_within(costs, 1.0) == 5
    assert first_within(costs, 0.5) is None


@pytest.mark.parametrize(("networks", "good"), [(40, 1), (40, 7), (40, 40)])
def test_random_draws_agree_with_a_simulation(networks: int, good: int) -> None:
    """20,000 shuffles; the tolerance is four standard errors, and the standard deviation is below the range."""
    rng, order, draws = random.Random(0), list(range(networks)), []
    for _ in range(20_000):
        rng.shuffle(order)
        draws.append(1 + next(i for i, network in enumerate(order) if network < good))
    error = float(np.std(draws)) / np.sqrt(len(draws))
    assert expected_random_draws(networks, good) == pytest.approx(np.mean(draws), abs=4 * error + 1e-9)


def test_budgets_are_round_and_within_the_range() -> None:
    assert list(round_budgets(17_018, 2_472_778)) == [
        20_000,
        50_000,
        100_000,
        200_000,
        500_000,
        1_000_000,
        2_000_000,
    ]
    assert list(round_budgets(20, 50)) == [20]
    assert list(round_budgets(7, 7)) == []


def test_the_best_of_a_budget_is_the_smallest_of_equals() -> None:
    costs, sizes = np.array([1.0, 0.5, 0.5, 0.1]), np.array([10, 30, 20, 40])
    assert [best_within(costs, sizes, budget) for budget in (10, 30, 40)] == [0, 2, 3]
