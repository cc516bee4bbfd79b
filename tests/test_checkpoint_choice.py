"""Keeping the ranking that orders a handful of trained networks best."""

from __future__ import annotations

import numpy as np
import pytest

from suite.ablation.checkpoint_choice import gain_of_choosing

DEPTHS = [2, 3, 4] * 20
TRUTH = np.random.default_rng(0).normal(size=60)


def gain(*rankings: np.ndarray) -> float:
    return gain_of_choosing(np.array(rankings), TRUTH, DEPTHS, np.random.default_rng(1))


def test_a_far_better_ranking_than_the_last_is_found_by_a_handful() -> None:
    assert gain(TRUTH, -TRUTH) == pytest.approx(2.0)


def test_nothing_is_gained_where_the_last_is_best_or_all_are_alike() -> None:
    assert gain(-TRUTH, TRUTH) == 0.0
    assert gain(TRUTH, TRUTH) == 0.0


def test_choosing_among_noise_gains_nothing_on_the_networks_it_was_not_made_by() -> None:
    noise = np.random.default_rng(2).normal(size=(40, 6, 60))
    assert np.mean([gain(*rankings) for rankings in noise]) == pytest.approx(0.0, abs=0.04)
