"""Many subnets in one pass: subnets that begin alike share their activations, narrower layers are slices of wider.

The walk goes depth first through the plan's stacks. One convolution serves every width and pooling below a prefix;
input widths are partial sums, since a pre-activation is linear in its input channels: what 32 channels give is what
the first 16 give, plus what the next 16 add. The same for FC layers; classifiers of all widths are one product.

Width as a slice: Yu et al. 2019. We found no other tool that shares exact prefixes over a population.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from suite.blocks import (
    LOG2_E,
    ClassifierStep,
    ConvStep,
    DenseStep,
    ElasticClassifier,
    ElasticConv,
    ElasticDense,
    activated,
)
from suite.space import Genome
from suite.supernet.fc_plan import FcPlan
from suite.supernet.prefix_plan import Key, Stack, build_plan, build_tree, nodes_side_by_side
from suite.supernet.weights import Supernet

_EPSILON = 1e-5  # nn.BatchNorm2d's own


@dataclass(frozen=True)
class BlockScore:
    """What a block of pictures says of every genome, in the order given."""

    pictures: int
    loss_sums: Tensor  # (G,) float64, cross-entropy summed over the block's pictures
    correct: Tensor  # (G,) int32
    bits: Tensor | None = None  # (G, B) bool: which pictures were classed right, if asked for
    losses: Tensor | None = None  # (G, B) float32: cross-entropy of each picture, if asked for


class PrefixTree:
    """The walk for one set of distinct genomes over one supernet; its plan is built once.

    At most `rows`, that is, nodes times pictures, are computed at once. Sets whose nodes differ in what they need
    make up for it by more pictures, up to `most_pictures`; how many is `pictures`. `dtype` bfloat16 computes all
    products in bfloat16: a screen, to be scored again exactly.
    """

    def __init__(
        self,
        supernet: Supernet,
        genomes: Sequence[Genome],
        *,
        rows: int,
        most_pictures: int = 1,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.genomes = len(genomes)
        self._root, self._nodes = build_tree(genomes, supernet.first_fc_sharing)
        self.plan = build_plan(self._root, rows)
        self.pictures = max(1, min(most_pictures, round(rows / nodes_side_by_side(self.plan))))
        if self.pictures > 1:
            self.plan = build_plan(self._root, max(1, rows // self.pictures))
        self.device = next(supernet.parameters()).device
        self._dtype = dtype
        self._classes = supernet.space.classes
        self._convs = [ConvStep(c, dtype) for c in supernet.convs if isinstance(c, ElasticConv)]
        self._first_fcs = {
            (depth, counts): DenseStep(supernet.first_fc(depth, counts), dtype)
            for depth in supernet.space.settings.depth
            for counts in supernet.first_fc_sharing
        }
        self._later_fcs = [DenseStep(fc, dtype) for fc in supernet.later_fcs if isinstance(fc, ElasticDense)]
        self._classifiers = {
            int(count): ClassifierStep(ending, dtype)
            for count, ending in supernet.classifiers.items()
            if isinstance(ending, ElasticClassifier)
        }
        self._needs_statistics = supernet.space.norm == "batch"
        self._filters = max(supernet.space.settings.filters)
        # (kernel, input width) -> what is multiplied by and added, (nodes, 2, filters)
        self._statistics: dict[tuple[int, int], Tensor] = {}
        self._order: Tensor | None = None

    @torch.inference_mode()
    def calibrate(self, pictures: Tensor) -> None:
        """Take batch norm's statistics of every node from `pictures`, (N, C, H, W) normalised, in one walk.

        Node after node, since these pictures are many and a node needs all of them at once.
        """
        self._statistics.clear()
        if self._needs_statistics:
            self._visit(build_plan(self._root, 1), self._prepared(pictures), len(pictures), sink=None)

    @torch.inference_mode()
    def score_block(
        self, pictures: Tensor, labels: Tensor, *, bits: bool = False, losses: bool = False
    ) -> BlockScore:
        """Score every genome on (B, C, H, W) normalised pictures and their labels (B,).

        `bits` and `losses` ask for what each picture said as well.

        Raises:
            RuntimeError: the space has batch norm and `calibrate` was not called.
        """
        if self._needs_statistics and not self._statistics:
            raise RuntimeError("calibrate before scoring: the space has batch norm")
        sink = _Sink(labels, keep_bits=bits, keep_losses=losses)
        self._visit(self.plan, self._prepared(pictures), len(labels), sink)
        if self._order is None:  # every walk of the plan finds the genomes in the same order
            self._order = sink.order()
        return sink.score(self._order)

    def _prepared(self, pictures: Tensor) -> Tensor:
        return pictures.to(self.device, self._dtype, memory_format=torch.channels_last)

    def _visit(self, stack: Stack, maps: Tensor, batch: int, sink: _Sink | None) -> None:
        """Finish the networks that end at these nodes, and go on below; `maps` is (nodes * B, width, H, W)."""
        if sink is not None and stack.fcs:
            pixels, features = maps.shape[2] * maps.shape[3], _features_first(maps)
            for counts, plan in stack.fcs.items():
                self._finish(plan, self._first_fcs[stack.depth, counts], features, pixels, 0, sink)
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
        for plan in stack.convs:
            step = self._convs[stack.depth]
            sums = step.sums(maps, plan.kernel, plan.widths, plan.filters)
            for (width, before), pools in zip(sums, plan.pools, strict=True):
                if self._needs_statistics:
                    if calibrating:
                        own = step.scale_and_shift(plan.kernel, before.shape[1])
                        self._keep(stack, plan.kernel, width, _statistics(before, stack.nodes, *own))
                    before = _normalised(before, self._statistics_of(stack, plan.kernel, width))
                for pool, after in activated(before, pools):
                    yield (plan.kernel, width, pool), after

    def _keep(self, stack: Stack, kernel: int, width: int, statistics: Tensor) -> None:
        """Put a stack's (nodes, 2, filters) where `_statistics_of` finds them."""
        empty = statistics.new_empty(self._nodes, 2, self._filters)
        table = self._statistics.setdefault((kernel, width), empty)
        table[torch.from_numpy(stack.ids).to(table.device), :, : statistics.shape[2]] = statistics

    def _statistics_of(self, stack: Stack, kernel: int, width: int) -> Tensor:
        table = self._statistics[kernel, width]
        return table[torch.from_numpy(stack.ids).to(table.device)]

    def _finish(
        self, plan: FcPlan, step: DenseStep, features: Tensor, unit: int, position: int, sink: _Sink
    ) -> None:
        """An FC layer on features (F, R) that are `unit` rows a width, and all that follows it."""
        widths = [unit * width for width in plan.widths]
        hidden = step.activations(features, widths, plan.slots, plan.units)
        for following in plan.followings:
            columns = hidden[:, following.start : following.stop].flatten(1)
            if following.ends:
                logits = self._classifiers[position + 1].logits(columns, following.ends)
                sink.add(logits, following.genomes)
            if following.further is not None:
                self._finish(following.further, self._later_fcs[position], columns, 1, position + 1, sink)


