"""Our side of the race: a whole run of the suite within a budget."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.wall_clock.plan import UNKNOWN_CODE, Plan, code_of_race, piece_name
from benchmarks.wall_clock.sides import OURS
from suite.data import Place
from suite.launch import InterruptedRun, Request, begin, go_on
from suite.own_code import own_code
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import StudySettings
from suite.used_study import used_study

SEARCHED_WITH = ("method", "random_pool", "population", "offspring", "generations", "preselection")


@dataclass(frozen=True)
class Ours:
    """What the others are given: as long, and as many epochs."""

    chosen_after: float  # seconds
    finalist_epochs: int
    final_epochs: int  # of fine-tuning


def run_ours(plan: Plan, minutes: float, seed: int, place: Place, display: Display) -> Ours:
    """The run from data to the tested winner, whose piece is then kept.

    A run that was stopped before it had chosen is begun anew: the seconds of what it had under way are in none of its
    records.

    Raises:
        KeyboardInterrupt: by Ctrl-C.
    """
    piece = piece_name(OURS, minutes, seed)
    if (known := plan.pieces.read_json(piece)) is None:
        run = RunDirectory((plan.runs.path / piece).with_suffix(""))
        known = _piece(plan, minutes, seed, place, run, display)
        plan.pieces.write_json(piece, known)
    return Ours(known["chosen_after"], known["epochs"]["finalists"], known["epochs"]["final"])


def _piece(
    plan: Plan, minutes: float, seed: int, place: Place, run: RunDirectory, display: Display
) -> dict[str, Any]:
    results = run.read_json("results.json") or _run(plan.asked(seed), 60 * minutes, run, place, display)
    used = used_study(run)
    spent = results["search"]["seconds"]
    # From the first phase to the last finalist, and to the last result: what is between phases too. run.json itself
    # is written again where a run is gone on with.
    begun = datetime.fromisoformat(str((run.read_json("run.json") or {})["started"])).timestamp()
    chosen, ended = ((run.path / name).stat().st_mtime for name in ("results/finalists.json", "results.json"))
    return {
        "minutes": minutes,
        "seed": seed,
        "code": _code(run),
        "epochs": {
            "supernet": used.supernet.epochs,
            "finalists": used.finalists.epochs,
            "final": used.final.epochs,
        },
        "search": used.search.model_dump(include=set(SEARCHED_WITH)),
        "stop": used.finalists.stop,
        "max_macs": used.search.limits.max_macs,
        "seconds": ended - begun,
        "chosen_after": chosen - begun,
        "fine_tuning": float(spent["final"]),
        "evaluating": spent["supernet"] + spent["search"],
        "evaluated": results["search"]["unique_genomes"],
        "genome": results["winner"]["genome"],
        "test": results["test"],
    }


def _code(run: RunDirectory) -> str:
    """That which made the run: one of before, whose piece was lost, is not made again."""
    facts = run.read_json("run.json") or {}
    ours = own_code().source == facts.get("code", {}).get("source") and "earlier_code" not in facts
    return code_of_race() if ours else UNKNOWN_CODE


def _run(
    study: StudySettings, seconds: float, run: RunDirectory, place: Place, display: Display
) -> dict[str, Any]:
    request = Request(study, place, "auto", None, seconds, None)
    try:
        if run.read_result("finalists") is not None:  # it had chosen, and may have been tested
            return go_on(request, run, display).results
        shutil.rmtree(run.path, ignore_errors=True)
        return begin(request, run.path, display).results
    except InterruptedRun:
        raise KeyboardInterrupt from None
