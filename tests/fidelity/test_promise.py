"""The promise of the winner's place is kept in nine of ten spaces."""

from __future__ import annotations

import numpy as np
import pytest

from suite.fidelity import promise
from suite.fidelity.predictor import fit_predictor
from suite.fidelity.promise import seed_variance, top_share
from tests.fidelity.simulated import SEED, Simulated, simulated

SPACES = 40


def promised_and_true(space: Simulated, row: int | None = None) -> tuple[float, float]:
    """The share promised for a network, the best predicted if None, and its true one."""
    inputs, truth = space.known
    winner = int(np.argmax(fit_predictor(inputs, truth).predict(space.inputs))) if row is None else row
    top = top_share(inputs, space.truths, space.inputs, winner, np.random.default_rng(0))
    return top, float(np.mean(space.true >= space.true[winner]))


@pytest.fixture(autouse=True)
def _few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "_SIMULATIONS", 50)


@pytest.mark.parametrize("row", [None, 0], ids=["best predicted", "any"])
def test_the_promise_is_kept_in_nine_of_ten_spaces(row: int | None) -> None:
    kept = [true <= top for top, true in (promised_and_true(simulated(seed), row) for seed in range(SPACES))]
    assert np.mean(kept) >= 0.9


def test_the_promise_of_the_best_predicted_says_something() -> None:
    assert np.median([promised_and_true(simulated(seed))[0] for seed in range(10)]) < 0.35


def test_more_trained_networks_promise_more() -> None:
    few, many = (
        np.mean([promised_and_true(simulated(seed, trained=trained))[0] for seed in range(8)])
        for trained in (12, 80)
    )
    assert many < few


def test_the_luck_of_seeds_is_known_only_from_several_trainings() -> None:
    truths = simulated(0, trained=200).truths
    assert seed_variance(truths) == pytest.approx(SEED**2 / 2, rel=0.25)
    assert seed_variance(truths[:, :1]) == 0.0
