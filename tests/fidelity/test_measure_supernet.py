"""A supernet beside rankings without one: truths made up so that it is known who ranks well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from suite.cnn import StandaloneCNN
from suite.data import Data, find_data, open_data
from suite.errors import FidelityError
from suite.fidelity.draw import draw_networks
from suite.fidelity.in_words import conclusion, in_words
from suite.fidelity.measure_supernet import measure_supernet
from suite.fidelity.naswot import naswot, score
from suite.fidelity.truth_table import Drawn, Reading, TruthTable, regime_of
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer, Supernet

NETWORKS, EPOCHS = 24, 4


@pytest.fixture
def data(tiny_study: StudySettings) -> Data:
    return open_data(tiny_study.data, find_data(tiny_study.data))


@pytest.fixture
def space(tiny_study: StudySettings, data: Data) -> SearchSpace:
    return SearchSpace(tiny_study.space, data.picture_shape, len(data.classes))


@pytest.fixture
def scorer(space: SearchSpace, data: Data) -> Scorer:
    supernet = Supernet(space, 0.1).draw(torch.Generator().manual_seed(0))
    return Scorer(supernet, data, torch.device("cpu"))


def by_loss(scorer: Scorer, data: Data, genomes: list[Genome]) -> np.ndarray:
    """(N,) truths whose order is exactly that of the supernet's loss."""
    losses = np.array([s.loss for s in scorer.score(genomes, data.val_search)])
    return 0.9 - 0.02 * losses.argsort().argsort()


def table_of(
    study: StudySettings, genomes: list[Genome], truths: np.ndarray, *, seeds: int, drawn: Drawn = "uniform"
) -> TruthTable:
    """Each network's truth from every seed, a step apart, and the same order after one epoch."""
    readings = [
        Reading(drawn, genome.text, seed, epoch, 1 - accuracy, accuracy, float(epoch))
        for genome, truth in zip(genomes, truths.tolist(), strict=True)
        for seed in range(seeds)
        for epoch, accuracy in ((1, truth / 2), (2, 0.5), (3, truth / 2), (EPOCHS, truth - 0.001 * seed))
    ]
    return TruthTable(regime_of(study, "0" * 64, EPOCHS, 500), readings)


