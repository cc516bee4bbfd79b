"""Many subnets in one pass: subnets that begin alike share their activations, narrower layers are slices of wider.

The walk goes depth first through the plan's stacks. One convolution serves every width and pooling below a prefix;
input widths are partial sums, since a pre-activation is linear in its input channels: what 32 channels give is what
the first 16 give, plus what the next 16 add. The same for FC layers; classifiers of all widths are one product.

Width as a slice: Yu et al. 2019. We found no other tool that shares exact prefixes over a population.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from suite.blocks import (
    ClassifierStep,
    ConvStep,
    DenseLayer,
    DenseStep,
    ElasticClassifier,
    ElasticConv,
    ElasticDense,
    pooled,
)
from suite.space import Genome
from suite.supernet.prefix_plan import FcRun, Key, Stack, build_plan
from suite.supernet.weights import Supernet

Numbers = Callable[[FcRun], NDArray[np.int64]]
"""FC layers -> the genome number of each node of a stack, at one width."""

_EPSILON = 1e-5  # nn.BatchNorm2d's own


@dataclass(frozen=True)
class BlockScore:
    """What a block of pictures says of every genome, in the order given."""

    pictures: int
    loss_sums: Tensor  # (G,) float64, cross-entropy summed over the block's pictures
    correct: Tensor  # (G,) int32
    bits: Tensor | None  # (G, B) bool: which pictures were classed right, if asked for


class PrefixTree:
    """The walk for one set of distinct genomes over one supernet; its plan is built once.

    `dtype` bfloat16 computes all products in bfloat16: a screen, to be scored again exactly.
    """

    def __init__(
        self,
        supernet: Supernet,
        genomes: Sequence[Genome],
        *,
        most_nodes: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.genomes = len(genomes)
        self.plan = build_plan(genomes, most_nodes)
        self.device = next(supernet.parameters()).device
        self._dtype = dtype
        self._classes = supernet.space.classes
        self._convs = [ConvStep(c, dtype) for c in supernet.convs if isinstance(c, ElasticConv)]
        self._first_fcs = {
            int(depth): DenseStep(fc, dtype)
            for depth, fc in supernet.first_fcs.items()
            if isinstance(fc, ElasticDense)
        }
        self._later_fcs = [DenseStep(fc, dtype) for fc in supernet.later_fcs if isinstance(fc, ElasticDense)]
        self._classifiers = {
            int(count): ClassifierStep(ending, dtype)
            for count, ending in supernet.classifiers.items()
            if isinstance(ending, ElasticClassifier)
        }
        self._statistics: dict[int, tuple[Tensor, Tensor]] = {}  # unit -> scale and shift (filters,)
        self._needs_statistics = supernet.space.norm == "batch"

    @torch.inference_mode()
    def calibrate(self, pictures: Tensor) -> None:
        """Take batch norm's statistics of every node from `pictures`, (N, C, H, W) normalised, in one walk."""
        self._statistics.clear()
        if self._needs_statistics:
            self._visit(self.plan, self._prepared(pictures), len(pictures), sink=None)

    @torch.inference_mode()
    def score_block(self, pictures: Tensor, labels: Tensor, *, bits: bool = False) -> BlockScore:
        """Score every genome on (B, C, H, W) normalised pictures and their labels (B,).

        Raises:
            RuntimeError: the space has batch norm and `calibrate` was not called.
        """
        if self._needs_statistics and not self._statistics:
            raise RuntimeError("calibrate before scoring: the space has batch norm")
        sink = _Sink(self.genomes, labels, keep_bits=bits)
        self._visit(self.plan, self._prepared(pictures), len(labels), sink)
        return BlockScore(len(labels), sink.loss_sums, sink.correct, sink.bits)

    def _prepared(self, pictures: Tensor) -> Tensor:
        return pictures.to(self.device, self._dtype, memory_format=torch.channels_last)

    def _visit(self, stack: Stack, maps: Tensor, batch: int, sink: _Sink | None) -> None:
        """Finish the networks that end at these nodes, and go on below; `maps` is (nodes * B, width, H, W)."""
        if sink is not None and stack.endings:
            self._finish(stack, maps, sink)
        outputs = dict(self._convolve(stack, maps, batch, calibrating=sink is None))
        for below in stack.below:
            parts = [
                _rows_of(outputs[kernel, width, pool], nodes, stack.nodes)[:, : below.stack.width]
                for kernel, width, pool, nodes in below.sources
            ]
            joined = parts[0] if len(parts) == 1 else torch.cat(parts)
            self._visit(below.stack, joined, batch, sink)

    def _convolve(
        self, stack: Stack, maps: Tensor, batch: int, *, calibrating: bool
    ) -> Iterator[tuple[Key, Tensor]]:
        """Every kernel, input width and pooling that is needed of these maps: (nodes * B, filters, H / 2, W / 2)."""
        unit = stack.first_unit
        for plan in stack.convs:
            step = self._convs[stack.depth]
            widths = [width for width, _ in plan.widths]
            sums = step.sums(maps, plan.kernel, widths, plan.filters)
            for (width, before), (_, pools) in zip(sums, plan.widths, strict=True):
                if self._needs_statistics:
                    if calibrating:
                        own = step.scale_and_shift(plan.kernel, plan.filters)
                        self._statistics[unit] = _statistics(before, stack.nodes, *own)
                    before = _normalised(before, stack.nodes, *self._statistics[unit])
                    unit += stack.nodes
                after = F.relu(before)
                for pool in pools:
                    yield (plan.kernel, width, pool), pooled(after, pool)

    def _finish(self, stack: Stack, maps: Tensor, sink: _Sink) -> None:
        """FC layers and classifiers of every network that ends at these nodes."""
        rows = {ending: i for i, ending in enumerate(stack.numbered_endings)}
        pixels = maps.shape[2] * maps.shape[3]
        features = maps.flatten(1)  # channel by channel, so that a width is its first columns
        widths = [width for width, _ in stack.endings]
        units = max(run[0].units for _, runs in stack.endings for run in runs)
        step = self._first_fcs[stack.depth]
        activations = step.activations(features, [width * pixels for width in widths], units)
        for (_, hidden), (width, runs) in zip(activations, stack.endings, strict=True):
            self._finish_fcs(hidden, (), runs, partial(_numbers, stack, rows, width), sink)

    def _finish_fcs(
        self, hidden: Tensor, behind: FcRun, runs: Sequence[FcRun], numbers: Numbers, sink: _Sink
    ) -> None:
        """Classify what ends here, and go through the next FC layer with what does not.

        `hidden` is (R, units) behind the FC layers `behind` and the next layer of each of `runs`.
        """
        ending = [run[0] for run in runs if len(run) == 1]
        if ending:
            logits = self._classifiers[len(behind) + 1].logits(hidden, [layer.units for layer in ending])
            sink.add(logits, np.stack([numbers((*behind, layer)) for layer in ending]))
        going_on: dict[DenseLayer, list[FcRun]] = {}
        for run in runs:
            if len(run) > 1:
                going_on.setdefault(run[0], []).append(run[1:])
        if going_on:
            units = max(rest[0].units for rests in going_on.values() for rest in rests)
            widths = [layer.units for layer in going_on]
            activations = self._later_fcs[len(behind)].activations(hidden, widths, units)
            for (_, further), (layer, rests) in zip(activations, going_on.items(), strict=True):
                self._finish_fcs(further, (*behind, layer), rests, numbers, sink)


