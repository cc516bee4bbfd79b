"""Search methods on a table of really trained networks: `suite bench tabular --table FILE`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.tabular.contest import TASKS, hold_contest
from benchmarks.tabular.page import Contest, write_page
from benchmarks.tabular.standings import standings
from benchmarks.tabular.table import read_table
from benchmarks.tabular.tasks import deployment_floor
from suite.device import device_facts, open_device
from suite.progress import Display
from suite.run_directory import RUNS

BUDGET = 1_000


def run(display: Display, table: Path, seeds: int, out: Path) -> Path:
    """Hold the contest, going on with one that was stopped, and write its page; returns the page's path."""
    space = read_table(table)
    budget = min(BUDGET, space.size)
    kept = RUNS / f"benchmark-tabular-{table.stem}-{budget}"
    outcomes = hold_contest(table, kept, budget, range(seeds), display)
    contest = Contest(
        table.stem,
        space.size,
        space.distinct,
        tuple(deployment_floor(space, training) for training in range(space.accuracies.shape[1])),
        seeds,
        budget,
        device_facts(open_device("cpu")).name,
        f"suite bench tabular --table {table.name} --seeds {seeds}",
        {task: standings(outcomes, task) for task in TASKS},
    )
    return write_page(contest, out)
