"""Training the shared weights, epoch by epoch, by the study's step rule."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from suite.data import Data
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.supernet.step_rules import STEP_RULES
from suite.supernet.weights import Supernet
from suite.training import Recipe, Training


class SupernetTraining:
    """A supernet's training under way; what a Training is, with the subnets drawn at each step."""

    def __init__(self, study: StudySettings, space: SearchSpace, data: Data, device: torch.device) -> None:
        settings = study.supernet
        self.supernet = Supernet(space, settings.dropout).draw(torch.Generator().manual_seed(study.seed))
        self._rng = random.Random(study.seed)
        self._step_rule = STEP_RULES[settings.step_rule]
        recipe = Recipe(settings.epochs, settings.learning_rate, settings.batch_size, study.data.augment)
        self.training = Training(self.supernet, data, data.train, recipe, study.seed, device, loss=self._loss)

    def run(
        self,
        after_step: Callable[[SupernetTraining], None],
        after_epoch: Callable[[int, float], None],
    ) -> Supernet:
        """Train to the last epoch; the callbacks save checkpoints and show progress.

        Raises:
            TrainingError: the loss is no longer a number.
        """
        while not self.training.done:
            loss = self.training.run_epoch(lambda _: after_step(self))
            after_epoch(self.training.epoch, loss)
        return self.supernet.eval()

    def state(self) -> dict[str, Any]:
        """Everything the rest of the training depends on."""
        return {"training": self.training.state(), "rng": self._rng.getstate()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.training.load(state["training"])
        version, internal, gauss = state["rng"]
        self._rng.setstate((version, tuple(internal), gauss))

    def _loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        return self._step_rule(self.supernet, pictures, labels, self._rng)
