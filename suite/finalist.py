"""One finalist: a genome in training with as many seeds as the study asks for, and its Optuna trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import optuna
import torch
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.cnn import StandaloneCNN
from suite.data import Data
from suite.errors import StorageError, TrainingError
from suite.evaluation import evaluate
from suite.run_directory import EverySeconds, RunDirectory
from suite.space import Genome, SearchSpace
from suite.standalone import standalone_training
from suite.study import Start, StudySettings
from suite.supernet import Scorer
from suite.trials import genes_of


@dataclass
class _Curve:
    """What one seed's training showed, epoch by epoch."""

    train_loss: list[float]
    val_loss: list[float]
    val_accuracy: list[float]
    wrong: list[int]  # indices into val-B after the last epoch
    # Pictures of val-B by true class and class said, likewise; checkpoints of older versions have none.
    confusion: list[list[int]] = field(default_factory=list)


class Finalist:
    """One genome in training, with as many seeds as the study asks for, and its trial."""

    def __init__(
        self,
        number: int,
        genome: Genome,
        study: StudySettings,
        space: SearchSpace,
        scorer: Scorer,
        data: Data,
        device: torch.device,
        run: RunDirectory,
        trial: optuna.Trial,
    ) -> None:
        self.genome = genome
        self.pruned = False
        self.failure: str | None = None  # why it could not be trained on
        self.seconds = 0.0
        self._number, self._data, self._device, self._run = number, data, device, run
        self._trial = trial
        self._seeds = seeds_of(study)
        self._trainings = [
            standalone_training(
                study, space, genome, data, device, seed, start=_start(study.finalists.start, genome, scorer)
            )
            for seed in self._seeds
        ]
        self._curves = [_Curve([], [], [], []) for _ in self._seeds]
        self._save_clock = EverySeconds(30)
        self._ended_after = 0  # epochs, once it is out of the race
        self._resume()

    @property
    def racing(self) -> bool:
        """Whether nothing has put it out of the race."""
        return not self.pruned and self.failure is None

    @property
    def epoch(self) -> int:
        """Epochs behind every seed."""
        if not self._trainings:
            return self._ended_after
        return min(training.epoch for training in self._trainings)

    @property
    def accuracy(self) -> float:
        """Val-B accuracy after the last epoch, mean over seeds."""
        last = [curve.val_accuracy[-1] for curve in self._curves if curve.val_accuracy]
        return sum(last) / len(last) if last else 0.0

    def train_to(self, epoch: int, say: Callable[[], None]) -> None:
        """Train every seed to the end of `epoch` and report; nothing happens if that is behind us."""
        for training, curve in zip(self._trainings, self._curves, strict=True):
            while training.epoch < epoch:
                began = time.monotonic() - self.seconds  # had it not been stopped since
                try:
                    train_loss = training.run_epoch(save=partial(self._save_if_due, began))
                except TrainingError:
                    self.seconds = time.monotonic() - began
                    raise
                outcome = evaluate(training.network, self._data, self._data.val_choice, self._device)
                curve.train_loss.append(train_loss)
                curve.val_loss.append(outcome.loss)
                curve.val_accuracy.append(outcome.accuracy)
                curve.wrong = outcome.wrong
                curve.confusion = outcome.confusion(len(self._data.classes))
                self.seconds = time.monotonic() - began
                self._save()
                say()
        if epoch not in _reported(self._trial):
            self._trial.report(self._accuracy_after(epoch), epoch)

    def prune_if_behind(self) -> None:
        """Leave the race if the pruner says so, or has said so before.

        It goes by what was reported last, which lies ahead of a checkpoint that took the place of a damaged one.
        """
        if max(_reported(self._trial)) > self.epoch:
            return
        state = _frozen(self._trial).state
        if state == TrialState.PRUNED or (state == TrialState.RUNNING and self._trial.should_prune()):
            self.pruned = True
            self._save()
            self._let_go()

    def give_up(self, why: TrainingError) -> None:
        """Leave the race, as its loss is no number any more; the others go on."""
        self.failure = why.what
        self._save()
        self._let_go()

    def tell(self, study: optuna.Study) -> None:
        """Close the trial, unless an earlier execution has."""
        if _frozen(self._trial).state != TrialState.RUNNING:
            return
        if self.failure is not None:
            self._trial.set_user_attr("failure", self.failure)
            study.tell(self._trial, state=TrialState.FAIL)
        else:
            state = TrialState.PRUNED if self.pruned else TrialState.COMPLETE
            study.tell(self._trial, None if self.pruned else self.accuracy, state=state)

    def to_json(self, space: SearchSpace) -> dict[str, Any]:
        """The finalist's row in results/finalists.json."""
        losses = [curve.val_loss[-1] for curve in self._curves]
        return {
            "number": self._number,
            "genome": self.genome.text,
            "params": space.parameters(self.genome),
            "macs": space.macs(self.genome),
            "pruned": self.pruned,
            "epochs": self.epoch,
            "seconds": self.seconds,
            "val_accuracy": self.accuracy,
            "val_loss": sum(losses) / len(losses),
            "val_pictures": len(self._data.val_choice),
            "curves": [
                {"seed": s, **vars(curve)} for s, curve in zip(self._seeds, self._curves, strict=True)
            ],
        }

    def _accuracy_after(self, epoch: int) -> float:
        """Val-B accuracy after an epoch that every seed has behind it, mean over seeds."""
        accuracies = [curve.val_accuracy[epoch - 1] for curve in self._curves]
        return sum(accuracies) / len(accuracies)

    def _save_if_due(self, began: float) -> None:
        if self._save_clock.due():
            self.seconds = time.monotonic() - began
            self._save()

    def _save(self) -> None:
        self._run.save_checkpoint(
            checkpoint_name(self._number),
            {
                "trainings": [training.state() for training in self._trainings],
                "curves": [vars(curve) for curve in self._curves],
                "genome": self.genome.text,
                "pruned": self.pruned,
                "failure": self.failure,
                "seconds": self.seconds,
            },
        )

    def _resume(self) -> None:
        state = self._run.load_checkpoint(checkpoint_name(self._number))
        if state is None or state["genome"] != self.genome.text:
            return
        for training, saved in zip(self._trainings, state["trainings"], strict=True):
            training.load(saved)
        self._curves = [_Curve(**curve) for curve in state["curves"]]
        self.pruned, self.seconds = state["pruned"], state["seconds"]
        self.failure = state.get("failure")  # checkpoints of older versions have none
        self._check_reported()
        if not self.racing:
            self._let_go()

    def _let_go(self) -> None:
        """Of networks, moments and, on a GPU, a copy of the pictures: nobody trains them on."""
        self._ended_after = self.epoch
        self._trainings.clear()

    def _check_reported(self) -> None:
        """Refuse a trial that says otherwise than the checkpoint: the pruner would go by it.

        Raises:
            StorageError: it does. Not on CUDA, where an epoch that is done again need not give the same.
        """
        if self._device.type != "cpu":
            return
        for epoch, accuracy in _reported(self._trial).items():
            if epoch <= self.epoch and accuracy != self._accuracy_after(epoch):
                raise StorageError(
                    f"the trial of {self.genome.text} is not what was recorded after epoch {epoch}.",
                    where="finalists",
                    remedy="The storage is damaged: restore it, or begin a new run.",
                )


