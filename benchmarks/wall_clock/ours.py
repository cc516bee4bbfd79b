"""Our side of the race: a whole run of the suite within a budget."""

from __future__ import annotations

import shutil
from typing import Any

from benchmarks.wall_clock.plan import Plan
from suite.data import Place
from suite.launch import InterruptedRun, Request, begin
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import StudySettings


def run_ours(plan: Plan, minutes: float, seed: int, place: Place, display: Display) -> float:
    """The run from data to the tested winner, whose piece is then kept; returns the seconds until it had chosen.

    A run that was stopped is begun anew: the seconds of what it had under way are in none of its records.

    Raises:
        KeyboardInterrupt: by Ctrl-C.
    """
    piece = ours_piece(minutes, seed)
    if (known := plan.kept.read_json(piece)) is not None:
        return float(known["chosen_after"])
    run = RunDirectory((plan.kept.path / piece).with_suffix(""))
    results = run.read_json("results.json") or _run(plan.within(minutes, seed), run, place, display)
    spent = results["search"]["seconds"]
    # From the first phase to the last finalist, and to the last result: what is between phases too.
    begun, chosen, ended = (
        (run.path / name).stat().st_mtime for name in ("run.json", "results/finalists.json", "results.json")
    )
    chosen_after = chosen - begun
    plan.kept.write_json(
        piece,
        {
            "minutes": minutes,
            "seed": seed,
            "seconds": ended - begun,
            "chosen_after": chosen_after,
            "fine_tuning": float(spent["final"]),
            "evaluating": spent["supernet"] + spent["search"],
            "evaluated": results["search"]["unique_genomes"],
            "genome": results["winner"]["genome"],
            "test": results["test"],
        },
    )
    return chosen_after


def ours_piece(minutes: float, seed: int) -> str:
    """Where the piece of a budget and a seed is kept; its run is in the folder of that name."""
    return f"ours/{minutes:g}-minutes-seed-{seed}.json"


def _run(study: StudySettings, run: RunDirectory, place: Place, display: Display) -> dict[str, Any]:
    shutil.rmtree(run.path, ignore_errors=True)
    try:
        return begin(Request(study, place, "auto", None, None, None), run.path, display).results
    except InterruptedRun:
        raise KeyboardInterrupt from None
