"""One subnet a step."""

from __future__ import annotations

import random

import torch.nn.functional as F
from torch import Tensor

from suite.supernet.weights import Supernet


def single_path(
    supernet: Supernet, pictures: Tensor, labels: Tensor, rng: random.Random, weights: Tensor | None = None
) -> Tensor:
    """One subnet a step, its depth drawn evenly (Guo et al. 2020, with even depths).

    Networks drawn evenly would be deepest nine times in ten, and shallow ones would hardly learn.
    """
    return F.cross_entropy(supernet(pictures, supernet.space.sample(rng)), labels, weights)