def checkpoint_name(number: int) -> str:
    """Of the finalist of that number; kept until the winner is tested."""
    return f"finalist-{number}"


def seeds_of(study: StudySettings) -> range:
    return range(study.seed, study.seed + study.finalists.seeds)


def _start(start: Start, genome: Genome, scorer: Scorer) -> StandaloneCNN | None:
    """The network to go on from, a copy for each seed; None for weights drawn anew."""
    return scorer.supernet.extract(genome, scorer.calibration) if start == "supernet" else None


def trial_of(study: optuna.Study, space: SearchSpace, genome: Genome) -> optuna.Trial:
    """The genome's trial: the one an earlier execution began, or even closed, or a new one."""
    for frozen in study.get_trials(deepcopy=False):
        if frozen.user_attrs.get("genome") == genome.text:
            return optuna.Trial(study, frozen._trial_id)
    params, distributions = genes_of(space, genome)
    begun = create_trial(  # in one step: asking for it by enqueue_trial could be cut in two
        state=TrialState.RUNNING,
        params=params,
        distributions=distributions,
        user_attrs={"genome": genome.text, "evaluated_on": "val-B"},
    )
    study.add_trial(begun)
    return trial_of(study, space, genome)


def _frozen(trial: optuna.Trial) -> FrozenTrial:
    """As the storage has it."""
    return trial.storage.get_trial(trial._trial_id)


def _reported(trial: optuna.Trial) -> dict[int, float]:
    return _frozen(trial).intermediate_values
