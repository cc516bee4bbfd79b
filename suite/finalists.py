"""Finalists: genomes trained on their own, in step, under successive halving."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import optuna
import torch
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.cnn import StandaloneCNN
from suite.data import Data
from suite.errors import StorageError
from suite.halving import SynchronousHalving, racing_epochs, rungs
from suite.progress import Display
from suite.run_directory import EverySeconds, RunDirectory
from suite.space import Genome, SearchSpace
from suite.standalone import standalone_training
from suite.study import Start, Stop, StudySettings
from suite.supernet import Scorer
from suite.training import evaluate
from suite.trials import genes_of, study_of_trainings

PHASE = "finalists"


def train_finalists(
    study: StudySettings,
    space: SearchSpace,
    candidates: Sequence[Genome],
    scorer: Scorer,
    data: Data,
    device: torch.device,
    storage: BaseStorage,
    name: str,
    run: RunDirectory,
    display: Display,
) -> dict[str, Any]:
    """Train the candidates in step, all but the best stopping at each rung; returns results/finalists.json.

    Each is a trial of the Optuna study `name`, its curve of val-B accuracy reported epoch by epoch. The last epoch
    counts, never the best one.
    """
    pruner = SynchronousHalving(rungs(study.finalists.epochs, len(candidates), study.finalists.stop))
    optuna_study = study_of_trainings(storage, name, pruner=pruner, owner=run.token)
    finalists = [
        Finalist(i, genome, study, space, scorer, data, device, run, _trial_of(optuna_study, space, genome))
        for i, genome in enumerate(candidates)
    ]
    epochs, stop = study.finalists.epochs, study.finalists.stop
    with display.phase("Finalists", unit="epochs") as phase:

        def say() -> None:
            done, total = _epochs_done(finalists), _epochs_expected(finalists, epochs, stop)
            phase.update(done, _leader(finalists, epochs), total=total)

        for epoch in range(1, epochs + 1):
            racing = [finalist for finalist in finalists if not finalist.pruned]
            for finalist in racing:
                finalist.train_to(epoch, say)
            for finalist in racing:
                if finalist.epoch == epoch:  # on resume, earlier rungs were judged before
                    finalist.prune_if_behind()
            say()
        phase.finish(_epochs_done(finalists), _leader(finalists, epochs))
    for finalist in finalists:
        finalist.tell(optuna_study)

    result = {
        "epochs": epochs,
        "seeds": list(_seeds(study)),
        "seconds": sum(finalist.seconds for finalist in finalists),
        "finalists": [finalist.to_json(space) for finalist in finalists],
    }
    run.write_result(PHASE, result)
    return result


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
        self.seconds = 0.0
        self._number, self._data, self._device, self._run = number, data, device, run
        self._trial = trial
        self._seeds = _seeds(study)
        self._trainings = [
            standalone_training(
                study, space, genome, data, device, seed, start=_start(study.finalists.start, genome, scorer)
            )
            for seed in self._seeds
        ]
        self._curves = [_Curve([], [], [], []) for _ in self._seeds]
        self._save_clock = EverySeconds(30)
        self._resume()

    @property
    def epoch(self) -> int:
        """Epochs behind every seed."""
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
                train_loss = training.run_epoch(save=partial(self._save_if_due, began))
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

    def tell(self, study: optuna.Study) -> None:
        """Close the trial, unless an earlier execution has."""
        if _frozen(self._trial).state == TrialState.RUNNING:
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
        self._check_reported()

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


def _seeds(study: StudySettings) -> range:
    return range(study.seed, study.seed + study.finalists.seeds)


def _start(start: Start, genome: Genome, scorer: Scorer) -> StandaloneCNN | None:
    """The network to go on from, a copy for each seed; None for weights drawn anew."""
    return scorer.supernet.extract(genome, scorer.calibration) if start == "supernet" else None


def _trial_of(study: optuna.Study, space: SearchSpace, genome: Genome) -> optuna.Trial:
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
    return _trial_of(study, space, genome)


def _frozen(trial: optuna.Trial) -> FrozenTrial:
    """As the storage has it."""
    return trial.storage.get_trial(trial._trial_id)


def _reported(trial: optuna.Trial) -> dict[int, float]:
    return _frozen(trial).intermediate_values


def _epochs_done(finalists: Sequence[Finalist]) -> int:
    return sum(finalist.epoch for finalist in finalists)


def _epochs_expected(finalists: Sequence[Finalist], epochs: int, stop: Stop) -> int:
    """How many it will be in all: known once the last rung is behind us, where ties may leave more than it says."""
    last = max(rungs(epochs, len(finalists), stop), default=0)
    racing = [finalist for finalist in finalists if not finalist.pruned]
    if min(finalist.epoch for finalist in racing) <= last:
        return racing_epochs(epochs, len(finalists), stop)
    return sum(finalist.epoch if finalist.pruned else epochs for finalist in finalists)


def _leader(finalists: Sequence[Finalist], epochs: int) -> str:
    """Who is ahead just now, which the next epoch may undo, and how many are still at it."""
    left = [finalist for finalist in finalists if not finalist.pruned]
    racing = sum(finalist.epoch < epochs for finalist in left)
    ahead = f"{max(finalist.accuracy for finalist in left):.4f} on val-B"
    return f"ahead {ahead}, {racing} racing" if racing else f"best {ahead}"
