"""Which subnets learn at a step of supernet training: one file per rule, named as in the study file."""

from __future__ import annotations

import random
from collections.abc import Callable

from torch import Tensor

from suite.study import StepRule
from suite.supernet.step_rules.sandwich import sandwich
from suite.supernet.step_rules.single_path import single_path
from suite.supernet.step_rules.tree import tree
from suite.supernet.weights import Supernet

Step = Callable[[Supernet, Tensor, Tensor, random.Random, Tensor | None], Tensor]
"""(supernet, (B, C, H, W) normalised pictures, (B,) labels, random source, weights) -> the loss to descend.

Weights, (classes,), are what a picture counts by its class; None, if all count alike.
"""

STEP_RULES: dict[StepRule, Step] = {"single-path": single_path, "sandwich": sandwich, "tree": tree}
