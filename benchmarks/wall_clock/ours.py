"""Our side of the race: a whole run of the suite within a budget."""

from __future__ import annotations

from benchmarks.wall_clock.plan import Plan
from suite.data import Place
from suite.launch import InterruptedRun, Request, begin, go_on
from suite.progress import Display
from suite.run_directory import RunDirectory


def run_ours(plan: Plan, minutes: float, seed: int, place: Place, display: Display) -> None:
    """The run from data to the tested winner, gone on with if it was stopped; its piece is then kept.

    Raises:
        KeyboardInterrupt: by Ctrl-C; the run can be gone on with.
    """
    piece = ours_piece(minutes, seed)
    if plan.kept.read_json(piece) is not None:
        return
    path = (plan.kept.path / piece).with_suffix("")
    request = Request(plan.within(minutes, seed), place, "auto", None, None, None)
    stopped_before = (path / "run.json").is_file()
    try:
        run = RunDirectory(path)
        finished = go_on(request, run, display) if stopped_before else begin(request, path, display)
    except InterruptedRun:
        raise KeyboardInterrupt from None
    spent = finished.results["search"]["seconds"]
    # From the first phase to the last result, what is between phases too; of a run that was stopped, the phases.
    begun, ended = ((path / name).stat().st_mtime for name in ("run.json", "results.json"))
    seconds = spent["total"] if stopped_before else ended - begun
    plan.kept.write_json(
        piece,
        {
            "minutes": minutes,
            "seed": seed,
            "seconds": seconds,
            "chosen_after": seconds - spent["final"],
            "evaluating": spent["supernet"] + spent["search"],
            "evaluated": finished.results["search"]["unique_genomes"],
            "genome": finished.results["winner"]["genome"],
            "test": finished.results["test"],
        },
    )


def ours_piece(minutes: float, seed: int) -> str:
    """Where the piece of a budget and a seed is kept; its run is in the folder of that name."""
    return f"ours/{minutes:g}-minutes-seed-{seed}.json"
