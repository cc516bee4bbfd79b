"""Multi-layer perceptrons, which see a picture as a row of numbers: the simplest of what a search must beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from suite.blocks import DenseBlock, DenseLayer, Shape, undrawn_linear
from suite.blocks.layer import draw_weights


@dataclass(frozen=True)
class Mlp:
    """Fully connected layers on flattened pictures, each with a dropout of its own; then the linear classifier."""

    units: tuple[int, ...]
    dropout: tuple[float, ...]  # after each layer

    @property
    def text(self) -> str:
        """Such as `fc128-fc64-fc32, dropout 0.2 0.2 0`."""
        layers = "-".join(layer.text for layer in self.layers)
        return f"{layers}, dropout {' '.join(f'{rate:g}' for rate in self.dropout)}"

    @property
    def layers(self) -> tuple[DenseLayer, ...]:
        """From the picture on; the classifier is not among them."""
        return tuple(map(DenseLayer, self.units))

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters, for pictures of `shape`."""
        layers = (*self.layers, DenseLayer(classes))
        return sum(layer.parameters(of, "none") for layer, of in zip(layers, self.shapes(shape), strict=True))

    def macs(self, shape: Shape, classes: int) -> int:
        """Multiply-accumulates of one forward pass of one picture of `shape`."""
        layers = (*self.layers, DenseLayer(classes))
        return sum(layer.macs(of) for layer, of in zip(layers, self.shapes(shape), strict=True))

    def shapes(self, shape: Shape) -> list[Shape]:
        """Shape before the first layer and after each."""
        return [(math.prod(shape),), *((units,) for units in self.units)]


class StandaloneMLP(nn.Module):
    """An Mlp with weights of its own, not drawn until `draw` is called: (B, C, H, W) -> (B, classes) logits."""

    def __init__(self, mlp: Mlp, shape: Shape, classes: int) -> None:
        super().__init__()
        inputs = [of[0] for of in mlp.shapes(shape)]
        self.fcs = nn.Sequential(
            *(
                DenseBlock(features, layer, rate)
                for features, layer, rate in zip(inputs, mlp.layers, mlp.dropout, strict=False)
            )
        )
        self.classifier = undrawn_linear(inputs[-1], classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, classes)."""
        logits: Tensor = self.classifier(self.fcs(pictures.flatten(1)))
        return logits

    def draw(self, generator: torch.Generator) -> StandaloneMLP:
        """Draw first weights, layer by layer, and return the network."""
        for block in self.fcs:
            if isinstance(block, DenseBlock):
                block.draw(generator)
        draw_weights(self.classifier.weight, self.classifier.bias, generator)
        return self
