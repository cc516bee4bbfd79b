"""What a winner is set beside: networks that nobody searched for, all named before the test is opened."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import torch

from suite.cnn import StandaloneCNN
from suite.extremes import largest, smallest
from suite.mlp import Mlp, StandaloneMLP
from suite.space import Genome, SearchSpace
from suite.study import StudySettings

BASE = "base CNN"
EXTREMES = ("most parameters", "fewest parameters", "most MACs", "fewest MACs")
RANDOM = tuple(f"random {number}" for number in range(1, 6))
_PERCEPTRONS = tuple(
    itertools.product(
        (Mlp((64, 32), (0.0, 0.0)), Mlp((128, 64, 32), (0.2, 0.2, 0.0))),
        ((0.001, 32), (0.0005, 64)),  # learning rate, batch
    )
)
MLPS = tuple(
    f"MLP {'-'.join(map(str, mlp.units))}, rate {rate}, batch {batch}" for mlp, (rate, batch) in _PERCEPTRONS
)
NAMES = (BASE, *EXTREMES, *RANDOM, *MLPS)
SEEDS = 5  # at most: the study's own and the next ones

BASE_GENOME = Genome.parse("32k3max-64k3max-fc128")
_TRIES = 100


@dataclass(frozen=True)
class ReferenceNetwork:
    """An architecture, and at which learning rate and batch it is trained."""

    name: str
    architecture: Genome | Mlp
    learning_rate: float
    batch_size: int

    def drawn(self, space: SearchSpace, seed: int) -> StandaloneCNN | StandaloneMLP:
        """The network with its first weights, from the seed alone."""
        return self.undrawn(space).draw(torch.Generator().manual_seed(seed))

    def undrawn(self, space: SearchSpace) -> StandaloneCNN | StandaloneMLP:
        """The network, its weights not yet drawn."""
        if isinstance(self.architecture, Mlp):
            return StandaloneMLP(self.architecture, space.shape, space.classes)
        return StandaloneCNN(space, self.architecture)

    def parameters(self, space: SearchSpace) -> int:
        """Number of trainable parameters."""
        if isinstance(self.architecture, Mlp):
            return self.architecture.parameters(space.shape, space.classes)
        return space.parameters(self.architecture)

    def macs(self, space: SearchSpace) -> int:
        """Multiply-accumulates of one forward pass of one picture."""
        if isinstance(self.architecture, Mlp):
            return self.architecture.macs(space.shape, space.classes)
        return space.macs(self.architecture)


def reference_networks(study: StudySettings, space: SearchSpace) -> list[ReferenceNetwork]:
    """All of NAMES, in order. The base CNN need not be in the space; pictures under 4x4 are too small for it."""
    small = min(space.shape[1:]) < 4
    genomes = {} if small else {BASE: BASE_GENOME}
    extremes = (pick(space, size) for size in ("params", "macs") for pick in (largest, smallest))
    genomes |= zip(EXTREMES, extremes, strict=True)
    genomes |= zip(RANDOM, _drawn(study.seed, space), strict=True)
    convolutional = [as_trained(name, genome, study) for name, genome in genomes.items()]
    perceptrons = [
        ReferenceNetwork(name, mlp, *pace) for name, (mlp, pace) in zip(MLPS, _PERCEPTRONS, strict=True)
    ]
    return [*convolutional, *perceptrons]


def as_trained(name: str, genome: Genome, study: StudySettings) -> ReferenceNetwork:
    """A genome at the study's own learning rate and batch."""
    return ReferenceNetwork(name, genome, study.supernet.learning_rate, study.supernet.batch_size)


def _drawn(seed: int, space: SearchSpace) -> list[Genome]:
    """Random genomes, drawn evenly within each depth, depths in turn; distinct unless the space is tiny."""
    rng = random.Random(f"{seed} references")
    drawn: list[Genome] = []
    for _, depth in zip(RANDOM, itertools.cycle(space.conv_stage.count.choices), strict=False):
        tries = [space.sample(rng, depth=int(depth)) for _ in range(_TRIES)]
        drawn.append(next((genome for genome in tries if genome not in drawn), tries[0]))
    return drawn
