"""All contestants on all tasks from all seeds, a process a core; what was done already is kept and not done again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.tabular.contestants import CONTESTANTS
from benchmarks.tabular.harness import run_method
from benchmarks.tabular.table import TableSpace, read_table
from benchmarks.tabular.tasks import Task, deployment_task, front_task, search_task
from suite.atomic import written
from suite.progress import Display

TASKS = ("search", "deployment", "front")


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
    table: Path, folder: Path, budget: int, seeds: Sequence[int], display: Display
) -> dict[Entry, dict[str, Any]]:
    """Every entry's outcome: `lacks` after each evaluation, `proposed`, and `seconds` of the method itself."""
    entries = [Entry(task, name, seed) for seed in seeds for task in TASKS for name in CONTESTANTS]
    missing = [entry for entry in entries if not entry.path(folder).exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        display.phase("Entries", len(entries)) as phase,
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
    ):
        waiting = [pool.submit(_enter, entry, table, folder, budget) for entry in missing]
        for done, future in enumerate(as_completed(waiting), start=len(entries) - len(missing) + 1):
            future.result()
            phase.update(done)
        phase.finish(len(entries))
    return dict(_outcomes(entries, folder))


def task_of(name: str, space: TableSpace, seed: int) -> Task:
    """The task of that name; for deployment, the trainings take turns from seed to seed."""
    if name == "deployment":
        return deployment_task(space, seed % space.accuracies.shape[1])
    return search_task(space) if name == "search" else front_task(space)


def _enter(entry: Entry, table: Path, folder: Path, budget: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = read_table(table)
    task = task_of(entry.task, space, entry.seed)
    trace = run_method(
        CONTESTANTS[entry.contestant](task.problem, entry.seed), task.judge, space.place, budget
    )
    lacks = np.pad(task.lacks(trace.evaluated), (0, budget - len(trace.evaluated)), mode="edge")
    outcome = {"lacks": lacks.round(6).tolist(), "proposed": trace.proposed, "seconds": trace.seconds}
    with written(entry.path(folder)) as file:
        file.write(json.dumps(outcome).encode())


def _outcomes(entries: Sequence[Entry], folder: Path) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for entry in entries:
        yield entry, json.loads(entry.path(folder).read_text())
