"""The predictor finds what is there, in whatever units."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.fidelity.features import FEATURES
from suite.fidelity.predictor import fit_predictor, inputs_of
from suite.space import Genome
from tests.conftest import space_of
from tests.fidelity.simulated import OWN, simulated


def test_a_linear_truth_is_found_for_networks_never_trained() -> None:
    space = simulated(0, trained=200)
    predicted = fit_predictor(*space.known).predict(space.inputs)
    assert np.std(space.true - predicted) < 1.1 * OWN


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_the_unit_of_an_input_does_not_matter(scale: float, shift: float) -> None:
    space = simulated(2)
    inputs, truth = space.known
    predicted = fit_predictor(inputs, truth).predict(inputs)
    other = fit_predictor(scale * inputs + shift, truth).predict(scale * inputs + shift)
    np.testing.assert_allclose(other, predicted, atol=1e-6)


def test_an_input_that_never_varies_does_no_harm() -> None:
    inputs, truth = simulated(3).known
    more = np.column_stack([inputs, np.full(len(inputs), 7.0)])
    expected = fit_predictor(inputs, truth).predict(inputs)
    np.testing.assert_allclose(fit_predictor(more, truth).predict(more), expected, atol=1e-6)


def test_inputs_are_features_then_scores() -> None:
    genomes = [Genome.parse("32k3max-64k5avg-fc128"), Genome.parse("16k3max-16k3max-fc512")]
    inputs = inputs_of(space_of(), genomes, np.array([1.5, 1.6]), np.array([0.4, 0.3]))
    assert inputs.shape == (2, len(FEATURES) + 2)
    assert inputs[:, -2:].tolist() == [[1.5, 0.4], [1.6, 0.3]]


def test_a_point_of_loss_may_be_worth_different_amounts_at_different_depths() -> None:
    space, rng = space_of(), np.random.default_rng(0)
    genomes = [space.sample(random.Random(seed), depth=2 + seed % 3) for seed in range(240)]
    loss = rng.normal(1.5, 0.2, len(genomes))
    worth = np.array([{2: 0.02, 3: 0.10, 4: 0.18}[len(genome.convs)] for genome in genomes])
    truth = 0.6 - worth * (loss - 1.5)
    inputs = inputs_of(space, genomes, loss, rng.normal(0.5, 0.1, len(genomes)))
    predicted = fit_predictor(inputs[:120], truth[:120]).predict(inputs[120:])
    assert np.std(truth[120:] - predicted) < 0.1 * np.std(truth[120:])
