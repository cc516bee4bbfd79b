"""A study from several seeds, one after the other, each an ordinary run; then all of them on one page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from suite.comparison import Comparison, compare_runs
from suite.launch import Request, begin, check_asked_again, go_on
from suite.progress import Display
from suite.report.comparison_page import write_comparison
from suite.run_directory import RunDirectory
from suite.run_set import RunSet
from suite.storage_url import storage_url


def run_seeds(request: Request, run_set: RunSet, display: Display) -> tuple[Comparison, Path]:
    """Run every seed of a set that is not finished yet; returns the comparison of all, and its page.

    Raises:
        RunDirectoryError: the set is another process's, or a run of it was begun with other settings.
        SuiteError: a run cannot be begun, or failed; those before it are kept.
        InterruptedRun: by Ctrl-C.
    """
    asked = _as_begun(request, run_set)
    with run_set.held():
        for number, seed in enumerate(run_set.runs, start=1):
            display.say(f"Seed {seed}, {number} of {len(run_set.runs)}:")
            _run_seed(_from_seed(asked, seed), run_set.run_path(seed), display)
        comparison = compare_runs(run_set.every_run())
        return comparison, write_comparison(comparison, run_set.path / "report")


def _as_begun(request: Request, run_set: RunSet) -> Request:
    """The request, with what was asked of the set's runs where the user does not say it again.

    Raises:
        RunDirectoryError: something else was asked of one of them; names the difference.
        StorageError: a password would go to a server that only the set's files name.
    """
    begun = run_set.begun()
    if not begun:
        return request
    for seed, run in begun.items():
        check_asked_again(_from_seed(request, seed), run)
    first = begun[min(begun)]
    facts = first.read_json("run.json") or {}
    device = facts["device"]["device"] if request.device == "auto" else request.device
    in_one_storage = facts["storage"] is not None  # otherwise each run has a file of its own
    storage = storage_url(first, request.storage) if in_one_storage else request.storage
    return replace(request, device=device, storage=storage, budget_seconds=facts["time_budget_seconds"])


def _from_seed(request: Request, seed: int) -> Request:
    return replace(request, study=request.study.model_copy(update={"seed": seed}))


def _run_seed(request: Request, path: Path, display: Display) -> None:
    if not (path / "run.json").is_file():
        begin(request, path, display)
        return
    run = RunDirectory.open(path)
    if "test" in (run.read_json("results.json") or {}):
        display.say(f"  finished before, in {run.path}")
    else:
        go_on(request, run, display)
