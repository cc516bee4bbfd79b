"""A network over a split of pictures: what it says of each, and how often it is right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.data import Data, Split
from suite.errors import OutOfMemoryError
from suite.memory import give_back, too_little_memory
from suite.wording import plural


@dataclass(frozen=True)
class Outcome:
    """What a network said of each picture of a split."""

    losses: Tensor  # (N,) float64, cross-entropy per picture
    predicted: Tensor  # (N,) int64
    labels: Tensor  # (N,) int64
    confidences: Tensor  # (N,) float64, the probability of what it said

    @property
    def correct(self) -> Tensor:
        """(N,) bool."""
        return self.predicted == self.labels

    @property
    def wrong(self) -> list[int]:
        """The pictures classed wrong, by their numbers: what paired tests need, without the labels."""
        indices: list[int] = self.correct.logical_not().nonzero().flatten().tolist()
        return indices

    @property
    def accuracy(self) -> float:
        """Fraction of pictures classed right."""
        return self.correct.double().mean().item()

    @property
    def balanced_accuracy(self) -> float:
        """The mean over classes of the fraction of their pictures classed right."""
        right = torch.bincount(self.labels, self.correct.double())
        pictures = torch.bincount(self.labels)
        return (right / pictures)[pictures > 0].mean().item()

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return self.losses.mean().item()

    def confusion(self, classes: int) -> list[list[int]]:
        """Pictures by class, the true one by row and the one said by column."""
        pairs = torch.bincount(self.labels * classes + self.predicted, minlength=classes**2)
        counts: list[list[int]] = pairs.reshape(classes, classes).tolist()
        return counts


@torch.inference_mode()
def evaluate(network: nn.Module, data: Data, split: Split, device: torch.device, batch: int = 250) -> Outcome:
    """Run a network in evaluation mode over a split, in picture order; fewer at once where `batch` is too many.

    Raises:
        OutOfMemoryError: a single picture needs too much.
    """
    network = network.to(device).eval()
    losses, predicted, confidences = [], [], []
    seen = 0
    while seen < len(split):
        pictures, labels = split.pictures[seen : seen + batch], split.labels[seen : seen + batch]
        try:
            with too_little_memory(
                f"look at {plural(batch, 'picture')} at once",
                where=type(network).__name__,
                remedy="Choose smaller layers or pictures in the study, or end other programs.",
            ):
                logits = network(data.normalise(pictures.to(device)))
        except OutOfMemoryError:
            if batch == 1:
                raise
            batch //= 2
            give_back(device)
            continue
        losses.append(F.cross_entropy(logits, labels.to(device), reduction="none").double().cpu())
        predicted.append(logits.argmax(1).cpu())
        confidences.append(logits.double().softmax(1).amax(1).cpu())
        seen += len(pictures)
    return Outcome(torch.cat(losses), torch.cat(predicted), split.labels, torch.cat(confidences))