def row_of(result: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = [row for row in result["rankings"] if row["name"] == name]
    return dict(row)


def test_a_supernet_that_knows_the_truth_is_said_to_rank_better(
    tiny_study: StudySettings, space: SearchSpace, scorer: Scorer, data: Data
) -> None:
    genomes = draw_networks(space, NETWORKS)
    table = table_of(tiny_study, genomes, by_loss(scorer, data, genomes), seeds=2)
    result = measure_supernet(scorer, data, space, table, np.random.default_rng(0))
    loss = row_of(result, "loss")
    assert loss["against_one"]["tau"]["value"] == pytest.approx(1)
    assert loss["against_mean"]["within_depth"]["value"] == pytest.approx(1)
    assert (loss["precision"], loss["regret"]) == (1, 0)
    assert result["between_trainings"]["tau"]["value"] == pytest.approx(1)
    assert result["perfect"]["against_mean"]["value"] == pytest.approx(1, abs=0.02)
    assert result["comparisons"]["loss"]["verdict"] == "better"
    assert "ranks better than the best ranking without a supernet" in conclusion(result, "loss")
    short = row_of(result, "cross-entropy after 1 epoch")
    assert short["against_one"]["tau"]["value"] == pytest.approx(1)
    assert (short["against_mean"], short["regret"]) == (None, None)
    assert row_of(result, "accuracy after 2 epochs")["against_one"]["tau"] is None  # the same for all
    assert row_of(result, "depth")["against_one"]["within_depth"] is None
    assert len(result["rows"]) == NETWORKS
    assert {row["drawn"] for row in result["rows"]} == {"uniform"}


def test_a_truth_that_goes_by_size_needs_no_supernet(
    tiny_study: StudySettings, space: SearchSpace, scorer: Scorer, data: Data
) -> None:
    genomes = draw_networks(space, NETWORKS)
    sizes = np.array([space.parameters(genome) for genome in genomes], dtype=np.float64)
    table = table_of(tiny_study, genomes, 0.5 + sizes / sizes.max() / 4, seeds=1)
    result = measure_supernet(scorer, data, space, table, np.random.default_rng(0))
    assert row_of(result, "parameters")["against_one"]["tau"]["value"] == pytest.approx(1)
    assert row_of(result, "linear fit of features")["against_one"]["tau"]["value"] > 0.8
    assert result["comparisons"]["loss"]["than"] == "parameters"
    assert result["comparisons"]["loss"]["verdict"] == "worse"
    assert "ranks worse than a ranking without any supernet (parameters)" in conclusion(result, "loss")
    assert (result["between_trainings"], result["perfect"]) == (None, None)
    assert row_of(result, "parameters")["against_mean"] is None
    words = in_words(result | {"table": "t", "longer_truths": []}, "loss")
    assert "With one training of each network" in words
    assert "mean of" not in words.splitlines()[2]


def test_favourites_count_for_the_choice_and_for_no_tau(
    tiny_study: StudySettings, space: SearchSpace, scorer: Scorer, data: Data
) -> None:
    genomes = list(dict.fromkeys(draw_networks(space, NETWORKS + 6)))
    truths = by_loss(scorer, data, genomes)
    uniform, liked = genomes[:NETWORKS], genomes[NETWORKS:]
    table = table_of(tiny_study, uniform, truths[:NETWORKS], seeds=2)
    alone = measure_supernet(scorer, data, space, table, np.random.default_rng(0))
    backwards = 2 - truths[NETWORKS:]  # all better than any other, but in the wrong order
    table.add(table_of(tiny_study, liked, backwards, seeds=2, drawn="top").readings)
    both = measure_supernet(scorer, data, space, table, np.random.default_rng(0))
    assert both["rankings"] == alone["rankings"]
    assert both["comparisons"] == alone["comparisons"]
    assert alone["favourites"] is None
    assert both["favourites"]["networks"] == 6
    chosen = int(np.argmax(truths))
    truth = np.concatenate([truths[:NETWORKS], backwards])
    expected = truth.max() - truth[chosen]
    assert both["favourites"]["choices"]["loss"]["regret"] == pytest.approx(expected)
    assert [row["drawn"] for row in both["rows"]] == ["uniform"] * NETWORKS + ["top"] * 6
    table.add(table_of(tiny_study, liked[2:3], backwards[2:3], seeds=2, drawn="winner").readings)
    with_winner = measure_supernet(scorer, data, space, table, np.random.default_rng(0))
    assert with_winner["favourites"] == both["favourites"], "a winner may be one of them"


def test_too_few_networks_are_refused(
    tiny_study: StudySettings, space: SearchSpace, scorer: Scorer, data: Data
) -> None:
    genomes = draw_networks(space, 2)
    table = table_of(tiny_study, genomes, np.array([0.5, 0.6]), seeds=2)
    with pytest.raises(FidelityError, match="has 2 trained networks; 3 are the fewest"):
        measure_supernet(scorer, data, space, table, np.random.default_rng(0))


def test_naswot_is_the_log_determinant_of_how_often_relus_agree(space: SearchSpace, data: Data) -> None:
    genome = draw_networks(space, 1)[0]
    network = StandaloneCNN(space, genome).draw(torch.Generator().manual_seed(3))
    pictures = data.normalise(data.train.pictures[:7])
    codes, features = [], pictures
    for block in network.convs:
        before = block.conv(features)  # type: ignore[operator, union-attr]
        codes.append((before > 0).flatten(1))
        features = block(features)
    features = features.flatten(1)
    for block in network.fcs:
        before = block.linear(features)  # type: ignore[operator, union-attr]
        codes.append((before > 0).flatten(1))
        features = torch.relu(before)
    code = torch.cat(codes, dim=1)
    agree = (code[:, None] == code[None]).sum(dim=2).double()
    assert score(network, pictures) == pytest.approx(float(torch.logdet(agree)), rel=1e-6)


def test_naswot_repeats_and_depends_on_the_seed(space: SearchSpace, data: Data) -> None:
    genomes = draw_networks(space, 3)
    once = naswot(space, genomes, data)
    assert np.isfinite(once).all()
    assert np.array_equal(naswot(space, genomes, data), once)
    assert not np.array_equal(naswot(space, genomes, data, seed=1), once)
    assert (
        score(StandaloneCNN(space, genomes[0]).draw(torch.Generator()), torch.zeros(2, *space.shape))
        == -np.inf
    )
