"""What networks that are trained after a run share with it: its pictures, its recipe and its machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from suite.data import Data, Place, open_data
from suite.data.begun_on import check_begun_on
from suite.device import open_device_of
from suite.run_directory import RunDirectory
from suite.space import SearchSpace, space_of_run
from suite.study import StudySettings
from suite.supernet import Scorer, load_supernet
from suite.used_study import used_study


@dataclass(frozen=True)
class RunToMatch:
    """A run whose pictures, recipe and machine other networks share."""

    run: RunDirectory
    study: StudySettings
    space: SearchSpace
    data: Data
    device: torch.device
    scorer: Callable[[], Scorer]  # of its supernet, should its finalists have begun from that


def run_to_match(run: RunDirectory, place: Place) -> RunToMatch:
    """Open what a run was made with, on the device it was begun on.

    Raises:
        RunDirectoryError: its study.toml or its data are not what it was run with.
        DeviceError: this machine lacks the run's device.
    """
    facts, study = run.read_json("run.json") or {}, used_study(run)
    space = space_of_run(study.space, facts)
    remedy = "What is set beside its networks is trained on the same: go to that machine."
    device = open_device_of(facts["device"], run.path, remedy)
    data = open_data(study.data, place)
    check_begun_on(run, data)

    def scorer() -> Scorer:
        return Scorer(load_supernet(study, space, run), data, device)

    return RunToMatch(run, study, space, data, device, scorer)
