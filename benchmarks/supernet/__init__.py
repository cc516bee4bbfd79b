"""Search methods on a trained supernet, whose oracle knows every network: `suite bench supernet [RUN]`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest.hold import contest_page
from benchmarks.supernet.judge import Oracle
from suite.progress import Display
from suite.run_directory import RUNS, RunDirectory


def run(display: Display, directory: RunDirectory, seeds: int, out: Path) -> Path:
    """Hold the contest on a run's oracle, going on with one that was stopped; returns the path of its page.

    Raises:
        RunDirectoryError: the run has no oracle, or one that is damaged.
    """
    oracle = Oracle(directory.path)
    name = f"supernet-{directory.run_id}-{oracle.sha256[:8]}"  # another oracle of the run is another judge
    command = f"suite bench supernet {Path(RUNS, *directory.path.parts[-2:])} --seeds {seeds}"
    return contest_page(display, oracle, name, seeds, command, out)
