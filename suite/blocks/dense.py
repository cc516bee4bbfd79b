"""Fully connected layer, ReLU, dropout; and the linear classifier that ends every network."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.blocks.layer import Norm, Shape, draw_weights


@dataclass(frozen=True, order=True, slots=True)
class DenseLayer:
    """A fully connected layer with its genes set."""

    units: int

    genes: ClassVar[tuple[str, ...]] = ("units",)

    @property
    def text(self) -> str:
        """Such as `fc128`."""
        return f"fc{self.units}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `text` back."""
        match = re.fullmatch(r"fc([1-9]\d{0,5})", text, re.ASCII)
        return cls(int(match[1])) if match else None

    def output_shape(self, shape: Shape) -> Shape:
        """(F,) or (C, H, W) -> (units,)."""
        return (self.units,)

    def parameters(self, shape: Shape, norm: Norm) -> int:
        """Weights and biases."""
        return self.units * (math.prod(shape) + 1)

    def macs(self, shape: Shape) -> int:
        """Of the matrix product."""
        return self.units * math.prod(shape)

    def module(self, shape: Shape, dropout: float) -> DenseBlock:
        """A module of this layer with weights of its own, not yet drawn."""
        return DenseBlock(math.prod(shape), self, dropout)


class Dropout(nn.Module):
    """Dropout that draws from a generator handed down, where nn.Dropout draws from global state."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, F); the identity outside training.

        Raises:
            RuntimeError: training without a generator (assign one, as suite.training does).
        """
        if not self.training or self.rate == 0:
            return features
        if self.generator is None:
            raise RuntimeError("Dropout was asked to train without a generator")
        keep = torch.empty_like(features).bernoulli_(1 - self.rate, generator=self.generator)
        return features * keep.div_(1 - self.rate)


class DenseBlock(nn.Module):
    """A DenseLayer as an ordinary module: (B, F) -> (B, units)."""

    def __init__(self, features: int, layer: DenseLayer, dropout: float) -> None:
        super().__init__()
        self.linear = undrawn_linear(features, layer.units)
        self.dropout = Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, units)."""
        result: Tensor = self.dropout(F.relu(self.linear(features)))
        return result

    def draw(self, generator: torch.Generator) -> None:
        """Draw first weights."""
        draw_weights(self.linear.weight, self.linear.bias, generator)


def undrawn_linear(features: int, units: int) -> nn.Linear:
    """A linear layer, (B, features) -> (B, units), whose weights are not yet drawn."""
    linear: nn.Linear = nn.utils.skip_init(nn.Linear, features, units)  # type: ignore[no-untyped-call]
    return linear


class ElasticDense(nn.Module):
    """The shared weights of one fully connected position: input and output widths are slices."""

    def __init__(self, features: int, units: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(units, features))
        self.bias = nn.Parameter(torch.empty(units))
        self.dropout = Dropout(dropout)

    def draw(self, generator: torch.Generator) -> None:
        """Draw first weights."""
        draw_weights(self.weight, self.bias, generator)

    def forward(self, features: Tensor, layer: DenseLayer) -> Tensor:
        """The layer's slice, applied: (B, F) -> (B, layer.units)."""
        weight, bias = self.slices(layer, features.shape[1])
        result: Tensor = self.dropout(F.relu(F.linear(features, weight, bias)))
        return result

    def slices(self, layer: DenseLayer, features: int) -> tuple[Tensor, Tensor]:
        """Views of weight (units, features) and bias (units,)."""
        return self.weight[: layer.units, :features], self.bias[: layer.units]

    def copy_into(self, block: DenseBlock, layer: DenseLayer) -> None:
        """Copy the layer's slice into a standalone block."""
        weight, bias = self.slices(layer, block.linear.in_features)
        with torch.no_grad():
            block.linear.weight.copy_(weight)
            block.linear.bias.copy_(bias)


class ElasticClassifier(nn.Module):
    """The shared weights of the classifier behind one count of FC layers: its input width is a slice."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, features))
        self.bias = nn.Parameter(torch.empty(classes))

    def draw(self, generator: torch.Generator) -> None:
        """Draw first weights."""
        draw_weights(self.weight, self.bias, generator)

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, classes)."""
        return F.linear(features, self.weight[:, : features.shape[1]], self.bias)

    def copy_into(self, linear: nn.Linear) -> None:
        """Copy the slice of the standalone classifier's width."""
        with torch.no_grad():
            linear.weight.copy_(self.weight[:, : linear.in_features])
            linear.bias.copy_(self.bias)
