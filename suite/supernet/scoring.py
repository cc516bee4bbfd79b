"""A set of genomes in, what the supernet says of each: summed cross-entropy and correct count on a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.data import Data, Split
from suite.space import Genome
from suite.supernet.weights import Supernet
from suite.training import evaluate

CALIBRATION_PICTURES = 1_000


@dataclass(frozen=True)
class Score:
    """One subnet on one split."""

    loss: float  # mean cross-entropy, summed per picture in float64 in picture order
    correct: int
    pictures: int

    @property
    def accuracy(self) -> float:
        """Fraction of pictures classed right."""
        return self.correct / self.pictures


class Scorer:
    """Scores subnets of one supernet; under batch norm, with statistics from the first training pictures."""

    def __init__(self, supernet: Supernet, data: Data, device: torch.device) -> None:
        self._supernet = supernet.to(device).eval()
        self._data = data
        self._device = device

    def score(
        self,
        genomes: Sequence[Genome],
        split: Split,
        progress: Callable[[int], None] = lambda done: None,
    ) -> list[Score]:
        """The score of each genome on a split, in the order given."""
        scores = []
        for genome in genomes:
            network = self._supernet.extract(genome, self.calibration)
            outcome = evaluate(network, self._data, split, self._device)
            scores.append(Score(outcome.loss, int(outcome.correct.sum()), len(split)))
            progress(len(scores))
        return scores

    @property
    def calibration(self) -> Tensor | None:
        """(N, C, H, W) normalised training pictures for batch norm's statistics; None without batch norm."""
        if self._supernet.space.norm == "none":
            return None
        return self._data.normalise(self._data.train.pictures[:CALIBRATION_PICTURES].to(self._device))
