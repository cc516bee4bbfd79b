"""What whoever does not search has after as long: the hand-made CNN, trained for all of that time."""

from __future__ import annotations

import time
from typing import Any

import torch

from benchmarks.wall_clock.in_hand import InHand, run_side
from benchmarks.wall_clock.ours import Ours
from benchmarks.wall_clock.plan import Plan
from benchmarks.wall_clock.sides import BY_HAND
from suite.data import Data
from suite.errors import TrainingError
from suite.evaluation import evaluate
from suite.progress import Display
from suite.reference_networks import BASE_GENOME
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings
from suite.used_study import with_epochs

_WITHOUT_END = 10**6  # epochs: the clock ends the training


def run_by_hand(
    plan: Plan,
    minutes: float,
    ours: Ours,
    seed: int,
    data: Data,
    device: torch.device,
    display: Display,
) -> None:
    """The base CNN of the reference networks, trained by the study's recipe; its piece is then kept.

    It has as many seconds as our run of that budget and seed took until it had chosen, counts with its weights after
    its best epoch on val-B, and is fine-tuned and tested as the winner is. A training that was stopped before its
    time was over is begun anew.
    """
    study = _without_choices(with_epochs(plan.asked(seed), ours.finalist_epochs, ours.final_epochs))

    def search(space: SearchSpace, folder: RunDirectory) -> tuple[dict[str, Any], InHand | None]:
        epochs, in_hand = _train(study, space, data, device, ours.chosen_after, display)
        return {"epochs": epochs}, in_hand

    run_side(BY_HAND, plan, minutes, ours, study, data, device, display, search)


def _train(
    study: StudySettings,
    space: SearchSpace,
    data: Data,
    device: torch.device,
    until: float,
    display: Display,
) -> tuple[int, InHand | None]:
    """Epochs that ended within so many seconds, and the network after the best of them."""
    began = time.monotonic()
    training = standalone_training(study, space, BASE_GENOME, data, device, study.seed, epochs=_WITHOUT_END)
    best, epochs = None, 0
    with display.phase("By hand", round(until), "seconds") as phase:
        while True:
            try:
                training.run_epoch()
            except TrainingError:  # what was best before is in hand
                break
            accuracy = evaluate(training.network, data, data.val_choice, device).accuracy
            seconds = time.monotonic() - began
            if seconds >= until:  # what this epoch has brought came too late
                break
            epochs = training.epoch
            if best is None or accuracy > best.val_accuracy:
                reached = InHand(BASE_GENOME.text, 0, training.epoch, accuracy)
                best = reached.with_weights_of(training.network)
            phase.update(round(seconds), f"{best.val_accuracy:.4f} on val-B")
        phase.finish(round(until))
    return epochs, best


def _without_choices(study: StudySettings) -> StudySettings:
    """The study with a space that the hand-made CNN is in, whatever the study's own is."""
    choices = {
        "depth": (2,),
        "filters": (32, 64),
        "kernel": (3,),
        "pool": ("max",),
        "fc_layers": (1,),
        "fc_units": (128,),
    }
    return study.model_copy(update={"space": study.space.model_copy(update=choices)})
