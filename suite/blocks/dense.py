"""Fully connected layer, ReLU, dropout; and the linear classifier that ends every network."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.blocks.layer import Norm, Shape, draw_weights

LOG2_E = math.log2(math.e)
_ENOUGH_COLUMNS = 512  # for fewer, a copy of the weight's rows costs more than it saves
_WORTH_SKIPPING = 0.95  # share of rows left at which the copies are paid for


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

    def of_each_width(self, features: Tensor, widths: Sequence[int]) -> Tensor:
        """All units on the first features alone, for each of the input widths: (R, F) -> (widths, R, units)."""
        result: Tensor = self.dropout(F.relu(_partial_sums(features, self.weight, self.bias, widths)))
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

    def of_each_width(self, features: Tensor, widths: Sequence[int]) -> Tensor:
        """On the first features alone, for each of the input widths: (R, F) -> (widths, R, classes)."""
        return _partial_sums(features, self.weight, self.bias, widths)

    def copy_into(self, linear: nn.Linear) -> None:
        """Copy the slice of the standalone classifier's width."""
        with torch.no_grad():
            linear.weight.copy_(self.weight[:, : linear.in_features])
            linear.bias.copy_(self.bias)


def _partial_sums(features: Tensor, weight: Tensor, bias: Tensor, widths: Sequence[int]) -> Tensor:
    """(R, F), (units, F), (units,) -> (widths, R, units): what the first features give, for each width, ascending.

    A pre-activation is linear in its inputs, so a wider input adds to what the narrower one gave. The last width is
    that of the features. With gradients, where `DenseStep` has none.
    """
    steps = [stop - start for start, stop in pairwise((0, *widths))]
    total, totals = bias, []
    for part, columns in zip(torch.split(features, steps, 1), torch.split(weight, steps, 1), strict=True):
        total = torch.addmm(total, part, columns.t())
        totals.append(total)
    return torch.stack(totals)


class DenseStep:
    """A fully connected position's step in a walk of many subnets: every input width by partial sums.

    Features come first, (F, R): a narrower layer is then the first rows. Features come from a ReLU, and subnets that
    share weights share what it cuts off: a row that is 0 in all columns adds nothing, and is left out of the product.
    """

    def __init__(self, elastic: ElasticDense, dtype: torch.dtype) -> None:
        self._weight = elastic.weight.detach().to(dtype).t().contiguous()  # (F, units), to pick rows from
        self._bias = elastic.bias.detach().to(dtype)[:, None]
        # On CUDA, asking which rows count would halt the stream; NaN and infinity times 0 are not 0.
        self._skips = not self._weight.is_cuda and bool(self._weight.isfinite().all())

    def activations(
        self, features: Tensor, widths: Sequence[int], slots: Sequence[int], units: Sequence[int]
    ) -> Tensor:
        """(F, R) -> (units, slots, R): for each input width, ascending, its activations, in the slot it is given.

        A width is the first rows of `features`. `units`, descending, are how many are needed of each width and those
        above it; rows beyond stay undefined.
        """
        hidden = features.new_empty(units[0], len(widths), features.shape[1])
        weight, features, stops = self._without_idle_rows(features, widths)
        total = hidden[:, slots[-1]]  # of pre-activations; in the end the last width's own
        start = 0
        for stop, slot, rows in zip(stops, slots, units, strict=True):
            total = total[:rows]
            before = total if start else self._bias[:rows]
            torch.addmm(before, weight[start:stop, :rows].t(), features[start:stop], out=total)
            torch.clamp_min(total, 0, out=hidden[:rows, slot])
            start = stop
        return hidden

    def _without_idle_rows(
        self, features: Tensor, widths: Sequence[int]
    ) -> tuple[Tensor, Tensor, Sequence[int]]:
        """Rows of the weight and of the features that are not 0 throughout, and how many of them each width has."""
        if self._skips and features.shape[1] >= _ENOUGH_COLUMNS:
            rows = (features[: widths[-1]].amax(1) != 0).numpy().nonzero()[0]  # NaN counts
            if len(rows) < _WORTH_SKIPPING * widths[-1]:
                index = torch.from_numpy(rows)
                weight, features = self._weight.index_select(0, index), features.index_select(0, index)
                return weight, features, np.searchsorted(rows, widths).tolist()
        return self._weight, features, widths


class ClassifierStep:
    """The classifier's step in a walk of many subnets: every input width by partial sums.

    Logits are to base 2, that is, times log2(e): 2 to the power of x is quicker than e to the power of x.
    """

    def __init__(self, elastic: ElasticClassifier, dtype: torch.dtype) -> None:
        self._weight = (elastic.weight.detach() * LOG2_E).to(dtype)
        self._bias = (elastic.bias.detach() * LOG2_E).to(dtype)[:, None]

    def logits(self, features: Tensor, widths: Sequence[int]) -> Tensor:
        """(F, R) -> (widths, classes, R), float32: for each input width, ascending, of the first rows alone.

        Classes come before rows, since the reductions over classes that follow are ten times faster so.
        """
        logits = features.new_empty(len(widths), len(self._bias), features.shape[1])
        before, start = self._bias, 0
        for number, width in enumerate(widths):
            weight, part = self._weight[:, start:width], features[start:width]
            before = torch.addmm(before, weight, part, out=logits[number])
            start = width
        return logits.float()
