"""The suite against plain Optuna over trainings, by the clock: `suite bench wall-clock --study STUDY`.

For each seed and each budget, our run comes first, then the rival's search, which has as long as our run took until
it had chosen; both then fine-tune and test by the same recipe. Each finished piece is kept and not made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.wall_clock.ours import run_ours
from benchmarks.wall_clock.page import write_page
from benchmarks.wall_clock.plan import open_plan
from benchmarks.wall_clock.theirs import run_theirs
from suite.data import find_data, open_data
from suite.device import open_device
from suite.progress import Display
from suite.run_directory import RUNS
from suite.study import read_study


def run(display: Display, study_file: Path, budgets: Sequence[float], seeds: int, out: Path) -> Path:
    """Measure what is not measured yet, budgets in minutes, and write the page of all studies; returns its path.

    Raises:
        RunDirectoryError: earlier pieces are of another machine or of other pictures, or another process is at it.
        KeyboardInterrupt: by Ctrl-C; what is finished is kept.
    """
    study = read_study(study_file)
    place, device = find_data(study.data), open_device("auto")
    data = open_data(study.data, place)
    plan = open_plan(study, study_file, data)
    with plan.kept.locked():
        for seed in range(study.seed, study.seed + seeds):
            for minutes in budgets:
                display.say(f"Seed {seed}, {minutes:g} minutes: the suite")
                chosen_after = run_ours(plan, minutes, seed, place, display)
                display.say(f"Seed {seed}, {minutes:g} minutes: Optuna over trainings")
                run_theirs(plan, minutes, chosen_after, seed, data, device, display)
                page = write_page(RUNS, out)  # after each pair: hours may lie between them
    return page
