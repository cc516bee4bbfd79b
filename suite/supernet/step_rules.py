"""Which subnets learn at a step of supernet training: one function per rule, named as in the study file."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from suite.study import StepRule
from suite.supernet.weights import Supernet

Step = Callable[[Supernet, Tensor, Tensor, random.Random], Tensor]
"""(supernet, (B, C, H, W) normalised pictures, (B,) labels, random source) -> the loss to descend."""


def single_path(supernet: Supernet, pictures: Tensor, labels: Tensor, rng: random.Random) -> Tensor:
    """One subnet a step, its depth drawn evenly (Guo et al. 2020, with even depths).

    Networks drawn evenly would be deepest nine times in ten, and shallow ones would hardly learn.
    """
    return F.cross_entropy(supernet(pictures, supernet.space.sample(rng)), labels)


STEP_RULES: dict[StepRule, Step] = {"single-path": single_path}