class _Sink:
    """Where the walk puts what it finds: per genome, in the order of the walk."""

    def __init__(self, labels: Tensor, *, keep_bits: bool, keep_losses: bool) -> None:
        self._labels = labels
        self._keep_bits, self._keep_losses = keep_bits, keep_losses
        self._numbers: list[NDArray[np.int64]] = []
        self._loss_sums: list[Tensor] = []
        self._correct: list[Tensor] = []
        self._bits: list[Tensor] = []
        self._losses: list[Tensor] = []

    def add(self, logits: Tensor, genomes: NDArray[np.int64]) -> None:
        """(E, classes, N * B) logits to base 2, overwritten, of the genomes numbered (E, N)."""
        endings, classes, _ = logits.shape
        logits = logits.view(endings, classes, -1, len(self._labels))
        most = logits.amax(1, keepdim=True)
        own = logits.gather(1, self._labels.expand(most.shape))
        losses = logits.sub_(most).exp2_().sum(1, keepdim=True).log2_().add_(most).sub_(own)
        right = own >= most
        self._numbers.append(genomes.ravel())
        self._loss_sums.append(losses.sum(-1, dtype=torch.float64).ravel())
        self._correct.append(right.sum(-1, dtype=torch.int32).ravel())
        if self._keep_bits:
            self._bits.append(right.flatten(0, 2))
        if self._keep_losses:
            self._losses.append(losses.flatten(0, 2))

    def order(self) -> Tensor:
        """(G,) where in the order of the walk each genome is, in the order given."""
        numbers = np.concatenate(self._numbers)
        where = np.empty_like(numbers)
        where[numbers] = np.arange(len(numbers))
        return torch.from_numpy(where).to(self._labels.device)

    def score(self, order: Tensor) -> BlockScore:
        """All of it, in the order of the genomes given."""
        return BlockScore(
            len(self._labels),
            torch.cat(self._loss_sums)[order] / LOG2_E,
            torch.cat(self._correct)[order],
            torch.cat(self._bits)[order] if self._keep_bits else None,
            torch.cat(self._losses)[order] / LOG2_E if self._keep_losses else None,
        )


def _features_first(maps: Tensor) -> Tensor:
    """(R, C, H, W) -> (C * H * W, R), channel by channel, so that a width is the first rows.

    In two steps, since torch transposes matrices quickly and permutes four dimensions slowly.
    """
    rows, channels, height, width = maps.shape
    by_pixel = maps.permute(0, 2, 3, 1).reshape(rows, -1).t().contiguous()
    return by_pixel.view(height * width, channels, rows).transpose(0, 1).reshape(-1, rows)


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


def _statistics(before: Tensor, nodes: int, scale: Tensor, shift: Tensor) -> Tensor:
    """Per node, what batch norm multiplies by and adds, (nodes, 2, filters), from the rows themselves."""
    by_node = before.view(nodes, -1, *before.shape[1:])
    variance, mean = torch.var_mean(by_node, dim=(1, 3, 4), correction=0)
    factor = scale * torch.rsqrt(variance + _EPSILON)
    return torch.stack([factor, shift - mean * factor], dim=1)


def _normalised(before: Tensor, statistics: Tensor) -> Tensor:
    """A copy: the partial sum itself goes on to the next width."""
    by_node = before.view(len(statistics), -1, *before.shape[1:])
    factor, shift = statistics[:, None, :, : before.shape[1], None, None].to(before.dtype).unbind(2)
    return torch.addcmul(shift, by_node, factor).view(before.shape)
