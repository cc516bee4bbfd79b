"""The promise by counting is kept in nine of ten spaces, whatever the space, and says something of the best."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from suite.fidelity.counted_promise import counted_share

SIZES = {2: 100, 3: 400, 4: 1_500}
SPREAD = 0.03  # of true accuracies; with luck of a tenth and of a half of it


def promised_and_true(seed: int, quantile: float, luck: float) -> tuple[float, float]:
    """In a space whose depths differ, of which 20 networks a depth are known by two trainings."""
    rng = np.random.default_rng(seed)
    depths = np.repeat(list(SIZES), list(SIZES.values()))
    true = 0.7 + SPREAD * (rng.normal(size=len(depths)) - 0.5 * (depths - 3)) ** 3
    drawn = np.concatenate(
        [rng.choice(np.flatnonzero(depths == depth), 20, replace=False) for depth in SIZES]
    )
    row = np.argsort(-true)[int(quantile * len(true))]
    truths = true[drawn, None] + rng.normal(0, luck, (60, 2))
    own = true[row] + rng.normal(0, luck, 2)
    top = counted_share(truths, depths[drawn].tolist(), SIZES, own, rng)
    return top, float(np.mean(true >= true[row]))


@pytest.mark.parametrize("luck", [SPREAD / 10, SPREAD / 2])
@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.3])
def test_the_promise_is_kept(quantile: float, luck: float) -> None:
    kept = [true <= top for top, true in (promised_and_true(seed, quantile, luck) for seed in range(60))]
    assert (
        np.mean(kept) >= 0.85
    )  # 54 are expected at least; fewer than 51 in one of ten tests by luck, of that seed


def test_one_that_beats_all_drawn_is_promised_what_clopper_and_pearson_say() -> None:
    truths = np.full((20, 1), 0.5)
    top = counted_share(truths, [2] * 20, {2: 1_000}, np.array([0.6]), np.random.default_rng(0))
    assert top == pytest.approx(1 - 0.1 ** (1 / 20), abs=0.01)


def test_one_that_all_beat_and_a_depth_that_was_not_drawn_promise_nothing() -> None:
    truths, rng = np.full((20, 1), 0.5), np.random.default_rng(0)
    assert counted_share(truths, [2] * 20, {2: 1_000}, np.array([0.4]), rng) == 1.0
    half = counted_share(truths, [2] * 20, {2: 500, 3: 500}, np.array([0.6]), rng)
    assert half > 0.5


def test_depths_count_by_their_networks() -> None:
    truths = np.concatenate([np.full((20, 1), 0.5), np.full((20, 1), 0.7)])
    depths = [2] * 20 + [3] * 20
    mostly = {
        depth: counted_share(
            truths, depths, {2: 10, 3: 10, depth: 990}, np.array([0.6]), np.random.default_rng(0)
        )
        for depth in Counter(depths)
    }
    assert mostly[2] < 0.2
    assert mostly[3] > 0.9
