"""A whole contest on one judge: every entry, then the page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest.browsable import record_first_seed
from benchmarks.contest.entries import code_of_methods, hold_contest
from benchmarks.contest.judge import Source
from benchmarks.contest.page import Contest, write_page
from benchmarks.contest.standings import standings
from suite.progress import Display
from suite.run_directory import RUNS

BUDGET = 1_000
_NOT_RECORDED = "a machine that older entries do not name"


def contest_page(display: Display, source: Source, name: str, seeds: int, command: str, out: Path) -> Path:
    """Hold the contest, going on with one that was stopped, and write its page; returns the page's path.

    What is done is kept under `runs/benchmark-<name>-<budget>`.
    """
    judge = source.judge()
    budget = min(BUDGET, judge.size)
    kept = RUNS / f"benchmark-{name}-{budget}"
    outcomes = hold_contest(source, kept, budget, range(seeds), display)
    by_task = {task: standings(outcomes, task) for task in judge.topics}
    named = {outcome.get("machine", _NOT_RECORDED) for outcome in outcomes.values()}
    machines = sorted(named, key=lambda name: (name == _NOT_RECORDED, name))
    older = sum(outcome.get("code") != code_of_methods(type(source)) for outcome in outcomes.values())
    first = {(e.task, e.contestant): outcome["evaluated"] for e, outcome in outcomes.items() if e.seed == 0}
    record = record_first_seed(judge, first, kept)
    contest = Contest(judge, seeds, budget, machines, older / len(outcomes), command, record, by_task)
    return write_page(contest, out)
