"""Many subnets a step, from shared activations: one conv path, an exit at every depth, all FC settings at each."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.blocks import DenseLayer, ElasticClassifier, ElasticDense
from suite.supernet.weights import Supernet


def tree(supernet: Supernet, pictures: Tensor, labels: Tensor, rng: random.Random) -> Tensor:
    """The mean cross-entropy of every subnet along one drawn conv path: 36 on CIFAR-10's space.

    They are the subnets whose convolutions are the first ones of the path, with all runs of FC layers. Every network
    has the same weight, and so has every depth, as each ends in the same FC settings. We found no other tool that
    trains subnets from exactly shared prefixes.

    Subnets share dropout's masks where they share activations; each alone sees what it would see by itself.
    """
    settings = supernet.space.settings
    features = _exits(supernet, pictures, rng)
    logits = []
    for count in range(1, max(settings.fc_layers) + 1):
        if count in settings.fc_layers:
            classifier = supernet.classifiers[str(count)]
            assert isinstance(classifier, ElasticClassifier)
            logits.append(classifier.of_each_width(features, settings.fc_units).flatten(0, 1))
        if count < max(settings.fc_layers):
            fc = supernet.later_fcs[count - 1]
            assert isinstance(fc, ElasticDense)
            features = fc.of_each_width(features, settings.fc_units).flatten(0, 1)
    answers = torch.cat(logits)
    return F.cross_entropy(answers, labels.repeat(len(answers) // len(labels)))


def _exits(supernet: Supernet, pictures: Tensor, rng: random.Random) -> Tensor:
    """(depths * B, units): behind the first FC layer at its full width, exit after exit along a drawn path."""
    settings = supernet.space.settings
    path = supernet.space.sample(rng, depth=max(settings.depth)).convs
    widest = DenseLayer(max(settings.fc_units))
    maps, exits = pictures, []
    for depth, (conv, layer) in enumerate(zip(supernet.convs, path, strict=True), start=1):
        maps = conv(maps, layer)
        if depth in settings.depth:
            exits.append(supernet.first_fcs[str(depth)](maps.flatten(1), widest))
    return torch.cat(exits)