class _Sink:
    """Where the walk puts what it finds: sums per genome, and bits if they are to be kept."""

    def __init__(self, genomes: int, labels: Tensor, *, keep_bits: bool) -> None:
        device = labels.device
        self.loss_sums = torch.zeros(genomes, dtype=torch.float64, device=device)
        self.correct = torch.zeros(genomes, dtype=torch.int32, device=device)
        self.bits = torch.zeros(genomes, len(labels), dtype=torch.bool, device=device) if keep_bits else None
        self._labels = labels

    def add(self, logits: Tensor, numbers: NDArray[np.int64]) -> None:
        """(E, classes, nodes * B) logits of the genomes numbered (E, nodes)."""
        endings, classes, _ = logits.shape
        logits = logits.view(endings, classes, -1, len(self._labels))
        most = logits.amax(1)
        index = self._labels.expand(endings, 1, logits.shape[2], -1)
        own = logits.gather(1, index).squeeze(1)
        losses = logits.sub_(most.unsqueeze(1)).exp_().sum(1).log_().add_(most).sub_(own)
        right = own >= most
        where = torch.from_numpy(numbers.ravel()).to(self.loss_sums.device)
        self.loss_sums[where] = losses.double().sum(-1).flatten()
        self.correct[where] = right.sum(-1, dtype=torch.int32).flatten()
        if self.bits is not None:
            self.bits[where] = right.flatten(0, 1)


def _numbers(
    stack: Stack, rows: Mapping[tuple[int, FcRun], int], width: int, fcs: FcRun
) -> NDArray[np.int64]:
    """Genome numbers, one a node, of the networks of a stack with this width and these FC layers."""
    numbers: NDArray[np.int64] = stack.genomes[rows[width, fcs]]
    return numbers


def _rows_of(output: Tensor, nodes: NDArray[np.int64], of: int) -> Tensor:
    """The rows of some nodes of (nodes * B, C, H, W); a view where they lie side by side."""
    if len(nodes) == of:
        return output
    batch = len(output) // of
    first, last = int(nodes[0]), int(nodes[-1]) + 1
    if last - first == len(nodes):
        return output[first * batch : last * batch]
    by_node = output.view(of, batch, *output.shape[1:])
    return by_node[torch.from_numpy(nodes).to(output.device)].flatten(0, 1)


def _statistics(before: Tensor, nodes: int, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Per node, what batch norm multiplies by and adds, (nodes, 1, filters, 1, 1), from the rows themselves."""
    by_node = before.view(nodes, -1, *before.shape[1:])
    variance, mean = torch.var_mean(by_node, dim=(1, 3, 4), correction=0, keepdim=True)
    factor = scale.view(1, 1, -1, 1, 1) * torch.rsqrt(variance + _EPSILON)
    return factor, shift.view(1, 1, -1, 1, 1) - mean * factor


def _normalised(before: Tensor, nodes: int, factor: Tensor, shift: Tensor) -> Tensor:
    """A copy: the partial sum itself goes on to the next width."""
    by_node = before.view(nodes, -1, *before.shape[1:])
    return torch.addcmul(shift, by_node, factor).view(before.shape)
