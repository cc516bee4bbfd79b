"""Intervals hold what they say they hold, of networks that nobody fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from suite.fidelity import conformal
from suite.fidelity.conformal import coverage, intervals_left_out, jackknife_plus
from suite.fidelity.predictor import fit_predictor
from tests.fidelity.simulated import SEED, simulated


def test_nine_in_ten_networks_of_the_space_lie_in_their_intervals() -> None:
    shares = []
    for seed in range(15):
        space = simulated(seed)
        luck = np.random.default_rng(seed).normal(0, SEED, (len(space.true), 2)).mean(axis=1)
        shares.append(coverage(jackknife_plus(*space.known).intervals(space.inputs), space.true + luck))
    assert 0.87 < np.mean(shares) < 0.94


def test_nested_coverage_sees_what_the_space_would_show() -> None:
    held = []
    for seed in range(3):
        inputs, truth = simulated(seed, trained=24).known
        held.append(coverage(intervals_left_out(inputs, truth), truth))
    assert 0.8 < np.mean(held) <= 1.0


def test_an_interval_left_out_is_the_one_that_the_others_give() -> None:
    inputs, truth = simulated(4, trained=14).known
    others = np.arange(14) != 5
    expected = jackknife_plus(inputs[others], truth[others]).intervals(inputs[[5]])[0]
    np.testing.assert_allclose(intervals_left_out(inputs, truth)[5], expected)


def test_the_ends_are_order_statistics() -> None:
    inputs, truth = simulated(5, trained=19).known
    jackknife = jackknife_plus(inputs, truth)
    left = [
        fit_predictor(np.delete(inputs, i, 0), np.delete(truth, i)).predict(inputs[[3]])[0] for i in range(19)
    ]
    off = np.abs(jackknife.errors)
    low, high = jackknife.intervals(inputs[[3]])[0]
    assert high == pytest.approx(np.sort(left + off)[17])  # the 18th of 19: 0.9 x (19 + 1)
    assert low == pytest.approx(np.sort(left - off)[1])


def test_a_large_space_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    space = simulated(6, trained=12)
    jackknife = jackknife_plus(*space.known)
    whole = jackknife.intervals(space.inputs)
    monkeypatch.setattr(conformal, "_AT_ONCE", 70)
    np.testing.assert_allclose(jackknife.intervals(space.inputs), whole)


def test_too_few_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="8 networks are too few"):
        jackknife_plus(*simulated(7, trained=8).known).intervals(np.zeros((1, 5)))
