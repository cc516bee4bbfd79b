"""Convolution ("same" padding), optional batch norm, ReLU, then 2x2 pooling of stride 2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.blocks.layer import Norm, Shape, draw_weights


@dataclass(frozen=True, order=True, slots=True)
class ConvLayer:
    """A convolution layer with its genes set."""

    filters: int
    kernel: int
    pool: str

    genes: ClassVar[tuple[str, ...]] = ("filters", "kernel", "pool")

    @property
    def text(self) -> str:
        """Such as `32k3max`."""
        return f"{self.filters}k{self.kernel}{self.pool}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `text` back."""
        match = re.fullmatch(r"([1-9]\d{0,5})k([1-9]\d{0,2})(max|avg)", text, re.ASCII)
        return cls(int(match[1]), int(match[2]), match[3]) if match else None

    def output_shape(self, shape: Shape) -> Shape:
        """(C, H, W) -> (filters, H // 2, W // 2)."""
        _, height, width = shape
        return (self.filters, height // 2, width // 2)

    def parameters(self, shape: Shape, norm: Norm) -> int:
        """Weights and biases; batch norm's scale and shift take the place of the bias."""
        per_filter = 1 if norm == "none" else 2
        return self.filters * (shape[0] * self.kernel**2 + per_filter)

    def macs(self, shape: Shape) -> int:
        """Of the convolution, at full resolution, before pooling."""
        channels, height, width = shape
        return self.filters * channels * self.kernel**2 * height * width

    def module(self, shape: Shape, norm: Norm) -> ConvBlock:
        """A module of this layer with weights of its own, not yet drawn."""
        return ConvBlock(shape[0], self, norm)


class ConvBlock(nn.Module):
    """A ConvLayer as an ordinary module: (B, C, H, W) -> (B, filters, H // 2, W // 2)."""

    def __init__(self, channels: int, layer: ConvLayer, norm: Norm) -> None:
        super().__init__()
        self.conv: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Conv2d,
            channels,
            layer.filters,
            layer.kernel,
            padding=layer.kernel // 2,
            bias=norm == "none",
        )
        self.norm: nn.Module = nn.BatchNorm2d(layer.filters) if norm == "batch" else nn.Identity()
        self.pool = nn.MaxPool2d(2) if layer.pool == "max" else nn.AvgPool2d(2)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, filters, H // 2, W // 2)."""
        result: Tensor = self.pool(F.relu(self.norm(self.conv(maps))))
        return result

    def draw(self, generator: torch.Generator) -> None:
        """Draw first weights."""
        draw_weights(self.conv.weight, self.conv.bias, generator)


