"""Successive rejection: sums that say what brute force says, and the front of the full walk whatever the order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from suite.pareto import front_rows
from suite.shortlist import Tally, _rivals

PRICES = np.array([[1, 5], [2, 4], [3, 3], [4, 2], [5, 1], [6, 6]])


def drawn(networks: int, pictures: int, seed: int = 0) -> NDArray[np.float32]:
    """Badness that networks have in part in common, as pictures are easy or hard."""
    rng = np.random.default_rng(seed)
    gaps = rng.normal(0, 0.2, (networks, 1))
    badness = rng.gamma(2.0, 0.8, (1, pictures)) + gaps + rng.normal(0, 0.4, (networks, pictures))
    return badness.astype(np.float32)


def test_the_bound_is_that_of_paired_differences() -> None:
    badness, rivals = drawn(6, 400), np.array([2, 0])
    tally = Tally(6)
    tally.add(badness[:, :100])
    tally.keep(np.ones(6, dtype=bool), rivals)
    for start in range(100, 300, 50):
        tally.add(badness[:, start : start + 50])
    for risk in (1e-12, 1e-6, 1e-3, 0.3):
        quantile = stats.t.isf(risk / 2, 199)
        expected = []
        for i in range(6):
            worse = []
            for r in rivals:
                paired = badness[i, 100:300].astype(float) - badness[r, 100:300]
                gap = (badness[i, :300].astype(float) - badness[r, :300]).mean()
                error = paired.std(ddof=1) * math.sqrt(1 / 300 - 1 / 400)
                worse.append((gap > quantile * error) & (PRICES[i] >= PRICES[r]))
            expected.append(bool(np.all(np.any(worse, axis=0))))
        assert tally.surely_dominated(PRICES, 400, risk).tolist() == expected


def test_after_all_pictures_only_the_fronts_are_left() -> None:
    badness = drawn(6, 60)
    tally = Tally(6)
    tally.add(badness)
    means = badness.mean(axis=1, dtype=np.float64)
    fronts = {
        int(row) for price in PRICES.T for row in front_rows(np.column_stack([means, price]), (-1.0, -1.0))
    }
    assert set(np.flatnonzero(~tally.surely_dominated(PRICES, 60, 0.01))) == fronts


def test_a_network_alike_its_rival_is_not_left_out() -> None:
    badness = np.repeat(drawn(1, 200), 2, axis=0)
    tally = Tally(2)
    tally.add(badness[:, :100])
    tally.keep(np.ones(2, dtype=bool), np.array([0]))
    tally.add(badness[:, 100:150])
    assert not tally.surely_dominated(np.array([[1, 1], [2, 2]]), 200, 0.5).any()


def test_a_twin_that_seems_worse_by_less_than_float32_can_tell_stays() -> None:
    """As two networks of a real space, of which one has idle channels more; in the end it was the better one."""
    badness = np.repeat(drawn(1, 200), 3, axis=0)
    badness[2] += drawn(1, 200, seed=1)[
        0
    ]  # sums are taken from the first rival's, so that twins have some to lose
    badness[1, :150] += 1e-5
    badness[1, 150:] -= 1e-4
    tally = Tally(3)
    tally.add(badness[:, :100])
    tally.keep(np.ones(3, dtype=bool), np.array([2, 0]))
    tally.add(badness[:, 100:132])
    prices = np.array([[1, 1], [2, 2], [1, 1]])
    assert not tally.surely_dominated(prices, 200, 1e-9)[1]
    tally.add(badness[:, 132:])
    assert not tally.surely_dominated(prices, 200, 1e-9)[1]


def test_rivals_are_the_front_so_far() -> None:
    means = np.array([0.3, 0.2, 0.1, 0.4, 0.5, 0.05])
    assert _rivals(means, PRICES).tolist() == [0, 1, 2, 3, 4, 5]
    assert _rivals(means, PRICES[:, :1]).tolist() == [0, 1, 2, 5]


@pytest.mark.parametrize("order", range(5))
def test_rejection_keeps_the_front_and_spares_most(order: int) -> None:
    """Two thousand networks on as many pictures, rejected at each doubling."""
    badness = drawn(2_000, 2_000)
    rng = np.random.default_rng(order)
    prices = np.column_stack([np.arange(2_000), rng.permutation(2_000)])
    truth = {
        int(row)
        for price in prices.T
        for row in front_rows(np.column_stack([badness.mean(axis=1, dtype=float), price]), (-1.0, -1.0))
    }
    shuffled = badness[:, rng.permutation(2_000)]
    tally, alive, spent = Tally(2_000), np.arange(2_000), 0
    for stop in (125, 250, 500, 1_000, 2_000):
        spent += len(alive) * (stop - tally.pictures)
        tally.add(shuffled[alive, tally.pictures : stop])
        keep = ~tally.surely_dominated(prices[alive], 2_000, 0.01 / 2_000)
        alive = alive[keep]
        tally.keep(keep, _rivals(tally.means[keep], prices[alive]))
    assert set(alive.tolist()) == truth
    assert spent < 0.5 * badness.size
