"""Fill a truth table: every wanted training a trial of one Optuna study, shared by processes and machines."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
import torch
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from suite.errors import FidelityError
from suite.fidelity.truth_table import Drawn, TruthTable
from suite.fidelity.truth_worker import Job, readings_of, train_waiting
from suite.progress import Display
from suite.space import Genome, SearchSpace
from suite.trials import open_storage

_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Wanted:
    """One training."""

    genome: Genome
    seed: int
    drawn: Drawn


def train_truth(
    wanted: Sequence[Wanted], table: TruthTable, folder: Path, space: SearchSpace, job: Job, display: Display
) -> Path:
    """Train what the table lacks, a process for each thread of torch; returns the table's path.

    The table is written anew after every training. What another execution, or another machine on the same storage,
    has trained is taken in, and what a process that died was training is trained again from its checkpoint.

    Raises:
        FidelityError: some trainings failed; the others are kept.
    """
    study = optuna.create_study(
        storage=open_storage(job.storage), study_name=job.name, direction="maximize", load_if_exists=True
    )
    _take_in(study, table)
    missing = [want for want in wanted if not table.has(want.genome.text, want.seed)]
    _enqueue(study, space, missing)
    workers = [_start(job) for _ in range(min(torch.get_num_threads(), len(missing)))]
    try:
        with display.phase("Trainings", len(wanted)) as phase:
            while True:
                alive = any(worker.is_alive() for worker in workers)
                if _take_in(study, table):
                    table.write(folder)
                done = sum(table.has(want.genome.text, want.seed) for want in wanted)
                phase.update(done)
                if not alive:
                    break
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            phase.finish(done)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    _check(study, workers, len(wanted) - done)
    return table.write(folder)


def _start(job: Job) -> BaseProcess:
    """A worker in a fresh interpreter: torch's threads do not survive a fork."""
    worker = multiprocessing.get_context("spawn").Process(target=train_waiting, args=(job,), daemon=True)
    worker.start()
    return worker


def _take_in(study: optuna.Study, table: TruthTable) -> int:
    """Put finished trials that the table lacks into it; returns how many."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    new = [t for t in finished if not table.has(t.user_attrs["genome"], t.user_attrs["seed"])]
    for trial in new:
        table.add(readings_of(trial))
    return len(new)


def _enqueue(study: optuna.Study, space: SearchSpace, missing: Sequence[Wanted]) -> None:
    """A waiting trial for each training that neither waits nor runs.

    This host's running ones are of processes that died: the run directory's lock lets only one execution be here.
    """
    under_way = set()
    for trial in study.get_trials(deepcopy=False, states=(TrialState.WAITING, TrialState.RUNNING)):
        worker = trial.user_attrs.get("worker", {"host": None})
        if trial.state == TrialState.RUNNING and worker["host"] in (None, socket.gethostname()):
            study.tell(trial.number, state=TrialState.FAIL)
        else:
            under_way.add((trial.user_attrs["genome"], trial.user_attrs["seed"]))
    choices = {gene.name: CategoricalDistribution(gene.choices) for gene in space.genes}
    for want in missing:
        if (want.genome.text, want.seed) not in under_way:
            params = space.active_genes(want.genome)
            study.add_trial(
                create_trial(
                    state=TrialState.WAITING,
                    params=params,
                    distributions={name: choices[name] for name in params},
                    user_attrs={
                        "genome": want.genome.text,
                        "seed": want.seed,
                        "drawn": want.drawn,
                        "evaluated_on": "val-B",
                    },
                )
            )


def _check(study: optuna.Study, workers: Sequence[BaseProcess], lacking: int) -> None:
    """Say what went wrong, if anything did."""
    if not lacking:
        return
    failures = [
        t.user_attrs["failure"] for t in study.get_trials(deepcopy=False) if "failure" in t.user_attrs
    ]
    died = [f"a process ended with code {w.exitcode}" for w in workers if w.exitcode]
    elsewhere = f"{lacking} trainings are under way on another machine"
    raise FidelityError(
        f"{lacking} trainings are not done: {'; '.join([*failures, *died][:3]) or elsewhere}.",
        where=study.study_name,
        remedy="The same command goes on with them.",
    )
