"""Which choices matter, estimated from a sample whose answer is known because the scores were made up."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from suite.report.sections.evaluated_choices import ActiveGenes, Explained, explained_by_genes
from tests.conftest import space_of

SPACE = space_of(depth=[1, 2, 3])


def fitted(
    score: Callable[[ActiveGenes], float], networks: int = 300, noise: float = 0.0
) -> Explained | None:
    """Networks drawn as a random pool is, scored by what their genes add, and a little chance."""
    rng = random.Random(0)
    drawn = [SPACE.active_genes(SPACE.decode(SPACE.sample_chromosome(rng))) for _ in range(networks)]
    chance = noise * np.random.default_rng(0).normal(size=networks)
    return explained_by_genes(SPACE.genes, drawn, np.array([score(one) for one in drawn]) + chance, seed=0)


def filters_and_pool(genes: ActiveGenes) -> float:
    """Much by the first layer's filters, less by its pooling, and little by a third layer's kernel."""
    return (
        {16: 0.0, 32: 1.0, 64: 3.0}[int(genes["conv1.filters"])]
        + (1.0 if genes["conv1.pool"] == "max" else 0.0)
        + (0.5 if genes.get("conv3.kernel") == 5 else 0.0)
    )


def test_what_matters_is_found_in_its_order_and_nothing_else() -> None:
    found = fitted(filters_and_pool, networks=3_000, noise=0.05)
    assert found is not None
    assert found.share == pytest.approx(1, abs=0.01)
    order = sorted(found.lost, key=lambda name: -found.lost[name])
    assert order[:2] == ["conv1.filters", "conv1.pool"]
    strong = {name for name, share in found.lost.items() if share > 0.002}
    assert strong == {"conv1.filters", "conv1.pool", "conv3.kernel", "depth"}
    # Drawn evenly, shares are those of the choices' own variances: 14 / 9 and 1 / 4 of about 1.84.
    assert found.lost["conv1.filters"] == pytest.approx(0.845, abs=0.03)
    assert found.lost["conv1.pool"] == pytest.approx(0.136, abs=0.03)


def test_depth_is_not_taken_for_the_genes_it_makes_active() -> None:
    found = fitted(lambda genes: float(genes["depth"]))
    assert found is not None
    assert found.lost["depth"] > 0.5
    assert max(share for name, share in found.lost.items() if name != "depth") < 1e-6


def test_chance_explains_nothing() -> None:
    found = fitted(lambda genes: 0.0, noise=1.0)
    assert found is not None
    assert found.share == 0


def test_too_few_networks_or_one_score_say_nothing() -> None:
    assert fitted(filters_and_pool, networks=20) is None
    assert fitted(lambda genes: 1.0) is None


def test_a_gene_that_was_settled_is_left_out() -> None:
    rng = random.Random(0)
    drawn = [SPACE.active_genes(SPACE.decode(SPACE.sample_chromosome(rng))) for _ in range(900)]
    settled = [genes for genes in drawn if genes["conv1.filters"] == 64]
    found = explained_by_genes(SPACE.genes, settled, np.array([filters_and_pool(one) for one in settled]), 0)
    assert found is not None
    assert "conv1.filters" not in found.lost
    assert max(found.lost, key=lambda name: found.lost[name]) == "conv1.pool"


def test_no_gene_is_worth_more_than_all_of_them() -> None:
    found = fitted(lambda genes: float(genes["depth"]), networks=60, noise=0.1)
    assert found is not None
    assert max(found.lost.values()) <= found.share <= 1
