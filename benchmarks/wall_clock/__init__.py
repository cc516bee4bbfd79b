"""The suite against plain Optuna over trainings, by the clock: `suite bench wall-clock --study STUDY`.

For each seed and each budget, our run comes first, then the rival's search, which has as long as our run took until
it had chosen, and once more with trials that are shorter; then one hand-made network is trained for as long, with
nothing searched. All fine-tune and test by the same recipe. Each finished piece is kept beside the page, and not made
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.wall_clock.by_hand import run_by_hand
from benchmarks.wall_clock.ours import run_ours
from benchmarks.wall_clock.page import write_page
from benchmarks.wall_clock.plan import code_of_race, open_plan
from benchmarks.wall_clock.sides import RIVALS, THE_SUITE
from benchmarks.wall_clock.theirs import TRIALS, run_theirs
from suite.data import find_data, open_data
from suite.device import open_device
from suite.own_code import own_code
from suite.progress import Display
from suite.study import read_study
from suite.wording import duration, plural


def run(
    display: Display,
    study_file: Path,
    overrides: Sequence[str],
    budgets: Sequence[float],
    seeds: int,
    out: Path,
) -> Path:
    """Measure what is not measured yet, budgets in minutes, and write the page of all races; returns its path.

    Raises:
        RunDirectoryError: another process is at it.
        KeyboardInterrupt: by Ctrl-C; what is finished is kept.
    """
    study = read_study(study_file, overrides)
    place, device = find_data(study.data), open_device("auto")
    data = open_data(study.data, place)
    plan = open_plan(study, study_file, overrides, data, out)
    code_of_race(), own_code()  # as they are now, however long the race takes
    longest = (1 + len(RIVALS)) * seeds * sum(budgets)
    display.say(f"Of {plural(seeds, 'seed')}: up to {duration(60 * longest)}, what is kept left out.")
    with plan.runs.locked():
        for seed in range(study.seed, study.seed + seeds):
            for minutes in budgets:
                display.say(f"Seed {seed}, {minutes:g} minutes: {THE_SUITE}")
                ours = run_ours(plan, minutes, seed, place, display)
                for side, name in RIVALS.items():
                    display.say(f"Seed {seed}, {minutes:g} minutes: {name}")
                    if side in TRIALS:
                        run_theirs(side, plan, minutes, ours, seed, data, device, display)
                    else:
                        run_by_hand(plan, minutes, ours, seed, data, device, display)
                    page = write_page(out)  # each time: hours may lie between them
    return page
