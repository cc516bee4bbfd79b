"""A genome as an ordinary nn.Module with weights of its own."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from suite.blocks import ConvBlock, DenseBlock, undrawn_linear
from suite.blocks.layer import draw_weights
from suite.space import Genome, SearchSpace

Network = TypeVar("Network", bound=nn.Module)


class StandaloneCNN(nn.Module):
    """The network of one genome: (B, C, H, W) normalised pictures -> (B, classes) logits.

    Its weights are not drawn until `draw` is called or weights are copied or loaded into it.
    """

    def __init__(self, space: SearchSpace, genome: Genome) -> None:
        super().__init__()
        shapes = space.shapes(genome)
        self.genome = genome
        self.convs = nn.Sequential(
            *(layer.module(shape, space.norm) for layer, shape in zip(genome.convs, shapes, strict=False))
        )
        self.fcs = nn.Sequential(
            *(
                layer.module(shape, space.settings.dropout)
                for layer, shape in zip(genome.fcs, shapes[len(genome.convs) :], strict=False)
            )
        )
        self.classifier = undrawn_linear(shapes[-1][0], space.classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, classes)."""
        logits: Tensor = self.classifier(self.fcs(self.convs(pictures).flatten(1)))
        return logits

    def draw(self, generator: torch.Generator) -> StandaloneCNN:
        """Draw first weights, layer by layer, and return the network."""
        for block in (*self.convs, *self.fcs):
            if isinstance(block, (ConvBlock, DenseBlock)):
                block.draw(generator)
        draw_weights(self.classifier.weight, self.classifier.bias, generator)
        return self


def for_inference(network: Network) -> Network:
    """A copy in evaluation mode, batch norm folded into the convolutions: what is timed and deployed."""
    folded = copy.deepcopy(network).eval()
    for block in folded.modules():
        if isinstance(block, ConvBlock) and isinstance(block.norm, nn.BatchNorm2d):
            block.conv = nn.utils.fuse_conv_bn_eval(block.conv, block.norm)
            block.norm = nn.Identity()
    return folded
