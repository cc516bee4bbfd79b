"""What a time budget leaves for the finalists, once they are known: their epochs and fine-tuning's, fitted to it.

Before a run nobody knows how long its finalists take, so they are priced as dear ones then; and the supernet and the
search never take quite what was forecast. Here each finalist's own pace is measured. Nor do finalists take what they
were priced at, so fine-tuning is fitted again to what they leave.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch

from suite.data import Data
from suite.evaluation import evaluate
from suite.finalist import checkpoint_name
from suite.forecast import seconds_per_step
from suite.halving import racing_epochs
from suite.progress import Display
from suite.run_directory import RunDirectory, write_atomically
from suite.space import Genome, SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings, study_toml
from suite.time_budget import FEW, early_if_allowed, is_enough_if_late
from suite.used_study import TIME_LEFT, with_epochs, with_fitted_epochs
from suite.winner import PHASE as FINAL
from suite.wording import duration, plural

_LOOKED_AT = 1_000  # pictures of val-B, for the pace
_PLANNED = 0.9  # of the time left: a machine's speed drifts by as much within minutes (`suite bench drift`)


@dataclass(frozen=True)
class TimeBudget:
    """How long a run may take, and the study before it was shortened to that."""

    seconds: float
    asked: StudySettings


def fit_finalists(
    study: StudySettings,
    budget: TimeBudget,
    spent: float,
    candidates: Sequence[Genome],
    space: SearchSpace,
    data: Data,
    device: torch.device,
    run: RunDirectory,
    display: Display,
) -> StudySettings:
    """The study with as many epochs as fit after `spent` seconds, and no more than were asked for.

    It is written down before it is used, so that an execution that goes on trains for as many. Finalists that an
    older suite has begun to train keep their epochs.
    """
    begun = time.monotonic()
    if run.read_result(TIME_LEFT) is None and not _under_way(run, len(candidates)):
        an_epoch = _seconds_an_epoch(study, candidates, space, data, device, display)
        left = budget.seconds - spent - (time.monotonic() - begun)
        fitted = _fitted(budget.asked, left, an_epoch, len(data.all_training) / len(data.train))
        epochs = {"finalists": fitted.finalists.epochs, "final": fitted.final.epochs}
        run.write_result(
            TIME_LEFT,
            {
                "seconds": left,
                "epochs": epochs,
                "stop": fitted.finalists.stop,
                "seconds_of_an_epoch": an_epoch,
            },
        )
        display.say(
            f"In the {duration(max(left, 0))} left: {plural(epochs['finalists'], 'epoch')} of finalists"
            f"{', which stop early' if fitted.finalists.stop == 'early' else ''}; {epochs['final']} of fine-tuning."
        )
        if epochs["finalists"] < FEW * budget.asked.finalists.epochs:
            display.say(
                "Note: these are few of the epochs asked for. One network trained by hand for all of the time may be "
                "better, as it was on CIFAR-10 where they had 4 to 7 of 50 epochs (reports/benchmark-wall-clock)."
            )
    return _written_down(study, run)


def fit_fine_tuning(
    study: StudySettings,
    budget: TimeBudget,
    winner: Mapping[str, Any],
    trained: Mapping[str, Any],
    data: Data,
    run: RunDirectory,
    display: Display,
) -> StudySettings:
    """The study with as many epochs of fine-tuning as fit what the finalists left, and no more than were asked for.

    `winner` is its row of results/finalists.json, `trained`. Written down before it is used, too; fine-tuning that an
    older suite has begun keeps its epochs.
    """
    planned = run.read_result(TIME_LEFT)
    if planned is not None and "seconds_for_final" not in planned and run.load_checkpoint(FINAL) is None:
        left = planned["seconds"] - trained["seconds"]
        an_epoch = winner["seconds"] / (winner["epochs"] * study.finalists.seeds)
        fits = int(_PLANNED * left / (an_epoch * len(data.all_training) / len(data.train)))
        epochs = {**planned["epochs"], "final": min(max(1, fits), budget.asked.final.epochs)}
        run.write_result(TIME_LEFT, {**planned, "epochs": epochs, "seconds_for_final": left})
        if epochs != planned["epochs"]:
            in_time = f"In the {duration(max(left, 0))} left"
            display.say(f"{in_time}: {epochs['final']} of fine-tuning, instead of {study.final.epochs}.")
    return _written_down(study, run)


def _written_down(study: StudySettings, run: RunDirectory) -> StudySettings:
    """The study as it is fitted, in study.toml too."""
    fitted = with_fitted_epochs(study, run)
    write_atomically(run.path / "study.toml", study_toml(fitted).encode())
    return fitted


def _under_way(run: RunDirectory, finalists: int) -> bool:
    return any(run.load_checkpoint(checkpoint_name(i)) is not None for i in range(finalists))


def _fitted(asked: StudySettings, seconds: float, an_epoch: Sequence[float], larger: float) -> StudySettings:
    """The most epochs that fit, by the rungs that were asked for or by early ones where these would leave few.

    Fine-tuning, on `larger` times the pictures, is shortened alike.
    """
    late = _most_epochs(asked, seconds, an_epoch, larger)
    if is_enough_if_late(late.finalists.epochs, asked):
        return late
    early = _most_epochs(early_if_allowed(asked), seconds, an_epoch, larger)
    return early if early.finalists.epochs > late.finalists.epochs else late


def _most_epochs(
    asked: StudySettings, seconds: float, an_epoch: Sequence[float], larger: float
) -> StudySettings:
    """As many as fit and no more than were asked for, one at least.

    Nobody knows who will be left after each rung: they are reckoned as dear as all on average.
    """
    pace = fmean(an_epoch)
    for epochs in range(asked.finalists.epochs, 0, -1):
        final = max(1, round(asked.final.epochs * epochs / asked.finalists.epochs))
        racing = asked.finalists.seeds * racing_epochs(epochs, len(an_epoch), asked.finalists.stop)
        if pace * (racing + larger * final) <= _PLANNED * seconds:
            break
    return with_epochs(asked, epochs, final)


def _seconds_an_epoch(
    study: StudySettings,
    candidates: Sequence[Genome],
    space: SearchSpace,
    data: Data,
    device: torch.device,
    display: Display,
) -> list[float]:
    """Of each candidate, by a few steps of a training that is thrown away, and a look at a part of val-B."""
    few = data.val_choice.part(0, min(_LOOKED_AT, len(data.val_choice)))
    with display.phase("Pace of the finalists", len(candidates)) as phase:
        paces = []
        for genome in candidates:
            training = standalone_training(study, space, genome, data, device, study.seed)
            steps = seconds_per_step(training) * training.steps_per_epoch
            began = time.monotonic()
            evaluate(training.network, data, few, device)
            paces.append(steps + (time.monotonic() - began) * len(data.val_choice) / len(few))
            phase.update(len(paces))
        phase.finish(len(paces))
    return paces
