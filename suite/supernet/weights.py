"""The shared weights: every network of the space is a slice of them.

One-shot NAS with shared weights: Bender et al. 2018; slices as widths: Yu et al. 2019 (slimmable networks).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from suite.blocks import ConvBlock, DenseBlock, ElasticClassifier, ElasticConv, ElasticDense
from suite.cnn import StandaloneCNN
from suite.space import Genome, SearchSpace
from suite.study import FirstFc

FcCounts = tuple[int, ...]
"""FC counts that share a first FC weight."""


class Supernet(nn.Module):
    """Elastic convolutions, first FC weights, further FC weights, one classifier per FC count.

    The first FC weight is per depth because the flattened maps it reads differ in size and meaning; per depth and
    count, networks with several FC layers have one of their own as well. `first_fc_sharing` has the FC counts that
    share one.
    """

    def __init__(self, space: SearchSpace, dropout: float, first_fc: FirstFc = "per-depth") -> None:
        super().__init__()
        settings = space.settings
        self.space = space
        self.first_fc_sharing: tuple[FcCounts, ...] = (
            (settings.fc_layers,)
            if first_fc == "per-depth"
            else tuple((count,) for count in settings.fc_layers)
        )
        filters, units = max(settings.filters), max(settings.fc_units)
        inputs = [space.shape[0]] + [filters] * (max(settings.depth) - 1)
        self.convs = nn.ModuleList(
            ElasticConv(channels, filters, settings.kernel, space.norm) for channels in inputs
        )
        self.first_fcs = nn.ModuleDict(
            {
                self._first_fc_name(depth, counts): ElasticDense(
                    _flattened(space, filters, depth), units, dropout
                )
                for depth in settings.depth
                for counts in self.first_fc_sharing
            }
        )
        self.later_fcs = nn.ModuleList(
            ElasticDense(units, units, dropout) for _ in range(max(settings.fc_layers) - 1)
        )
        self.classifiers = nn.ModuleDict(
            {str(count): ElasticClassifier(units, space.classes) for count in settings.fc_layers}
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor, genome: Genome) -> Tensor:
        """The genome's subnet: (B, C, H, W) normalised pictures -> (B, classes) logits."""
        features = pictures
        for conv, conv_layer in zip(self.convs, genome.convs, strict=False):
            features = conv(features, conv_layer)
        features = features.flatten(1)
        for fc, fc_layer in zip(self.fcs_of(genome), genome.fcs, strict=True):
            features = fc(features, fc_layer)
        logits: Tensor = self.classifiers[str(len(genome.fcs))](features)
        return logits

    def draw(self, generator: torch.Generator) -> Supernet:
        """Draw first weights and return the supernet."""
        for module in self.modules():
            if isinstance(module, (ElasticConv, ElasticDense, ElasticClassifier)):
                module.draw(generator)
        return self

    def fcs_of(self, genome: Genome) -> list[ElasticDense]:
        """The FC positions a genome uses: its own first, then the shared later ones."""
        (counts,) = (counts for counts in self.first_fc_sharing if len(genome.fcs) in counts)
        later = list(self.later_fcs)[: len(genome.fcs) - 1]
        first = self.first_fc(len(genome.convs), counts)
        return [first, *(module for module in later if isinstance(module, ElasticDense))]

    def first_fc(self, depth: int, counts: FcCounts) -> ElasticDense:
        """The first FC position behind `depth` convolutions, of the FC counts that share it."""
        module = self.first_fcs[self._first_fc_name(depth, counts)]
        assert isinstance(module, ElasticDense)
        return module

    def _first_fc_name(self, depth: int, counts: FcCounts) -> str:
        """The depth alone where all counts share, so that weights stored by earlier versions are read."""
        return str(depth) if len(self.first_fc_sharing) == 1 else f"{depth}-{counts[0]}"

    def extract(self, genome: Genome, calibration: Tensor | None = None) -> StandaloneCNN:
        """The subnet as a standalone network, weights copied.

        Under norm = "batch" the statistics are those of one pass over `calibration`, (N, C, H, W) normalised
        training pictures: shared weights have none of their own (Bender et al. 2018, section 3.4).

        Raises:
            ValueError: the space has batch norm and no calibration pictures were given.
        """
        network = self.extract_for_timing(genome)
        if self.space.norm == "batch":
            if calibration is None:
                raise ValueError('norm = "batch" needs calibration pictures')
            calibrate(network, calibration)
        return network

    def extract_for_timing(self, genome: Genome) -> StandaloneCNN:
        """The same with batch norm's statistics as they begin: no network takes longer by them, and they are dear."""
        network = StandaloneCNN(self.space, genome).to(next(self.parameters()).device)
        for conv, conv_layer, conv_block in zip(self.convs, genome.convs, network.convs, strict=False):
            assert isinstance(conv, ElasticConv)
            assert isinstance(conv_block, ConvBlock)
            conv.copy_into(conv_block, conv_layer)
        for fc, fc_layer, fc_block in zip(self.fcs_of(genome), genome.fcs, network.fcs, strict=True):
            assert isinstance(fc_block, DenseBlock)
            fc.copy_into(fc_block, fc_layer)
        ending = self.classifiers[str(len(genome.fcs))]
        assert isinstance(ending, ElasticClassifier)
        ending.copy_into(network.classifier)
        return network.eval()


@torch.no_grad()
def calibrate(network: StandaloneCNN, pictures: Tensor) -> None:
    """Set batch norm's running statistics to those of `pictures`, (N, C, H, W), in one pass.

    Biased variance, as normalising the batch itself uses, so that the result is the batch's own statistics.
    """
    maps = pictures
    for block in network.convs:
        assert isinstance(block, ConvBlock)
        assert isinstance(block.norm, nn.BatchNorm2d)
        before = block.conv(maps)
        variance, mean = torch.var_mean(before, dim=(0, 2, 3), correction=0)
        assert block.norm.running_mean is not None
        assert block.norm.running_var is not None
        block.norm.running_mean.copy_(mean)
        block.norm.running_var.copy_(variance)
        block.norm.eval()
        maps = block.pool(torch.relu(block.norm(before)))


def _flattened(space: SearchSpace, filters: int, depth: int) -> int:
    """Features in front of the first FC layer, at the greatest width."""
    _, height, width = space.shape
    return math.prod((filters, height >> depth, width >> depth))
