"""From a finished run to its reference networks: open what it was made with, train them, write results and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.clean_stop import clean_stop
from suite.data import Place
from suite.progress import Display
from suite.references import run_to_match, train_references
from suite.report import write_report
from suite.results import write_results
from suite.run_directory import RunDirectory


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
        match = run_to_match(run, place)
        result = train_references(match, seeds, display)
        write_results(match.study, run)
        return result, write_report(run, display)
