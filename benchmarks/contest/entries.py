"""All contestants on all tasks from all seeds, a process a core; what was done already is kept and not done again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.harness import run_method
from benchmarks.contest.judge import Source
from suite.atomic import written
from suite.progress import Display


@dataclass(frozen=True)
class Entry:
    """One seed of one contestant on one task."""

    task: str
    contestant: str
    seed: int

    def path(self, folder: Path) -> Path:
        """Where its outcome is kept."""
        return folder / f"{self.task}, {self.contestant}, {self.seed}.json"


def hold_contest(
    source: Source, folder: Path, budget: int, seeds: Sequence[int], display: Display
) -> Mapping[Entry, dict[str, Any]]:
    """Every entry's outcome.

    `evaluated` has the judge's rows in the order of evaluation, `lacks` what was lacking after each, `seconds` are
    the method's own.
    """
    tasks = source.judge().topics
    entries = [Entry(task, name, seed) for seed in seeds for task in tasks for name in CONTESTANTS]
    missing = [entry for entry in entries if not entry.path(folder).exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        display.phase("Entries", len(entries), "entries") as phase,
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
    ):
        waiting = [pool.submit(_enter, entry, source, folder, budget) for entry in missing]
        try:
            for done, future in enumerate(as_completed(waiting), start=len(entries) - len(missing) + 1):
                future.result()
                phase.update(done)
        except BaseException:  # Ctrl-C too: the pool would hold all that is left first
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        phase.finish(len(entries))
    return dict(_outcomes(entries, folder))


def _enter(entry: Entry, source: Source, folder: Path, budget: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    judge = source.judge()
    task = judge.task(entry.task, entry.seed)
    method = CONTESTANTS[entry.contestant].make(task.problem, entry.seed)
    trace = run_method(method, task.judge, judge.place, budget)
    lacks = np.pad(task.lacks(trace.evaluated), (0, budget - len(trace.evaluated)), mode="edge")
    outcome = {
        "evaluated": trace.evaluated.tolist(),
        "lacks": lacks.round(6).tolist(),
        "proposed": trace.proposed,
        "seconds": trace.seconds,
    }
    with written(entry.path(folder)) as file:
        file.write(json.dumps(outcome).encode())


def _outcomes(entries: Sequence[Entry], folder: Path) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for entry in entries:
        yield entry, json.loads(entry.path(folder).read_text())
