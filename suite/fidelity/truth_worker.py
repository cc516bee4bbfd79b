"""A process that trains waiting networks one after the other, on one thread, until none is left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import optuna
import torch
from optuna.trial import FrozenTrial

from suite.data import Data, Place, open_data
from suite.device import open_device
from suite.evaluation import evaluate
from suite.fidelity.truth_table import Drawn, Reading
from suite.run_directory import EverySeconds, RunDirectory
from suite.space import SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings
from suite.training import Training
from suite.trial_queue import still_at, work_off
from suite.trials import open_storage

_SECONDS_BETWEEN_CHECKPOINTS = 30


@dataclass(frozen=True)
class Job:
    """What a worker needs to know; every worker of a table is given the same."""

    study: StudySettings
    epochs: int
    pictures: int
    place: Place
    device: str
    storage: str  # a URL, with its password
    name: str  # of the Optuna study
    run: RunDirectory


def train_waiting(job: Job) -> None:
    """Train one waiting network after the other, until none is left."""
    device = open_device(job.device, threads=1)
    data = open_data(job.study.data, job.place)
    space = SearchSpace(job.study.space, data.picture_shape, len(data.classes))
    study = optuna.load_study(study_name=job.name, storage=open_storage(job.storage))
    work_off(
        study,
        do=lambda trial: _train(trial, job, space, data, device),
        told=lambda trial: job.run.drop_checkpoint(_checkpoint_name(job, trial)),
    )


def read_after(epochs: int) -> set[int]:
    """The epochs after which val-B is read: 1, 2, 3, then about doubling, and the last."""
    return {epoch for epoch in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500) if epoch < epochs} | {epochs}


def readings_of(trial: FrozenTrial) -> list[Reading]:
    """What a finished trial says."""
    attributes = trial.user_attrs
    drawn: Drawn = attributes["drawn"]
    return [Reading(drawn, attributes["genome"], attributes["seed"], **row) for row in attributes["readings"]]


def _train(trial: optuna.Trial, job: Job, space: SearchSpace, data: Data, device: torch.device) -> float:
    """Train to the last epoch, from a checkpoint if there is one; returns the accuracy on val-B.

    The readings become the trial's attribute.
    """
    genome, seed = space.parse(trial.user_attrs["genome"]), int(trial.user_attrs["seed"])
    training = standalone_training(
        job.study, space, genome, data, device, seed, epochs=job.epochs, pictures=job.pictures
    )
    progress = _Progress(trial, training, job.run, _checkpoint_name(job, trial))
    progress.resume()
    reported = set(trial.storage.get_trial(trial._trial_id).intermediate_values)
    while not training.done:
        progress.run_epoch()
        if training.epoch in read_after(job.epochs):
            outcome = evaluate(training.network, data, data.val_choice, device)
            progress.read(outcome.loss, outcome.accuracy)
            if training.epoch not in reported:
                trial.report(outcome.accuracy, training.epoch)
    trial.set_user_attr("readings", progress.readings)
    return float(progress.readings[-1]["val_accuracy"])


def _checkpoint_name(job: Job, trial: optuna.Trial) -> str:
    table = job.name.rpartition("/")[2]
    return f"{table}-{trial.user_attrs['genome']}-{trial.user_attrs['seed']}"


class _Progress:
    """A training's clock, its readings so far, and its checkpoint."""

    def __init__(self, trial: optuna.Trial, training: Training, run: RunDirectory, phase: str) -> None:
        self.readings: list[dict[str, Any]] = []
        self._trial = trial
        self._training, self._run, self._phase = training, run, phase
        self._seconds = 0.0
        self._save_clock = EverySeconds(_SECONDS_BETWEEN_CHECKPOINTS)

    def run_epoch(self) -> None:
        """Train for an epoch; evaluation is not on the clock."""
        began, before = time.monotonic(), self._seconds

        def save_if_due() -> None:
            self._seconds = before + time.monotonic() - began
            if self._save_clock.due():
                self._save()

        self._training.run_epoch(save=save_if_due)
        self._seconds = before + time.monotonic() - began

    def read(self, loss: float, accuracy: float) -> None:
        """Take a reading down."""
        self.readings.append(
            {
                "epoch": self._training.epoch,
                "val_loss": loss,
                "val_accuracy": accuracy,
                "seconds": self._seconds,
            }
        )
        self._save()

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        state = self._run.load_checkpoint(self._phase)
        if state is not None:
            self._training.load(state["training"])
            self.readings, self._seconds = state["readings"], state["seconds"]

    def _save(self) -> None:
        state = {"training": self._training.state(), "readings": self.readings, "seconds": self._seconds}
        self._run.save_checkpoint(self._phase, state)
        still_at(self._trial)
