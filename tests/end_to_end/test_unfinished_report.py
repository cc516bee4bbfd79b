"""The report of a run that was stopped says so first, and is silent on what has not happened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suite.report import write_report
from suite.run_directory import RunDirectory

PHASES = ("supernet", "search", "finalists", "final")
OF_PHASE = {
    "supernet": {"The supernet"},
    "search": {"How the search went", "The front", "Which choices seem to matter"},
    "finalists": {"The finalists"},
    "final": {
        "The answer",
        "The winner",
        "The test",
        "Where it errs",
        "How sure it is",
        "Limits of the claim",
        "NAS best practice",
    },
}
LATER = {  # by commands that were not given
    "The search against the whole space",
    "The front, exact and found",
    "The best network for each size",
    "When evolution is needed",
    "Which choices matter",
    "Does the supernet rank?",
    "What can be promised",
    "Against rivals",
}


def stopped_before(phase: str, finished: Path, folder: Path) -> RunDirectory:
    """A copy of a finished run without the results of a phase and all after it."""
    run = RunDirectory(Path(shutil.copytree(finished, folder / "run")))
    for gone in PHASES[PHASES.index(phase) :]:
        (run.path / "results" / f"{gone}.json").unlink()
    if phase != "final":
        (run.path / "results" / "candidates.json").unlink()
    for later in ("choice.json", "test_ledger.jsonl"):
        (run.path / "results" / later).unlink()
    return run


def titles(page: str) -> set[str]:
    return {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}


@pytest.mark.parametrize("phase", PHASES)
def test_an_unfinished_run_says_what_is_missing_and_nothing_of_it(
    phase: str, finished: Path, tmp_path: Path
) -> None:
    missing = PHASES[PHASES.index(phase) :]
    page = write_report(stopped_before(phase, finished, tmp_path)).read_text()
    words = ", ".join("fine-tuning and the test" if gone == "final" else gone for gone in missing)
    assert (
        f"> **This run is not finished.** Still missing: {words}. Go on with " in page.partition("\n## ")[0]
    )
    absent = set().union(*(OF_PHASE[gone] for gone in missing))
    assert titles(page) & absent == set()
    assert titles(page) >= set().union(*(OF_PHASE[done] for done in PHASES if done not in missing))
    assert "could not be" not in page
    browsed = (tmp_path / "run" / "report" / "report.html").read_text()
    assert "This run is not finished" in browsed
    assert f"Still missing: {words}" in browsed


def test_a_finished_run_has_every_part_of_its_phases_and_none_of_later_ones(finished: Path) -> None:
    page = (finished / "report" / "report.md").read_text()
    assert "not finished" not in page
    assert titles(page) >= set().union(*OF_PHASE.values())
    assert titles(page) & LATER == set()
