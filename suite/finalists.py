"""Finalists: genomes trained on their own, in step, under successive halving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from optuna.storages import BaseStorage

from suite.data import Data
from suite.errors import TrainingError
from suite.finalist import Finalist, seeds_of, trial_of
from suite.halving import SynchronousHalving, racing_epochs, rungs
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import Stop, StudySettings
from suite.supernet import Scorer
from suite.trials import study_of_trainings

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
        Finalist(i, genome, study, space, scorer, data, device, run, trial_of(optuna_study, space, genome))
        for i, genome in enumerate(candidates)
    ]
    epochs, stop = study.finalists.epochs, study.finalists.stop
    with display.phase("Finalists", unit="epochs") as phase:

        def say() -> None:
            done, total = _epochs_done(finalists), _epochs_expected(finalists, epochs, stop)
            phase.update(done, _leader(finalists, epochs), total=total)

        for epoch in range(1, epochs + 1):
            for finalist in _racing(finalists):
                _train_to(epoch, finalist, finalists, say, display)
            for finalist in _racing(finalists):
                if finalist.epoch == epoch:  # on resume, earlier rungs were judged before
                    finalist.prune_if_behind()
            say()
        phase.finish(_epochs_done(finalists), _leader(finalists, epochs))
    for finalist in finalists:
        finalist.tell(optuna_study)

    result = {
        "epochs": epochs,
        "seeds": list(seeds_of(study)),
        "seconds": sum(finalist.seconds for finalist in finalists),
        "finalists": [finalist.to_json(space) for finalist in finalists if finalist.failure is None],
        "failed": [
            {"genome": finalist.genome.text, "failure": finalist.failure}
            for finalist in finalists
            if finalist.failure is not None
        ],
    }
    run.write_result(PHASE, result)
    return result


def _racing(finalists: Sequence[Finalist]) -> list[Finalist]:
    return [finalist for finalist in finalists if finalist.racing]


def _train_to(
    epoch: int, finalist: Finalist, among: Sequence[Finalist], say: Callable[[], None], display: Display
) -> None:
    """Train a finalist to the end of an epoch; one that cannot be is left behind.

    Raises:
        TrainingError: it is the last one that was racing.
    """
    try:
        finalist.train_to(epoch, say)
    except TrainingError as error:
        if _racing(among) == [finalist]:
            raise
        finalist.give_up(error)
        display.say(f"Note: {finalist.genome.text} is out of the race: {error.what}")


def _epochs_done(finalists: Sequence[Finalist]) -> int:
    return sum(finalist.epoch for finalist in finalists)


def _epochs_expected(finalists: Sequence[Finalist], epochs: int, stop: Stop) -> int:
    """How many it will be in all: known once the last rung is behind us, where ties may leave more than it says."""
    last = max(rungs(epochs, len(finalists), stop), default=0)
    if min(finalist.epoch for finalist in _racing(finalists)) <= last:
        return racing_epochs(epochs, len(finalists), stop)
    return sum(epochs if finalist.racing else finalist.epoch for finalist in finalists)


def _leader(finalists: Sequence[Finalist], epochs: int) -> str:
    """Who is ahead just now, which the next epoch may undo, and how many are still at it."""
    left = _racing(finalists)
    racing = sum(finalist.epoch < epochs for finalist in left)
    ahead = f"{max(finalist.accuracy for finalist in left):.4f} on val-B"
    return f"ahead {ahead}, {racing} racing" if racing else f"best {ahead}"
