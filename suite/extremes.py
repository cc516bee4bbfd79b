"""The largest and the smallest network of a space, exactly and at once: layer by layer, not network by network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from suite.blocks import Layer, Shape
from suite.space import Genome, SearchSpace, Stage

Size = Literal["params", "macs"]

_Best = dict[Shape, tuple[int, Genome]]
"""By the shape that layers so far end in: their least price, and who has it."""


def largest(space: SearchSpace, size: Size) -> Genome:
    """The network with the most parameters or MACs; of several, the first with max pooling throughout."""
    return _cheapest(space, size, sign=-1)


def smallest(space: SearchSpace, size: Size) -> Genome:
    """The network with the fewest parameters or MACs; of several, the first with max pooling throughout."""
    return _cheapest(space, size, sign=1)


def _cheapest(space: SearchSpace, size: Size, sign: int) -> Genome:
    """By dynamic programming: what a layer adds depends on nothing before it but the shape it is given."""

    def price(layer: Layer, shape: Shape) -> int:
        return sign * (layer.parameters(shape, space.norm) if size == "params" else layer.macs(shape))

    def whole(genome: Genome) -> tuple[int, Genome]:
        return sign * (space.parameters(genome) if size == "params" else space.macs(genome)), genome

    best: _Best = {space.shape: (0, Genome((), ()))}
    best = _through(space.conv_stage, best, price, lambda g, conv: replace(g, convs=(*g.convs, conv)))
    best = _through(space.fc_stage, best, price, lambda g, fc: replace(g, fcs=(*g.fcs, fc)))
    return _pooled_by_max(min((genome for _, genome in best.values()), key=whole), space)


def _pooled_by_max(genome: Genome, space: SearchSpace) -> Genome:
    """Pooling costs nothing that is counted here, so it is that of the base CNN, where the space has it."""
    if "max" not in space.settings.pool:
        return genome
    return replace(genome, convs=tuple(replace(conv, pool="max") for conv in genome.convs))


def _through(
    stage: Stage,
    best: _Best,
    price: Callable[[Layer, Shape], int],
    extended: Callable[[Genome, Any], Genome],
) -> _Best:
    """The best of each shape behind the stage, given those before it."""
    behind: _Best = {}
    for count in range(1, stage.longest + 1):
        longer: _Best = {}
        for shape, (paid, genome) in best.items():
            for layer in stage.layers():
                candidate = (paid + price(layer, shape), extended(genome, layer))
                _keep(longer, layer.output_shape(shape), candidate)
        best = longer
        if count in stage.count.choices:
            for shape, candidate in best.items():
                _keep(behind, shape, candidate)
    return behind


def _keep(best: _Best, shape: Shape, candidate: tuple[int, Genome]) -> None:
    best[shape] = min(best.get(shape, candidate), candidate)
