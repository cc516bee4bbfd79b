"""Many subnets a step, from shared activations: one conv path, an exit at every depth, all FC settings at each."""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.blocks import DenseLayer, ElasticClassifier, ElasticDense
from suite.supernet.weights import FcCounts, Supernet


def tree(
    supernet: Supernet, pictures: Tensor, labels: Tensor, rng: random.Random, weights: Tensor | None = None
) -> Tensor:
    """The mean cross-entropy of every subnet along one drawn conv path: 36 on CIFAR-10's space.

    They are the subnets whose convolutions are the first ones of the path, with all runs of FC layers. Every network
    has the same weight, and so has every depth, as each ends in the same FC settings. We found no other tool that
    trains subnets from exactly shared prefixes.

    Subnets share dropout's masks where they share activations; each alone sees what it would see by itself.
    """
    widest = DenseLayer(max(supernet.space.settings.fc_units))
    exits = _exits(supernet, pictures, rng)
    logits: list[Tensor] = []
    for counts in supernet.first_fc_sharing:
        hidden = [supernet.first_fc(depth, counts)(flat, widest) for depth, flat in exits.items()]
        logits += _logits(supernet, torch.cat(hidden), counts)
    answers = torch.cat(logits)
    return F.cross_entropy(answers, labels.repeat(len(answers) // len(labels)), weights)


def _exits(supernet: Supernet, pictures: Tensor, rng: random.Random) -> dict[int, Tensor]:
    """Depth -> (B, F), the flattened maps of a drawn path at every depth of the space."""
    depths = supernet.space.settings.depth
    path = supernet.space.sample(rng, depth=max(depths)).convs
    maps, exits = pictures, {}
    for depth, (conv, layer) in enumerate(zip(supernet.convs, path, strict=True), start=1):
        maps = conv(maps, layer)
        if depth in depths:
            exits[depth] = maps.flatten(1)
    return exits


def _logits(supernet: Supernet, hidden: Tensor, counts: FcCounts) -> Iterator[Tensor]:
    """Per FC count, (networks * B, classes), from (depths * B, units) behind a first FC layer at its full width."""
    widths = supernet.space.settings.fc_units
    for count in range(1, max(counts) + 1):
        if count in counts:
            classifier = supernet.classifiers[str(count)]
            assert isinstance(classifier, ElasticClassifier)
            yield classifier.of_each_width(hidden, widths).flatten(0, 1)
        if count < max(counts):
            fc = supernet.later_fcs[count - 1]
            assert isinstance(fc, ElasticDense)
            hidden = fc.of_each_width(hidden, widths).flatten(0, 1)
