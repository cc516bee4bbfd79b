"""The exact analysis of variance against brute force, on spaces small enough for it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from suite.choice_effects import Block, DepthEffects, depth_effects, effect, share_of_depth
from suite.space import Gene, SearchSpace
from tests.conftest import space_of

SMALL: dict[str, Any] = {"depth": [1, 2], "filters": [4, 8], "kernel": [3, 5], "fc_units": [8, 16, 32]}
SPACES: list[dict[str, Any]] = [
    SMALL,
    {**SMALL, "depth": [2]},
    {**SMALL, "fc_layers": [2]},
    {**SMALL, "kernel": [3], "fc_layers": [1]},
    {**SMALL, "depth": [2, 1], "fc_layers": [2, 1]},
]


def response(space: SearchSpace, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=space.size)


def columns_of(space: SearchSpace, genes: tuple[Gene, ...], rows: list[dict[str, Any]]) -> np.ndarray:
    """(networks, products): indicators of every combination of the genes' choices."""
    combinations = itertools.product(*(gene.choices for gene in genes))
    return (
        np.array(
            [
                [row.get(gene.name) == value for gene, value in zip(genes, values, strict=True)]
                for values in combinations
                for row in rows
            ]
        )
        .all(axis=1)
        .reshape(-1, len(rows))
        .T.astype(float)
    )


def explained(design: np.ndarray, values: np.ndarray) -> float:
    """The sum of squares that a least-squares fit explains."""
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float((fitted**2).sum())


def brute_force(space: SearchSpace, values: np.ndarray, depth: int, genes: tuple[Gene, ...]) -> float:
    """The share of variance of `genes` by least squares: what they explain beyond every smaller set of them."""
    networks = [(g, v) for g, v in zip(space, values, strict=True) if len(g.convs) == depth]
    squares = 0.0
    for count in map(int, space.fc_stage.count.choices):
        inside = [(space.active_genes(g), v) for g, v in networks if len(g.fcs) == count]
        rows, of_count = [row for row, _ in inside], np.array([v for _, v in inside])
        if all(gene.name in rows[0] for gene in genes):
            smaller = [
                columns_of(space, s, rows)
                for n in range(len(genes))
                for s in itertools.combinations(genes, n)
            ]
            less = np.column_stack(smaller)
            more = np.column_stack([less, columns_of(space, genes, rows)])
            squares += explained(more, of_count) - explained(less, of_count)
    everything = np.array([v for _, v in networks])
    return squares / float(((everything - everything.mean()) ** 2).sum())


@pytest.mark.parametrize("choices", SPACES)
def test_shares_agree_with_least_squares(choices: dict[str, Any]) -> None:
    space = space_of(**choices)
    values = response(space)
    analysed = depth_effects(space, values)
    assert [of_depth.depth for of_depth in analysed] == list(space.conv_stage.count.choices)
    for of_depth in analysed:
        for gene, share in of_depth.main.items():
            if gene.name != "fc.layers":
                assert share == pytest.approx(brute_force(space, values, of_depth.depth, (gene,)), abs=1e-9)
        for pair, share in of_depth.pairs.items():
            assert share == pytest.approx(brute_force(space, values, of_depth.depth, pair), abs=1e-9)


@pytest.mark.parametrize("choices", SPACES)
def test_effects_are_means_over_the_networks_of_the_space(choices: dict[str, Any]) -> None:
    space = space_of(**choices)
    values = response(space)
    rows = [space.active_genes(genome) for genome in space]
    for of_depth in depth_effects(space, values):
        for gene, effects in of_depth.effects.items():
            mine = [i for i, row in enumerate(rows) if row["depth"] == of_depth.depth and gene.name in row]
            for choice, found in zip(gene.choices, effects, strict=True):
                chosen = [i for i in mine if rows[i][gene.name] == choice]
                assert found == pytest.approx(values[chosen].mean() - values[mine].mean())


def test_all_orders_add_up_to_the_whole() -> None:
    genes = tuple(Gene(name, tuple(range(count))) for name, count in (("a", 2), ("b", 3), ("c", 2), ("d", 4)))
    block = Block(genes, np.random.default_rng(1).normal(size=(2, 3, 2, 4)))
    subsets = [s for n in range(1, 5) for s in itertools.combinations(genes, n)]
    shares = [float((effect(block, subset) ** 2).mean()) for subset in subsets]
    assert sum(shares) == pytest.approx(block.values.var())


def points_of(name: str, value: Any) -> float:
    """What a choice adds by itself: any number, the same in every process."""
    return float(sum(map(ord, f"{name}={value}")) % 17)


def test_an_additive_response_has_no_interactions() -> None:
    space = space_of(**SMALL)
    values = np.array(
        [sum(points_of(*item) for item in space.active_genes(genome).items()) for genome in space]
    )
    for of_depth in depth_effects(space, values):
        assert max(of_depth.pairs.values()) == pytest.approx(0, abs=1e-12)
        assert of_depth.higher == pytest.approx(0, abs=1e-12)
        assert sum(of_depth.main.values()) == pytest.approx(1)


def test_an_interaction_is_found_with_its_size_and_sign() -> None:
    space = space_of(**SMALL)
    genomes = list(space)
    values = np.array([float(g.convs[0].pool == "max" and g.convs[-1].kernel == 5) for g in genomes])
    (_, deep) = depth_effects(space, values)
    ((one, other), share) = max(deep.pairs.items(), key=lambda item: item[1])
    assert (one.name, other.name) == ("conv1.pool", "conv2.kernel")
    assert share == pytest.approx(1 / 3)  # a product of two coins: a third each, main, main and both
    assert deep.pair_effects[one, other] == pytest.approx(np.array([[-0.25, 0.25], [0.25, -0.25]]))


def test_the_share_of_depth() -> None:
    space = space_of(**SMALL)
    depths = np.array([len(genome.convs) for genome in space], dtype=float)
    assert share_of_depth(depth_effects(space, depths)) == pytest.approx(1)
    noise = response(space)
    overall = noise.mean()
    between = sum(
        (noise[depths == d].mean() - overall) ** 2 * (depths == d).mean() for d in np.unique(depths)
    )
    assert share_of_depth(depth_effects(space, noise)) == pytest.approx(between / noise.var())


def test_equal_networks_leave_nothing_to_explain() -> None:
    space = space_of(**SMALL)
    effects = depth_effects(space, np.full(space.size, 0.1))
    assert [total(of_depth) for of_depth in effects] == [0, 0]
    assert share_of_depth(effects) == 0


def total(of_depth: DepthEffects) -> float:
    return sum(of_depth.main.values()) + sum(of_depth.pairs.values()) + of_depth.higher
