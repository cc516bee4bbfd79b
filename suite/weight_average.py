"""A running average of a network's weights: steadier than the weights of any one step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of a network's weights over steps (Polyak and Juditsky 1992).

    While few steps are taken the decay is (1 + steps) / (10 + steps), or the first, drawn weights would stay in the
    average for long.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._weights = [parameter.detach() for parameter in network.parameters()]
        self._averages = [weight.clone() for weight in self._weights]
        self._decay = decay
        self._steps = 0

    def update(self) -> None:
        """Take in the weights of a step that was just made."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    def copy_into(self, network: nn.Module) -> None:
        """Give a network like the averaged one, or that itself, the average for its weights."""
        torch._foreach_copy_([parameter.detach() for parameter in network.parameters()], self._averages)

    def state(self) -> dict[str, Any]:
        """Everything later averages depend on, besides the network."""
        return {"averages": self._averages, "steps": self._steps}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        averages: list[Tensor] = state["averages"]
        for mine, stored in zip(self._averages, averages, strict=True):
            mine.copy_(stored)
        self._steps = state["steps"]
