"""Fill a truth table: every wanted training a trial of one Optuna study, shared by processes and machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.device import workers_on
from suite.errors import TrainingError
from suite.fidelity.truth_table import Drawn, TruthTable
from suite.fidelity.truth_worker import Job, readings_of, train_waiting
from suite.progress import Display
from suite.space import Genome, SearchSpace
from suite.trial_queue import done_trials, enqueue, run_workers, what_went_wrong
from suite.trials import genes_of, open_storage, study_of_trainings


@dataclass(frozen=True)
class Wanted:
    """One training."""

    genome: Genome
    seed: int
    drawn: Drawn


def train_truth(
    wanted: Sequence[Wanted], table: TruthTable, folder: Path, space: SearchSpace, job: Job, display: Display
) -> Path:
    """Train what the table lacks, as many at once as the device is good for; returns the table's path.

    The table is written anew after every training. What another execution, or another machine on the same storage,
    has trained is taken in, and what a process that died was training is trained again from its checkpoint.

    Raises:
        TrainingError: some trainings failed; the others are kept.
        StorageError: a trial is not what was recorded.
    """
    # Workers wait for a database that is away as well, but only this process says so.
    study = study_of_trainings(open_storage(job.storage, display.say), job.name)
    _take_in(study, table)
    missing = [want for want in wanted if not table.has(want.genome.text, want.seed)]
    enqueue(study, [_trial(want, space) for want in missing], same=_training_of)

    def done() -> int:
        return sum(table.has(want.genome.text, want.seed) for want in wanted)

    with display.phase("Trainings", len(wanted), "trainings") as phase:

        def look() -> None:
            if _take_in(study, table):
                table.write(folder)
            phase.update(done())

        reasons = run_workers(train_waiting, job, workers_on(job.device, len(missing)), look)
        phase.finish(done())
    if done() < len(wanted):
        raise TrainingError(
            f"{len(wanted) - done()} trainings are not done: {what_went_wrong(study, reasons)}.",
            where=study.study_name,
            remedy="The same command goes on with them.",
        )
    table.count_as_uniform({want.genome.text for want in wanted if want.drawn == "uniform"})
    return table.write(folder)


def _take_in(study: optuna.Study, table: TruthTable) -> int:
    """Put finished trials that the table lacks into it; returns how many."""
    new = [trial for trial in done_trials(study) if not table.has(*_training_of(trial))]
    for trial in new:
        table.add(readings_of(trial))
    return len(new)


def _trial(want: Wanted, space: SearchSpace) -> FrozenTrial:
    """The training, waiting."""
    params, distributions = genes_of(space, want.genome)
    return create_trial(
        state=TrialState.WAITING,
        params=params,
        distributions=distributions,
        user_attrs={
            "genome": want.genome.text,
            "seed": want.seed,
            "drawn": want.drawn,
            "evaluated_on": "val-B",
        },
    )


def _training_of(trial: FrozenTrial) -> tuple[Any, Any]:
    """What a trial is, or waits to be; nothing like it, if its attributes are damaged."""
    return trial.user_attrs.get("genome"), trial.user_attrs.get("seed")