class ElasticConv(nn.Module):
    """The shared weights of one convolution position: a weight per kernel size; widths are slices of it."""

    def __init__(self, channels: int, filters: int, kernels: tuple[int, ...], norm: Norm) -> None:
        super().__init__()
        self.weights = nn.ParameterDict(
            {str(k): torch.empty(filters, channels, k, k) for k in kernels}  # (filters, channels, k, k)
        )
        self.biases = nn.ParameterDict({str(k): torch.zeros(filters) for k in kernels})
        self.scales = nn.ParameterDict(
            {str(k): torch.ones(filters) for k in kernels} if norm == "batch" else {}
        )
        self.norm: Norm = norm

    def draw(self, generator: torch.Generator) -> None:
        """Draw first weights; under batch norm the bias is its shift and stays 0."""
        for kernel, weight in self.weights.items():
            draw_weights(weight, self.biases[kernel] if self.norm == "none" else None, generator)

    def forward(self, maps: Tensor, layer: ConvLayer) -> Tensor:
        """The layer's slice, applied: (B, C, H, W) -> (B, layer.filters, H // 2, W // 2).

        Batch norm takes its statistics from the batch: a shared running average would belong to no subnet.
        """
        weight, bias, scale = self.slices(layer, maps.shape[1])
        weight = weight.contiguous(memory_format=torch.channels_last)
        padding = layer.kernel // 2
        if scale is None:
            maps = F.conv2d(maps, weight, bias, padding=padding)
        else:
            maps = F.batch_norm(
                F.conv2d(maps, weight, padding=padding), None, None, scale, bias, training=True
            )
        return pooled(F.relu(maps), layer.pool)

    def slices(self, layer: ConvLayer, channels: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Views of weight (filters, channels, k, k), bias (filters,) and batch norm's scale (filters,)."""
        kernel, filters = str(layer.kernel), layer.filters
        scale = self.scales[kernel][:filters] if self.norm == "batch" else None
        return self.weights[kernel][:filters, :channels], self.biases[kernel][:filters], scale

    def copy_into(self, block: ConvBlock, layer: ConvLayer) -> None:
        """Copy the layer's slice into a standalone block."""
        weight, bias, scale = self.slices(layer, block.conv.in_channels)
        with torch.no_grad():
            block.conv.weight.copy_(weight)
            if isinstance(block.norm, nn.BatchNorm2d) and scale is not None:
                block.norm.weight.copy_(scale)
                block.norm.bias.copy_(bias)
            elif block.conv.bias is not None:
                block.conv.bias.copy_(bias)


class ConvStep:
    """A convolution position's step in a walk of many subnets: every input width by partial sums."""

    def __init__(self, elastic: ElasticConv, dtype: torch.dtype) -> None:
        self._elastic = elastic
        self._dtype = dtype
        self._slices: dict[tuple[int, int, int, int], Tensor] = {}

    def sums(
        self, maps: Tensor, kernel: int, widths: Sequence[int], filters: Sequence[int]
    ) -> Iterator[tuple[int, Tensor]]:
        """Each input width, ascending, with its pre-activation (R, filters, H, W).

        `maps` is (R, C, H, W); a width of 0 stands for all C channels. `filters`, descending, are how many are needed
        of each width and those above it. The bias is in it, but for batch norm, whose shift comes after its
        statistics.
        """
        total: Tensor | None = None
        start = 0
        for width, needed in zip(widths, filters, strict=True):
            stop = width or maps.shape[1]
            bias = self._elastic.biases[kernel_name(kernel)][:needed].to(self._dtype)
            first = total is None and self._elastic.norm == "none"
            part = F.conv2d(
                maps[:, start:stop],
                self._slice(kernel, start, stop, needed),
                bias if first else None,
                padding=kernel // 2,
            )
            total = part if total is None else part.add_(total[:, :needed])
            start = stop
            yield width, total

    def scale_and_shift(self, kernel: int, filters: int) -> tuple[Tensor, Tensor]:
        """Batch norm's own (filters,) parameters."""
        name = kernel_name(kernel)
        return self._elastic.scales[name][:filters], self._elastic.biases[name][:filters]

    def _slice(self, kernel: int, start: int, stop: int, filters: int) -> Tensor:
        """A block of the weight, made once: (filters, stop - start, k, k), channels last."""
        key = (kernel, start, stop, filters)
        if key not in self._slices:
            weight = self._elastic.weights[kernel_name(kernel)][:filters, start:stop]
            self._slices[key] = weight.to(self._dtype).contiguous(memory_format=torch.channels_last)
        return self._slices[key]


def activated(before: Tensor, pools: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """Each pooling with its maps: (R, C, H, W) pre-activations, kept -> (R, C, H // 2, W // 2).

    The largest of four is rectified after it was found, which is a quarter of the work and the same number.
    """
    for pool in pools:
        yield pool, F.relu_(_largest_of_four(before)) if pool == "max" else pooled(F.relu(before), pool)


def _largest_of_four(maps: Tensor) -> Tensor:
    """F.max_pool2d(maps, 2), twice as fast: it does not note where the largest was."""
    height, width = (2 * (size // 2) for size in maps.shape[2:])
    rows = torch.maximum(maps[:, :, 0:height:2], maps[:, :, 1:height:2])
    return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])


def kernel_name(kernel: int) -> str:
    """How a kernel size is named among an ElasticConv's parameters."""
    return str(kernel)


def pooled(maps: Tensor, pool: str) -> Tensor:
    """2x2 pooling of stride 2, `max` or `avg`: (B, C, H, W) -> (B, C, H // 2, W // 2)."""
    return F.max_pool2d(maps, 2) if pool == "max" else F.avg_pool2d(maps, 2)
