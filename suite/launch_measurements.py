"""From a run's trained supernet to what is measured of it afterwards: the whole space, shortlists, fidelity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from suite.clean_stop import clean_stop
from suite.data import Data, Place, open_data
from suite.data.begun_on import check_begun_on
from suite.device import open_device, open_device_of
from suite.fidelity.measure_run import Asked, measure_run
from suite.fidelity.promise_of_run import promise_of_run
from suite.oracle import score_space
from suite.progress import Display
from suite.report import write_report
from suite.run_directory import RunDirectory
from suite.shortlist import shortlist_space
from suite.space import SearchSpace, space_of_run
from suite.storage_url import shown_url, storage_url
from suite.study import StudySettings
from suite.supernet import Scorer, load_supernet
from suite.supernet.scoring import MEMORY
from suite.used_study import used_study


@dataclass(frozen=True)
class Walk:
    """What a user asked of a run's supernet, and what it may take."""

    place: Place
    device: str
    memory: int  # bytes of activations


def score_every_network(run: RunDirectory, asked: Walk, pictures: int | None, display: Display) -> Path:
    """Walk the whole space with a run's supernet, and write its report again; returns the report's path.

    Raises:
        RunDirectoryError: the run has no trained supernet yet, or was begun on other data.
    """
    with run.locked(), clean_stop(run.path, str(run.path), "the same command"):
        study, space, scorer, data = _trained(run, asked)
        score_space(study, space, scorer, data, run, display, pictures)
        _promise(run, study, space, display)
        return write_report(run, display)


def shortlist_networks(
    run: RunDirectory, asked: Walk, order: int, display: Display, *, screen: bool
) -> dict[str, Any]:
    """The exact fronts of the space on val-A by successive rejection; returns results/shortlist.json.

    Raises:
        RunDirectoryError: the run has no trained supernet yet, or was begun on other data.
    """
    with run.locked(), clean_stop(run.path, str(run.path), "the same command"):
        study, space, scorer, data = _trained(run, asked)
        return shortlist_space(study, space, scorer, data, run, display, order, screen=screen)


def measure_fidelity(run: RunDirectory, asked: Asked, display: Display) -> dict[str, Any]:
    """Hold a run's supernet against trained networks, and write its report again; returns results/fidelity.json.

    Raises:
        RunDirectoryError: the run has no trained supernet yet, or was begun on other data.
        FidelityError: the truth table there is of another regime, or damaged.
        TrainingError: a training failed.
        StorageError: a training's trial is not what was recorded.
    """
    storage = shown_url(storage_url(run, asked.storage))
    with run.locked(), clean_stop(run.path, storage, "the same command"):
        study, space, scorer, data = _trained(run, Walk(asked.place, asked.device, MEMORY))
        result = measure_run(study, space, scorer, data, run, asked, display)
        _promise(run, study, space, display)
        write_report(run, display)
        return result


def _promise(run: RunDirectory, study: StudySettings, space: SearchSpace, display: Display) -> None:
    if run.read_result("fidelity") is not None:  # which it goes by
        with display.phase("Prediction", 1) as phase:
            promise_of_run(run, study, space)
            phase.finish(1)


def _trained(run: RunDirectory, asked: Walk) -> tuple[StudySettings, SearchSpace, Scorer, Data]:
    """A run's supernet, ready to score on the device asked for, or else on that of the run.

    Raises:
        RunDirectoryError: it has none yet, or its study.toml or its data are not what it was run with.
        DeviceError: this machine lacks the device.
    """
    facts, study = run.read_json("run.json") or {}, used_study(run)
    space = space_of_run(study.space, facts)
    supernet = load_supernet(study, space, run)
    device = _device(asked.device, facts["device"], run)
    data = open_data(study.data, asked.place)
    check_begun_on(run, data)
    return study, space, Scorer(supernet, data, device, memory=asked.memory), data


def _device(asked: str, of_run: dict[str, Any], run: RunDirectory) -> torch.device:
    """Times of another device than the run's are only taken by whoever asks for them."""
    if asked == "auto":
        return open_device_of(of_run, run.path, "Go to that machine, or ask for another device by --device.")
    return open_device(asked, threads=of_run["threads"])
