"""Fully connected layer, ReLU, dropout; and the linear classifier that ends every network."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
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


class DenseStep:
    """A fully connected position's step in a walk of many subnets: every input width by partial sums."""

    def __init__(self, elastic: ElasticDense, dtype: torch.dtype) -> None:
        self._elastic = elastic
        self._dtype = dtype
        self._slices: dict[tuple[int, int, int], Tensor] = {}

    def activations(
        self, features: Tensor, widths: Sequence[int], units: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Each input width, ascending, with its activations (R, units); narrower layers are their first columns.

        `features` is (R, F), of which a width is the first columns.
        """
        total: Tensor | None = None
        start = 0
        for width in widths:
            part = features[:, start:width]
            weight = self._slice(start, width, units)
            if total is None:
                total = torch.addmm(self._elastic.bias[:units].to(self._dtype), part, weight)
            else:
                total.addmm_(part, weight)
            start = width
            yield width, F.relu_(total) if width == widths[-1] else F.relu(total)

    def _slice(self, start: int, stop: int, units: int) -> Tensor:
        """A block of the weight, made once: (stop - start, units)."""
        key = (start, stop, units)
        if key not in self._slices:
            self._slices[key] = self._elastic.weight[:units, start:stop].to(self._dtype).contiguous().t()
        return self._slices[key]


class ClassifierStep:
    """The classifier's step in a walk of many subnets: all input widths in one product."""

    def __init__(self, elastic: ElasticClassifier, dtype: torch.dtype) -> None:
        self._elastic = elastic
        self._dtype = dtype
        self._slices: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}

    def logits(self, features: Tensor, widths: Sequence[int]) -> Tensor:
        """(R, F) -> (widths, classes, R), float32: for each width, of the first columns alone.

        Transposed, since the reductions that follow go over the classes and are ten times faster over rows.
        """
        widest = widths[-1]
        weight, bias = self._blocks(tuple(widths))
        products = torch.addmm(bias, weight, features[:, :widest].t())
        return products.view(len(widths), -1, len(features)).float()

    def _blocks(self, widths: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """The weight of each width under the other, zero beyond it, (widths * classes, widest); and the bias."""
        if widths not in self._slices:
            classes = len(self._elastic.bias)
            weight = torch.zeros(len(widths), classes, widths[-1], device=self._elastic.weight.device)
            for i, width in enumerate(widths):
                weight[i, :, :width] = self._elastic.weight[:, :width]
            bias = self._elastic.bias.repeat(len(widths))[:, None]
            self._slices[widths] = (weight.flatten(0, 1).to(self._dtype), bias.to(self._dtype))
        return self._slices[widths]
