"""What every kind of layer can say of itself, and how weights of any kind are first drawn."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Protocol, Self

import torch
from torch import Tensor, nn

Shape = tuple[int, ...]
"""Of one picture inside a network: (C, H, W) for maps, (F,) for features."""

Norm = Literal["none", "batch"]


class Layer(Protocol):
    """One layer with all its genes set: an immutable, hashable value."""

    genes: ClassVar[tuple[str, ...]]
    """Names of its attributes that are genes, in chromosome order."""

    @property
    def text(self) -> str:
        """Short form, such as `32k3max`; `parse` reads it back."""
        ...

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The layer a text stands for, or None if it is no text of this kind."""
        ...

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of its output, for an input of `shape`."""
        ...

    def parameters(self, shape: Shape, norm: Norm) -> int:
        """Number of trainable parameters, for an input of `shape`."""
        ...

    def macs(self, shape: Shape) -> int:
        """Multiply-accumulates of convolutions and matrix products for one picture (bias, pooling: none)."""
        ...


def draw_weights(weight: Tensor, bias: Tensor | None, generator: torch.Generator) -> None:
    """Fill with U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's own default, from a generator handed down."""
    bound = 1 / math.sqrt(math.prod(weight.shape[1:]))
    nn.init.uniform_(weight, -bound, bound, generator=generator)
    if bias is not None:
        nn.init.uniform_(bias, -bound, bound, generator=generator)
