"""A process that trains waiting cells one after the other, on one thread, and reads each supernet at its marks."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import optuna
import torch

from suite.ablation.settings import Cell
from suite.data import Data, Place, open_data
from suite.device import open_device
from suite.run_directory import EverySeconds, RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer, new_supernet, new_training
from suite.trial_queue import still_at, work_off
from suite.trials import open_storage

_SECONDS_BETWEEN_CHECKPOINTS = 30
OTHERS = 100  # networks drawn besides the truth's, to find the best of


@dataclass(frozen=True)
class Job:
    """What a worker needs to know; every worker of an ablation is given the same."""

    cells: dict[str, Cell]
    minutes: tuple[float, ...]
    networks: tuple[str, ...]  # the truth's
    place: Place
    device: str
    storage: str  # a URL, with its password
    name: str  # of the Optuna study
    run: RunDirectory


def train_cells(job: Job) -> None:
    """Train one waiting cell after the other, until none is left."""
    device = open_device(job.device, threads=1)
    data = open_data(next(iter(job.cells.values())).study.data, job.place)
    study = optuna.load_study(study_name=job.name, storage=open_storage(job.storage))
    work_off(
        study,
        do=lambda trial: _train(trial, job, data, device),
        told=lambda trial: job.run.drop_checkpoint(_checkpoint_name(trial)),
    )


def _train(trial: optuna.Trial, job: Job, data: Data, device: torch.device) -> float:
    """Train a cell's supernet past its last mark, from a checkpoint if there is one; returns its accuracy there.

    What it said of the truth's networks at each mark becomes the trial's attribute `readings`.
    """
    cell, seed = job.cells[trial.user_attrs["cell"]], int(trial.user_attrs["seed"])
    study = cell.study.model_copy(update={"seed": seed})
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    marked = _Marked(study, job, space, data, device, trial)
    marked.train()
    trial.set_user_attr("readings", marked.readings)
    accuracies: list[float] = marked.readings[-1]["val_accuracy"]
    return sum(accuracies) / len(accuracies)


def _checkpoint_name(trial: optuna.Trial) -> str:
    """Not by the trial's number: what a killed process had begun is gone on with as a new trial."""
    return f"cell-{trial.user_attrs['key'][:16]}"


class _AllRead(Exception):  # noqa: N818 (no error: a way out of a loop)
    """The last mark is behind: ends a training in the middle of an epoch."""


class _Marked:
    """A training with a clock that stands still while the supernet is read, and the readings so far.

    On a CPU the clock is the process's own time, of one thread: what else the machine does takes no steps away.
    """

    def __init__(
        self,
        study: StudySettings,
        job: Job,
        space: SearchSpace,
        data: Data,
        device: torch.device,
        trial: optuna.Trial,
    ) -> None:
        self._trial, self._phase = trial, _checkpoint_name(trial)
        self.readings: list[dict[str, Any]] = []
        self._training = new_training(study, space, data, device)
        self._job, self._data, self._device = job, data, device
        self._read_from = new_supernet(study, space).to(device)  # the one in training is left alone
        self._genomes = [space.parse(text) for text in job.networks]
        rng = random.Random(0)
        self._others = [space.sample(rng) for _ in range(OTHERS)]
        self._now = time.process_time if device.type == "cpu" else time.monotonic
        self._seconds = 0.0
        self._save_clock = EverySeconds(_SECONDS_BETWEEN_CHECKPOINTS)

    def train(self) -> None:
        """Train until every mark is read."""
        state = self._job.run.load_checkpoint(self._phase)
        if state is not None:
            self._training.load(state["training"])
            self.readings, self._seconds = state["readings"], state["seconds"]
        with suppress(_AllRead):
            while True:
                self._since = self._now()
                self._training.run_epoch(on_step=self._step)

    def _step(self, step: int) -> None:
        """Read the supernet if a mark is reached, and save now and then."""
        if len(self.readings) == len(self._job.minutes):
            raise _AllRead
        now = self._now()
        self._seconds += now - self._since
        if self._seconds >= 60 * self._job.minutes[len(self.readings)]:
            self._read(step)
        if self._save_clock.due():
            state = {"training": self._training.state(), "readings": self.readings, "seconds": self._seconds}
            self._job.run.save_checkpoint(self._phase, state)
            still_at(self._trial)
        self._since = self._now()

    def _read(self, step: int) -> None:
        self._training.copy_result_into(self._read_from)
        scorer = Scorer(self._read_from, self._data, self._device)
        scores = scorer.score(self._genomes, self._data.val_search)
        reading: dict[str, Any] = {
            "minutes": self._seconds / 60,
            "steps": step,
            "val_loss": [score.loss for score in scores],
            "val_accuracy": [score.accuracy for score in scores],
        }
        if len(self.readings) + 1 == len(self._job.minutes):
            others = scorer.score(self._others, self._data.val_search)
            best = min(zip(others, self._others, strict=True), key=lambda pair: pair[0].loss)[1]
            best_accuracy = scorer.score([best], self._data.val_choice)[0].accuracy
            reading |= {"best": best.text, "best_accuracy": best_accuracy}
        self.readings.append(reading)
