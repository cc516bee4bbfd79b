"""NASWOT: how differently an untrained network's ReLUs switch on different pictures (Mellor et al. 2021).

"Neural Architecture Search without Training", ICML 2021. One forward pass of one batch, and no training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from suite.blocks import ConvBlock, DenseBlock
from suite.cnn import StandaloneCNN
from suite.data import Data
from suite.space import Genome, SearchSpace

PICTURES = 128


def naswot(space: SearchSpace, genomes: Sequence[Genome], data: Data, seed: int = 0) -> NDArray[np.float64]:
    """(N,) the proxy of each network, as drawn from the seed, on pictures of train drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(data.train), generator=generator)[:PICTURES]
    pictures = data.normalise(data.train.pictures[drawn])
    return np.array(
        [
            score(StandaloneCNN(space, genome).draw(torch.Generator().manual_seed(seed)), pictures)
            for genome in genomes
        ]
    )


def score(network: StandaloneCNN, pictures: Tensor) -> float:
    """log |det K| for (B, C, H, W) normalised pictures, K[i, j] the number of ReLUs that agree on pictures i and j.

    Batch norm takes its statistics from the batch, as it would at the first step. Minus infinity if two pictures
    switch every ReLU alike.
    """
    kernel = torch.zeros(len(pictures), len(pictures))

    def add(module: nn.Module, inputs: tuple[Tensor, ...], before: Tensor) -> None:
        on = (before > 0).flatten(1).float()  # (B, units)
        kernel.add_(on @ on.T).add_((1 - on) @ (1 - on).T)

    network.eval()
    for block in network.modules():
        if isinstance(block, ConvBlock):
            block.norm.train()
            block.norm.register_forward_hook(add)
        elif isinstance(block, DenseBlock):
            block.linear.register_forward_hook(add)
    with torch.inference_mode():
        network(pictures)
    return float(np.linalg.slogdet(kernel.double().numpy())[1])
