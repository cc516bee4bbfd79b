"""From a finished run to its reference networks: open what it was made with, train them, write results and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.clean_stop import clean_stop
from suite.data import Place, open_data
from suite.data.begun_on import check_begun_on
from suite.device import open_device
from suite.progress import Display
from suite.references import RunToMatch, train_references
from suite.report import write_report
from suite.results import write_results
from suite.run_directory import RunDirectory
from suite.space import space_of_run
from suite.supernet import Scorer, load_supernet
from suite.used_study import used_study


def set_references_beside(
    run: RunDirectory, place: Place, seeds: int, display: Display
) -> tuple[dict[str, Any], Path]:
    """Train and test a run's reference networks on the device it was begun on; returns the result and the report.

    Raises:
        RunDirectoryError: the run has no tested winner, declares no reference networks, or its study.toml or its data
            are not what it was run with.
        DeviceError: this machine lacks the run's device.
    """
    with run.locked(), clean_stop(run.path, str(run.path), "the same command"):
        match = _opened(run, place)
        result = train_references(match, seeds, display)
        write_results(match.study, run)
        return result, write_report(run, display)


def _opened(run: RunDirectory, place: Place) -> RunToMatch:
    facts, study = run.read_json("run.json") or {}, used_study(run)
    space = space_of_run(study.space, facts)
    device = open_device(facts["device"]["device"], threads=facts["device"]["threads"])
    data = open_data(study.data, place)
    check_begun_on(run, data)

    def scorer() -> Scorer:
        return Scorer(load_supernet(study, space, run), data, device)

    return RunToMatch(run, study, space, data, device, scorer)
