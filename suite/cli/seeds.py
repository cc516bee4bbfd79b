"""`suite search STUDY --seeds N`: which set of seeds is meant, and its table at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from suite.cli.options import INTERRUPTED
from suite.errors import StudyFileError
from suite.escaping import printable
from suite.progress import Display
from suite.run_directory import RUNS
from suite.run_set import RunSet, is_set, latest_set
from suite.study import MOST_SEED, StudySettings
from suite.wording import aligned

if TYPE_CHECKING:  # torch, which mistakes are told without
    from suite.comparison import Comparison, FinishedRun
    from suite.launch import Request

MOST_SEEDS = 1000


def set_of_seeds(folder: Path | None, study: StudySettings, seeds: int, *, resume: bool) -> RunSet:
    """The set to begin, or the one that was stopped.

    Raises:
        StudyFileError: the last seed would be too large.
        RunDirectoryError: there is no set to go on with, it is of another study or other seeds, or the folder of a
            new one is taken.
    """
    if study.seed + seeds - 1 > MOST_SEED:
        raise StudyFileError(
            f"seeds {study.seed} to {study.seed + seeds - 1} go beyond {MOST_SEED}.",
            where="--seeds",
            remedy="Give a smaller --seed.",
        )
    if not resume:
        return RunSet.new(folder, study.name, study.seed, seeds)
    stopped = latest_set(RUNS, study.name) if folder is None else RunSet.open(folder)
    return stopped.grown(study.seed, seeds)


def search_seeds(request: Request, run_set: RunSet, again: str, display: Display) -> None:
    """Run what is not finished of the set, and say how its seeds came out; `again` is the command to go on."""
    from suite.comparison import differences
    from suite.launch import InterruptedRun
    from suite.seeds import run_seeds

    try:
        comparison, page = run_seeds(request, run_set, display)
    except (InterruptedRun, KeyboardInterrupt):
        kept = f"What was done is kept, seed by seed; go on with\n  {again}"
        said = kept if is_set(run_set.path) else "No run had begun; nothing was kept."
        print(printable(f"\nInterrupted. {said}"), file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    print(_table(comparison))
    if keys := [printable(key) for key, _ in differences(comparison)]:
        print(f"Not the same for all seeds, see the page: {', '.join(keys)}")
    print(f"Compared {printable(str(page))}")


def _table(comparison: Comparison) -> str:
    """A line a seed, then mean and deviation of the numbers."""
    columns: dict[str, tuple[Callable[[FinishedRun], float], str]] = {
        "Test accuracy": (lambda run: run.accuracy, ".4f"),
        "Parameters": (lambda run: float(run.results["winner"]["params"]), ",.0f"),
        "Latency (ms)": (lambda run: run.latency_ms, ".3f"),
        "Seconds": (lambda run: run.seconds["total"], ",.1f"),
    }
    rows = [["Seed", "Winner", *columns]]
    for group in comparison.groups:  # one, unless the pictures were others halfway
        for run in group.runs:
            numbers = [format(value(run), form) for value, form in columns.values()]
            rows.append([str(run.study.seed), printable(run.results["winner"]["genome"]), *numbers])
        spreads = [(group.spread(value), form) for value, form in columns.values()]
        numbers = [f"{spread.mean:{form}} ± {spread.deviation:{form}}" for spread, form in spreads]
        rows.append(["", "mean ± deviation", *numbers])
    return "\n".join(aligned(rows, left=(1,)))
