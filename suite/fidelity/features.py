"""A network as a few numbers that cost nothing: what a ranking without any supernet can go by."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from suite.space import Genome, SearchSpace

FEATURES = (
    "depth",
    "fc layers",
    "log parameters",
    "log MACs",
    "mean log filters",
    "log first filters",
    "log last filters",
    "share of larger kernels",
    "share of max pooling",
    "log first FC units",
    "log last FC units",
)


def features(space: SearchSpace, genomes: Sequence[Genome]) -> NDArray[np.float64]:
    """(N, F) of each genome, in the order of FEATURES; logarithms are to base 2."""
    return np.array([_of(space, genome) for genome in genomes]).reshape(-1, len(FEATURES))


def _of(space: SearchSpace, genome: Genome) -> list[float]:
    filters = [math.log2(conv.filters) for conv in genome.convs]
    smallest = min(space.settings.kernel)
    return [
        len(genome.convs),
        len(genome.fcs),
        math.log2(space.parameters(genome)),
        math.log2(space.macs(genome)),
        sum(filters) / len(filters),
        filters[0],
        filters[-1],
        sum(conv.kernel > smallest for conv in genome.convs) / len(filters),
        sum(conv.pool == "max" for conv in genome.convs) / len(filters),
        math.log2(genome.fcs[0].units),
        math.log2(genome.fcs[-1].units),
    ]
