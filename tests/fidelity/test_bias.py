"""What a score holds against kinds of networks: found where it was put, not where it was not."""

from __future__ import annotations

import numpy as np
import pytest

from suite.fidelity.bias import biases
from suite.fidelity.draw import draw_networks
from suite.fidelity.measures import resamples, taus
from suite.space import Genome, SearchSpace
from suite.study import SpaceSettings


@pytest.fixture
def genomes() -> list[Genome]:
    return draw_networks(SearchSpace(SpaceSettings(), (3, 32, 32), 10), 60)


def measured(genomes: list[Genome], scores: np.ndarray, truth: np.ndarray) -> dict[str, dict]:
    weights = resamples([len(genome.convs) for genome in genomes], np.random.default_rng(0))
    return {row["kind"]: row for row in biases(genomes, scores, truth, weights)}


def test_a_bias_is_found_at_its_kind_and_taking_it_off_gains_what_it_cost(genomes: list[Genome]) -> None:
    truth = np.random.default_rng(1).normal(size=60)
    two_fcs = np.array([len(genome.fcs) == 2 for genome in genomes])
    scores = truth + 1.0 * two_fcs
    once = np.ones((1, 60))
    found = measured(genomes, scores, truth)
    offsets, gain = found["FC layers"]["offsets"], found["FC layers"]["gain"]
    assert list(offsets) == ["1", "2"]
    assert offsets["1"] < -0.2 < 0.2 < offsets["2"]
    lost = 1 - taus(scores, truth, once)[0]
    assert 0.6 * lost < gain["value"] < lost
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert abs(found["depth"]["gain"]["value"]) < gain["value"] / 3


def test_a_perfect_score_has_no_bias_and_gains_nothing(genomes: list[Genome]) -> None:
    truth = np.random.default_rng(2).normal(size=60)
    for row in measured(genomes, np.exp(truth), truth).values():
        assert set(row["offsets"].values()) == {0.0}
        assert row["gain"]["value"] == pytest.approx(0)


def test_a_network_alone_of_its_kind_is_left_as_it_is(genomes: list[Genome]) -> None:
    deep = next(genome for genome in genomes if len(genome.convs) == 4)
    chosen = [deep, *(genome for genome in genomes if len(genome.convs) == 2)]
    truth = np.arange(float(len(chosen)))
    found = measured(chosen, truth[::-1].copy(), truth)
    assert found["depth"]["offsets"].keys() == {"2", "4"}
    assert found["depth"]["gain"] is not None
