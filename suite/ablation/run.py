"""An ablation run: every cell, from every seed, a trial of one Optuna study; then all of them in one result."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.ablation.settings import Ablation, Cell
from suite.ablation.worker import Job, train_cells
from suite.data import Place, open_data
from suite.device import device_facts, open_device, workers_on
from suite.errors import FidelityError, TrainingError
from suite.fidelity.truth_table import read_table
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.storage_url import storage_url
from suite.trial_queue import done_trials, enqueue, run_workers, what_went_wrong
from suite.trials import VAL_B_ACCURACY, open_storage, study_of_trainings

PHASE = "ablation"
_MARK = "ablation.json"


@dataclass(frozen=True)
class Asked:
    """Where an ablation's truth and pictures are, and what it runs on."""

    truth: Path
    place: Place
    device: str
    storage: str | None


def open_ablation(path: Path, name: str) -> RunDirectory:
    """The ablation's directory, begun or gone on with. It has no run.json: it is no run to report on or export.

    Raises:
        RunDirectoryError: something else is there.
    """
    run = RunDirectory(path)
    if run.read_json(_MARK) is None:
        run = RunDirectory.create(path)
        run.write_json(_MARK, {"ablation": name})
    return run


def run_ablation(ablation: Ablation, asked: Asked, run: RunDirectory, display: Display) -> dict[str, Any]:
    """Train what is not trained yet, as many at once as the device is good for; returns results/ablation.json.

    Cells that an earlier execution trained under the same settings are not trained again.

    Raises:
        FidelityError: the truth is of other pictures or another space.
        TrainingError: some trainings failed; the others are kept.
        StorageError: a trial is not what was recorded.
    """
    table = read_table(asked.truth / ablation.truth)
    device = open_device(asked.device)
    first = ablation.cells[0].study
    data = open_data(first.data, asked.place)
    if (data.provenance.sha256, first.space) != (table.regime.sha256, table.regime.space):
        raise FidelityError("is of other pictures or another space.", where=str(asked.truth / ablation.truth))
    networks = table.networks()
    job = Job(
        {cell.name: cell for cell in ablation.cells},
        ablation.minutes,
        tuple(networks),
        asked.place,
        device.type,
        storage_url(run, asked.storage),
        f"ablations/{ablation.name}/{run.run_id}",
        run,
    )
    trials = _train(ablation, job, display)
    seeds = table.seeds()
    result = {
        "name": ablation.name,
        "truth": ablation.truth,
        "networks": networks,
        "truth_seeds": seeds,
        "truth_accuracy": table.values(networks, seeds).tolist(),
        "minutes": list(ablation.minutes),
        "device": device_facts(device).to_json(),
        "cells": [
            {
                "name": cell.name,
                "overrides": list(cell.overrides),
                "seeds": [
                    {"seed": seed, "readings": trials[_key(cell, seed, job)].user_attrs["readings"]}
                    for seed in cell.seeds
                ],
            }
            for cell in ablation.cells
        ],
    }
    run.write_result(PHASE, result)
    return result


def _train(ablation: Ablation, job: Job, display: Display) -> dict[str, FrozenTrial]:
    """Every wanted training's finished trial, by its key."""
    # Workers wait for a database that is away as well, but only this process says so.
    study = study_of_trainings(open_storage(job.storage, display.say), job.name, f"mean {VAL_B_ACCURACY}")
    # Seed by seed, so that an unfinished table already has every cell.
    trainings = sorted(
        ((cell, seed) for cell in ablation.cells for seed in cell.seeds), key=lambda pair: pair[1]
    )
    wanted = {_key(cell, seed, job): (cell, seed) for cell, seed in trainings}
    missing = wanted.keys() - _finished(study).keys()
    enqueue(study, [_trial(*wanted[key], key) for key in wanted if key in missing], same=_key_of)
    with display.phase("Supernets", len(wanted), "supernets") as phase:

        def look() -> None:
            phase.update(len(wanted.keys() & _finished(study).keys()))

        reasons = run_workers(train_cells, job, workers_on(job.device, len(missing)), look)
        finished = _finished(study)
        lacking = len(wanted.keys() - finished.keys())
        phase.finish(len(wanted) - lacking)
    if lacking:
        raise TrainingError(
            f"{lacking} supernets are not trained: {what_went_wrong(study, reasons)}.",
            where=study.study_name,
            remedy="The same command goes on with them.",
        )
    return finished


def _finished(study: optuna.Study) -> dict[str, FrozenTrial]:
    return {_key_of(trial): trial for trial in done_trials(study)}


def _trial(cell: Cell, seed: int, key: str) -> FrozenTrial:
    attributes = {"cell": cell.name, "overrides": list(cell.overrides), "seed": seed, "key": key}
    return create_trial(state=TrialState.WAITING, user_attrs=attributes)


def _key(cell: Cell, seed: int, job: Job) -> str:
    """All that a training's readings depend on: one with the same key need not be done again."""
    study = cell.study
    settings = study.supernet.model_dump_json() + study.data.model_dump_json() + study.space.model_dump_json()
    content = f"{settings} {seed} {job.minutes} {job.networks}"
    if job.device != "cpu":  # where it once went without saying
        content += f" {job.device}"
    return hashlib.sha256(content.encode()).hexdigest()


def _key_of(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get("key"))  # a damaged one has none
