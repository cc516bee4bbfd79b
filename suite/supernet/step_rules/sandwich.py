"""The largest subnet of a depth learns the labels and teaches the smallest, and two between them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.blocks import ConvLayer, DenseLayer
from suite.space import Genome, SearchSpace
from suite.supernet.weights import Supernet

_BETWEEN = 2


def sandwich(
    supernet: Supernet, pictures: Tensor, labels: Tensor, rng: random.Random, weights: Tensor | None = None
) -> Tensor:
    """Four subnets of one depth, drawn evenly; all but the largest learn what the largest answered.

    The sandwich rule: Yu and Huang 2019 (universally slimmable networks); the largest as the teacher within the step,
    without an ensemble or a second pass: Yu et al. 2020 (BigNAS). Largest and smallest are taken per depth: in
    the whole space the most parameters and the most multiply-accumulates are at opposite ends of depth.

    Class weights are the teacher's only: what it answers, they have weighed already.

    The loss is the mean of the four: Adam does not mind the scale, and a reader can compare it with other rules.
    """
    space = supernet.space
    depth = rng.choice(space.settings.depth)
    answer = supernet(pictures, _extreme(space, depth, max, rng))
    # Detached: the teacher is not to come down to its pupils. Its dropout is that of this one answer.
    targets = answer.detach().softmax(1)
    pupils = [
        _extreme(space, depth, min, rng),
        *(space.sample(rng, depth=depth) for _ in range(_BETWEEN)),
    ]
    losses = [F.cross_entropy(supernet(pictures, genome), targets) for genome in pupils]
    return torch.stack([F.cross_entropy(answer, labels, weights), *losses]).mean()


def _extreme(
    space: SearchSpace, depth: int, pick: Callable[[tuple[int, ...]], int], rng: random.Random
) -> Genome:
    """The largest (`pick` is max) or smallest subnet of a depth, by parameters and by multiply-accumulates.

    Poolings cost nothing and make no subnet larger, so they are drawn.
    """
    settings = space.settings
    conv = ConvLayer(pick(settings.filters), pick(settings.kernel), settings.pool[0])
    convs = tuple(replace(conv, pool=rng.choice(settings.pool)) for _ in range(depth))
    return Genome(convs, (DenseLayer(pick(settings.fc_units)),) * pick(settings.fc_layers))
