"""The rival: plain Optuna over trainings, as a practitioner writes it.

TPE over all genes together proposes, Hyperband prunes (Li et al. 2018), and each trial trains one network by itself
by the study's recipe, its accuracy on val-B reported epoch by epoch. Whatever was best at any epoch is what the rival
has in hand when its time is over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import optuna
import torch
from optuna.pruners import HyperbandPruner
from optuna.trial import TrialState

from benchmarks.wall_clock.in_hand import InHand
from suite.data import Data
from suite.errors import TrainingError
from suite.evaluation import evaluate
from suite.methods.optuna_samplers import suggest_chromosome, tpe
from suite.progress import Display, Phase
from suite.run_directory import EverySeconds, RunDirectory
from suite.space import SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings
from suite.training import Training
from suite.trials import open_storage

_PHASE = "rival"
_SEEDS_APART = 1_000_000  # of samplers: a search that is gone on with has a sampler with a seed of its own


class Rival:
    """A search over trainings whose clock stands still while it is stopped."""

    def __init__(
        self,
        study: StudySettings,
        space: SearchSpace,
        data: Data,
        device: torch.device,
        run: RunDirectory,
        until: float,
    ) -> None:
        self._study, self._space, self._data, self._device, self._run = study, space, data, device, run
        self._until = until  # seconds
        self._trials = self._optuna_study()
        saved = run.load_checkpoint(_PHASE) if self._trials.get_trials(deepcopy=False) else None
        checkpoint = saved or {"seconds": 0.0, "in_hand": None}  # without its trials it is an older suite's
        self._seconds: float = checkpoint["seconds"]
        self._in_hand = InHand(**checkpoint["in_hand"]) if checkpoint["in_hand"] else None
        self._under_way: Mapping[str, Any] | None = checkpoint.get("trial")
        self._clock = time.monotonic() - self._seconds
        self._save_clock = EverySeconds(30)

    def search(self, display: Display) -> tuple[dict[str, Any], InHand | None]:
        """Search until the time is over; returns what it took, and the best network after any epoch."""
        with display.phase("Optuna over trainings", round(self._until)) as phase:
            while self._seconds < self._until:
                self._train(self._next_trial(), phase)
            phase.finish(round(self._until), self._in_words())
        trained = [t for t in self._trials.get_trials(deepcopy=False) if t.intermediate_values]
        took = {
            "seconds": self._seconds,
            "trials": len(trained),
            "pruned": sum(t.state == TrialState.PRUNED for t in trained),
            "epochs": sum(len(t.intermediate_values) for t in trained),
            "epochs_of_a_trial": self._study.finalists.epochs,
        }
        return took, self._in_hand

    def _optuna_study(self) -> optuna.Study:
        storage = open_storage(f"journal:{self._run.path / 'trials.log'}")
        study = optuna.create_study(
            storage=storage,
            study_name=f"trainings-{self._study.seed}",  # by which Hyperband draws the brackets of its trials
            direction="maximize",
            pruner=HyperbandPruner(min_resource=1, max_resource=self._study.finalists.epochs),
            load_if_exists=True,
        )
        behind = len(study.get_trials(deepcopy=False))
        study.sampler = tpe((self._study.seed * _SEEDS_APART + behind) % 2**32)  # as NumPy's seeds are
        return study

    def _next_trial(self) -> optuna.Trial:
        """The trial that a stop came into, or a new one."""
        for frozen in self._trials.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            return optuna.Trial(self._trials, frozen._trial_id)
        return self._trials.ask()

    def _train(self, trial: optuna.Trial, phase: Phase) -> None:
        """Train a trial's network until it is done, pruned, or the time is over."""
        training, reached = self._begun(trial)
        state = TrialState.COMPLETE
        while not training.done and state == TrialState.COMPLETE:
            try:
                training.run_epoch()
            except TrainingError:
                self._read_clock()
                state = TrialState.FAIL
                break
            accuracy = evaluate(training.network, self._data, self._data.val_choice, self._device).accuracy
            self._read_clock()
            reached = replace(reached, epoch=training.epoch, val_accuracy=accuracy)
            self._report(trial, reached)
            if self._seconds >= self._until:  # what this epoch has brought came too late
                state = TrialState.FAIL
                break
            self._take_in_hand(reached, training)
            phase.update(round(self._seconds), self._in_words())
            if not training.done and trial.should_prune():
                state = TrialState.PRUNED
            if self._save_clock.due():
                self._save(reached, training)
        self._save(reached, training)
        value = reached.val_accuracy if state == TrialState.COMPLETE else None
        self._trials.tell(trial, value, state=state)

    def _begun(self, trial: optuna.Trial) -> tuple[Training, InHand]:
        """A trial's training before its first epoch, or as far as it had come when a stop came."""
        study, space = self._study, self._space
        genome = space.decode(suggest_chromosome(trial, space))
        training = standalone_training(study, space, genome, self._data, self._device, study.seed)
        if self._under_way is None or self._under_way["reached"]["trial"] != trial.number:
            return training, InHand(genome.text, trial.number)
        training.load(self._under_way["training"])
        return training, InHand(**self._under_way["reached"])

    def _report(self, trial: optuna.Trial, reached: InHand) -> None:
        """Report an epoch, unless it was reported before a stop."""
        known = self._trials.get_trials(deepcopy=False)[trial.number].intermediate_values
        if reached.epoch not in known:
            trial.report(reached.val_accuracy, reached.epoch)

    def _read_clock(self) -> None:
        self._seconds = time.monotonic() - self._clock

    def _take_in_hand(self, reached: InHand, training: Training) -> None:
        """Keep the network if it is the best so far."""
        if self._in_hand is None or reached.val_accuracy > self._in_hand.val_accuracy:
            self._in_hand = reached.with_weights_of(training.network)

    def _save(self, reached: InHand, training: Training) -> None:
        self._run.save_checkpoint(
            _PHASE,
            {
                "seconds": self._seconds,
                "in_hand": None if self._in_hand is None else vars(self._in_hand),
                "trial": {"reached": vars(reached), "training": training.state()},
            },
        )

    def _in_words(self) -> str:
        return "" if self._in_hand is None else f"{self._in_hand.genome} at {self._in_hand.val_accuracy:.4f}"
