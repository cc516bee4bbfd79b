"""The one loop that trains: a standalone network by itself, or shared weights by a step rule.

Everything random comes from one seed, and the whole state can be saved between any two steps, so a training
that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.blocks import Dropout
from suite.data import Data, Split, augment
from suite.errors import TrainingError
from suite.memory import too_little_memory
from suite.progress import Display
from suite.run_directory import EverySeconds, RunDirectory
from suite.weight_average import WeightAverage

Loss = Callable[[Tensor, Tensor, random.Random], Tensor]
"""(B, C, H, W) normalised pictures, (B,) labels, random source -> the loss to descend, a scalar."""


@dataclass(frozen=True)
class Recipe:
    """How long, how fast, on what batches."""

    epochs: int
    learning_rate: float
    batch_size: int
    augment: str
    average: float = 0.0  # decay of the average of weights that is the result; 0: the last step's weights are


class Training:
    """A training under way: network, Adam, average of weights, data order and random state."""

    def __init__(
        self,
        network: nn.Module,
        data: Data,
        split: Split,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        *,
        loss: Loss | None = None,
        adam: type[torch.optim.Adam] = torch.optim.Adam,
    ) -> None:
        self.network = network.to(device)
        self.device = device
        self.recipe = recipe
        self.epoch = 0
        self.step = 0  # of this epoch
        self._data = data
        with too_little_memory(
            f"keep {len(split)} pictures on {device} for each network in training",
            where=f"training of {type(network).__name__}",
            remedy="Use --device cpu, or a new run with a smaller data.image_size or fewer finalists.",
        ):
            self._pictures, self._labels = split.pictures.to(device), split.labels.to(device)
        self._loss = loss  # None: cross-entropy, whose method kept here would keep all of this alive
        self._class_weights = data.class_weights_on(device)
        self._seed = seed
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self._rng = random.Random(seed)
        self._generator = torch.Generator(device).manual_seed(seed)
        for module in network.modules():
            if isinstance(module, Dropout):
                module.generator = self._generator
        self.optimiser = adam(network.parameters(), lr=recipe.learning_rate)
        self._average = WeightAverage(network, recipe.average) if recipe.average else None

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last, short one is left out unless it is the only one."""
        return max(1, len(self._labels) // self.recipe.batch_size)

    @property
    def done(self) -> bool:
        """Whether every epoch is behind us."""
        return self.epoch >= self.recipe.epochs

    def run_epoch(
        self,
        on_step: Callable[[int], None] = lambda step: None,
        save: Callable[[], None] = lambda: None,
    ) -> float:
        """Train to the end of the current epoch; returns its mean loss.

        After each step `on_step` is told the steps of all epochs so far, and `save` may store the state.

        Raises:
            TrainingError: the loss is no longer a number.
            OutOfMemoryError: a batch needs too much.
        """
        self.network.train()
        order, batch_size = self._order(), self.recipe.batch_size
        while self.step < self.steps_per_epoch:
            start = self.step * batch_size
            with too_little_memory(
                f"train on {batch_size} pictures at once",
                where=f"training of {type(self.network).__name__}",
                remedy=f"Lower the batch size (it is {batch_size}), or choose smaller layers in [space].",
            ):
                self._descend(order[start : start + batch_size])
            self.step += 1
            on_step(self.epoch * self.steps_per_epoch + self.step)
            save()
        mean = float(self._loss_sum) / self.steps_per_epoch
        if not math.isfinite(mean):
            raise TrainingError(
                f"the loss became {mean} in epoch {self.epoch + 1}.",
                where=f"training of {type(self.network).__name__}",
                remedy=f"Lower the learning rate (it is {self.recipe.learning_rate:g}).",
            )
        self.epoch, self.step = self.epoch + 1, 0
        self._loss_sum.zero_()
        return mean

    def run_steps(self, steps: int) -> None:
        """Take a few steps on the first batch, to see how long they take; not a part of any epoch."""
        self.network.train()
        first_batch = torch.arange(min(self.recipe.batch_size, len(self._labels)), device=self.device)
        for _ in range(steps):
            self._descend(first_batch)

    def finish(self) -> None:
        """Give the network the weights that are the result, once the last epoch is over."""
        self.copy_result_into(self.network)

    def copy_result_into(self, network: nn.Module) -> None:
        """Give a network of the same architecture the weights that would be the result, were this the end."""
        if network is not self.network:
            network.load_state_dict(self.network.state_dict())
        if self._average is not None:
            self._average.copy_into(network)

    def state(self) -> dict[str, Any]:
        """Everything the rest of the training depends on."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self._loss_sum,
            "generator": self._generator.get_state(),
            "rng": self._rng.getstate(),
            "average": None if self._average is None else self._average.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._loss_sum.copy_(state["loss_sum"])
        self._generator.set_state(state["generator"])
        self._rng.setstate(state["rng"])
        if self._average is not None:
            self._average.load(state["average"])

    def _descend(self, batch: Tensor) -> None:
        pictures = augment(self._pictures[batch], self.recipe.augment, self._generator)
        loss = (self._loss or self._cross_entropy)(
            self._data.normalise(pictures), self._labels[batch], self._rng
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        if self._average is not None:
            self._average.update()
        self._loss_sum += loss.detach()

    def _order(self) -> Tensor:
        """The epoch's order of pictures, from seed and epoch alone, so that it need not be stored."""
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self.epoch)
        return torch.randperm(len(self._labels), generator=generator).to(self._labels.device)

    def _cross_entropy(self, pictures: Tensor, labels: Tensor, rng: random.Random) -> Tensor:
        return F.cross_entropy(self.network(pictures), labels, self._class_weights)


def train_to_end(
    training: Training, phase_name: str, title: str, run: RunDirectory, display: Display
) -> dict[str, Any]:
    """`train_on`, as a phase of its own on the display.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    steps = training.steps_per_epoch * training.recipe.epochs
    with display.phase(title, steps, "steps") as phase:
        log = train_on(training, phase_name, run, phase.update)
        phase.finish(steps, _note(log))
    return log


def train_on(
    training: Training, phase_name: str, run: RunDirectory, on_step: Callable[[int, str], None]
) -> dict[str, Any]:
    """Train to the last epoch, from the phase's checkpoint if there is one; returns losses and seconds.

    The checkpoint is written every half minute and at every epoch's end; dropping it is the caller's, once the
    phase's result is written. `on_step` is told the steps so far and the last epoch's loss.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    log: dict[str, Any] = {"train_loss": [], "seconds": 0.0}
    checkpoint = run.load_checkpoint(phase_name)
    if checkpoint is not None:
        training.load(checkpoint["training"])
        log = checkpoint["log"]
    clock, save_clock = time.monotonic(), EverySeconds(30)

    def save() -> None:
        nonlocal clock
        now = time.monotonic()
        log["seconds"] += now - clock
        clock = now
        run.save_checkpoint(phase_name, {"training": training.state(), "log": log})

    while not training.done:
        loss = training.run_epoch(
            on_step=lambda step: on_step(step, _note(log)),
            save=lambda: save() if save_clock.due() else None,
        )
        log["train_loss"].append(loss)
        save()
    training.finish()
    return log


def _note(log: dict[str, Any]) -> str:
    return f"loss {log['train_loss'][-1]:.3f}" if log["train_loss"] else ""
