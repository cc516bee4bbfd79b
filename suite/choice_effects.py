"""Which choices matter: an exact analysis of variance of the whole space, nothing sampled and nothing fitted.

Depth makes genes active, so the space as a whole is no factorial design. But all networks of one depth and one number
of FC layers are every combination of their genes once: a balanced full factorial, whose main effects and
interactions are orthogonal, so that their sums of squares add up to the whole (Fisher 1925). The numbers of FC layers
are blocks: between them lies the effect of `fc.layers`, and the sums of squares within them are added up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from suite.space import Gene, SearchSpace

Values = NDArray[np.float64]
Pair = tuple[Gene, Gene]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Block:
    """A balanced full factorial: the networks of one depth and one number of FC layers."""

    genes: tuple[Gene, ...]  # those with more than one choice
    values: Values  # one axis per gene


@dataclass(frozen=True)
class DepthEffects:
    """Shares of the variance between the networks of one depth; main, pairs and higher add up to 1."""

    depth: int
    networks: int
    mean: float
    variance: float
    main: dict[Gene, float]
    pairs: dict[Pair, float]
    higher: float  # interactions of three genes and more
    effects: dict[Gene, Values]  # (choices,): mean with the choice, less that of all networks with the gene
    pair_effects: dict[Pair, Values]  # (choices, choices): what two choices do beyond what each does alone


def depth_effects(space: SearchSpace, values: Values) -> list[DepthEffects]:
    """Effects on `values` (networks,), one for each network in the order of the space, depth by depth."""
    found, start = [], 0
    for depth in map(int, space.conv_stage.count.choices):
        blocks, start = _blocks(space, values, depth, start)
        found.append(_analysed(space, depth, blocks))
    return found


def share_of_depth(effects: Sequence[DepthEffects]) -> float:
    """The share of the variance between all networks that lies between the depths."""
    networks = np.array([of_depth.networks for of_depth in effects])
    means = np.array([of_depth.mean for of_depth in effects])
    between = float(np.average((means - np.average(means, weights=networks)) ** 2, weights=networks))
    within = float(np.average([of_depth.variance for of_depth in effects], weights=networks))
    return between / (between + within) if between + within else 0.0


def _blocks(space: SearchSpace, values: Values, depth: int, start: int) -> tuple[list[Block], int]:
    """The factorials of one depth, whose values begin at `start`; and where those of the next begin.

    The space walks convolutions in its outer loop and FC layers in its inner one, the last gene fastest.
    """
    stages = (space.conv_stage, space.fc_stage)
    per_layer = [math.prod(map(len, stage.choices)) for stage in stages]
    counts = list(map(int, space.fc_stage.count.choices))
    widths = [per_layer[1] ** count for count in counts]
    stop = start + per_layer[0] ** depth * sum(widths)
    columns = np.split(values[start:stop].reshape(-1, sum(widths)), np.cumsum(widths)[:-1], axis=1)
    blocks = []
    for count, part in zip(counts, columns, strict=True):
        genes = tuple(_genes(space, depth, count))
        blocks.append(Block(genes, part.reshape([len(gene.choices) for gene in genes])))
    return blocks, stop


def _genes(space: SearchSpace, depth: int, fc_layers: int) -> Iterator[Gene]:
    """The active genes of such networks that leave a choice, in the order of the space."""
    for stage, layers in ((space.conv_stage, depth), (space.fc_stage, fc_layers)):
        active = {f"{stage.name}{position}" for position in range(1, layers + 1)}
        for gene in stage.genes():
            if gene.name.partition(".")[0] in active and len(gene.choices) > 1:
                yield gene


def _analysed(space: SearchSpace, depth: int, blocks: Sequence[Block]) -> DepthEffects:
    everything = np.concatenate([block.values.ravel() for block in blocks])
    mean, variance = float(everything.mean()), float(everything.var())
    whole = (
        variance * everything.size if np.ptp(everything) else math.inf
    )  # of nothing, everybody's share is 0
    main: dict[Gene, float] = {}
    effects: dict[Gene, Values] = {}
    for gene in _distinct(gene for block in blocks for gene in block.genes):
        effects[gene], squares = _pooled(blocks, (gene,))
        main[gene] = squares / whole
    if len(blocks) > 1:
        count = space.fc_stage.count
        effects[count] = np.array([block.values.mean() for block in blocks]) - mean
        main[count] = float(effects[count] ** 2 @ np.array([block.values.size for block in blocks])) / whole
    pairs: dict[Pair, float] = {}
    pair_effects: dict[Pair, Values] = {}
    for pair in _distinct(pair for block in blocks for pair in itertools.combinations(block.genes, 2)):
        pair_effects[pair], squares = _pooled(blocks, pair)
        pairs[pair] = squares / whole
    higher = max(0.0, 1 - sum(main.values()) - sum(pairs.values())) if math.isfinite(whole) else 0.0
    return DepthEffects(depth, everything.size, mean, variance, main, pairs, higher, effects, pair_effects)


def _pooled(blocks: Sequence[Block], genes: tuple[Gene, ...]) -> tuple[Values, float]:
    """The mean effect of genes over the networks that have them, and its sum of squares block by block."""
    having = [block for block in blocks if set(genes) <= set(block.genes)]
    effects = [effect(block, genes) for block in having]
    sizes = [block.values.size for block in having]
    squares = sum(size * float((values**2).mean()) for size, values in zip(sizes, effects, strict=True))
    return np.average(effects, axis=0, weights=sizes), squares


def effect(block: Block, genes: tuple[Gene, ...]) -> Values:
    """What genes do together beyond what fewer of them do: one axis per gene, each with mean zero.

    Means over all other genes, then centred along each axis, which takes every lower effect off.
    """
    others = tuple(axis for axis, gene in enumerate(block.genes) if gene not in genes)
    cells: Values = block.values.mean(axis=others)
    for axis in range(len(genes)):
        cells = cells - cells.mean(axis=axis, keepdims=True)
    return cells


def _distinct(items: Iterator[Item]) -> list[Item]:
    return list(dict.fromkeys(items))
