"""The first seed of every method as an Optuna study, to look at in optuna-dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, create_trial

from benchmarks.contest.contestants import OURS, RIVALS
from benchmarks.contest.judge import Judge
from benchmarks.contest.tasks import Task
from suite.methods.optuna_samplers import directions
from suite.trials import genes_of, open_storage

RECORD = "trials.log"


def record_first_seed(
    judge: Judge[Any], evaluated: Mapping[tuple[str, str], Sequence[int]], folder: Path
) -> Path:
    """Write a study for every task and method, anew; returns the path of the journal.

    `evaluated` has the judge's rows in the order of their evaluation, by task and method.
    """
    path = folder / RECORD
    path.unlink(missing_ok=True)
    storage = open_storage(f"journal:{path}")
    genomes = list(judge.place)
    for name in judge.topics:
        task = judge.task(name, 0)
        for contestant in (OURS, *RIVALS):
            study = optuna.create_study(
                storage=storage,
                study_name=f"{name}: {contestant}",
                directions=directions(task.problem.weights),
            )
            study.add_trials(_trials(task, [genomes[row] for row in evaluated[name, contestant]]))
    return path


def _trials(task: Task[Any], genomes: Sequence[Any]) -> Iterator[FrozenTrial]:
    for genome in genomes:
        params, distributions = genes_of(task.problem.space, genome)
        yield create_trial(
            params=params,
            distributions=distributions,
            values=list(task.judge(genome).values),
            user_attrs={"genome": genome.text},
        )
