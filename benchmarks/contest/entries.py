"""All contestants on all tasks from all seeds, a process a core; what was done already is kept and not done again."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.harness import run_method
from benchmarks.contest.judge import Judge, Source
from benchmarks.contest.tasks import Task
from suite import methods
from suite.atomic import written
from suite.device import device_facts
from suite.progress import Display
from suite.study import SearchSettings


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
    the method's own; `code` and `machine`, which older ones lack, say what made it and where.
    """
    judge = source.judge()
    entries = [
        Entry(task, name, seed)
        for seed in seeds
        for task, topic in judge.topics.items()
        if topic.searched_as is None
        for name, contestant in CONTESTANTS.items()
        if topic.ablated or not contestant.ablation
    ]
    budgets = {task: topic.budget(budget) for task, topic in judge.topics.items()}
    missing = [entry for entry in entries if not _is_kept(entry, folder, budgets[entry.task])]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        display.phase("Entries", len(entries), "entries") as phase,
        ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), initializer=_begin) as pool,
    ):
        waiting = [pool.submit(_enter, entry, source, folder, budgets[entry.task]) for entry in missing]
        try:
            for done, future in enumerate(as_completed(waiting), start=len(entries) - len(missing) + 1):
                future.result()
                phase.update(done)
        except BaseException:  # Ctrl-C too: the pool would hold all that is left first
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        phase.finish(len(entries))
    outcomes = dict(_outcomes(entries, folder))
    return outcomes | dict(_judged_anew(judge, outcomes, budgets))


@cache
def code_of_methods(judge: type[Source]) -> str:
    """A checksum of all that a method's choices depend on here, by which an entry of an earlier version is known."""
    suite, contest = Path(methods.__file__).parents[1], Path(__file__).parent
    files = [*sorted((suite / "methods").glob("*.py"))]
    files += [suite / f"{name}.py" for name in ("space", "pareto", "normal_scores")]
    files += [contest / f"{name}.py" for name in ("contestants", "harness", "tasks", "reduced_spaces")]
    files += sorted(Path(inspect.getfile(judge)).parent.glob("*.py"))
    others = [SearchSettings().model_dump_json(), *map(version, ("optuna", "deap", "scikit-learn", "numpy"))]
    parts = [*(file.read_bytes() for file in files), *(other.encode() for other in others)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def _is_kept(entry: Entry, folder: Path, budget: int) -> bool:
    """Whether there is an outcome, of as many evaluations as are asked for now."""
    path = entry.path(folder)
    return path.exists() and len(json.loads(path.read_text())["lacks"]) == budget


def _begin() -> None:
    """Before a process's first entry: it keeps to a core, and what methods import late is there, as in a long run."""
    threadpool_limits(1)
    import_module("sklearn.linear_model")


def _enter(entry: Entry, source: Source, folder: Path, budget: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    judge = source.judge()
    task = judge.task(entry.task, entry.seed)
    method = CONTESTANTS[entry.contestant].make(task.problem, entry.seed)
    trace = run_method(method, task.judge, judge.place, budget)
    outcome = {
        "evaluated": trace.evaluated.tolist(),
        "lacks": _lacks(task, trace.evaluated, budget),
        "proposed": trace.proposed,
        "seconds": trace.seconds,
        "code": code_of_methods(type(source)),
        "machine": device_facts(torch.device("cpu")).name,
    }
    with written(entry.path(folder)) as file:
        file.write(json.dumps(outcome).encode())


def _outcomes(entries: Sequence[Entry], folder: Path) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for entry in entries:
        yield entry, json.loads(entry.path(folder).read_text())


def _judged_anew(
    judge: Judge[Any], outcomes: Mapping[Entry, dict[str, Any]], budgets: Mapping[str, int]
) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """A method sees its fitness only, so one search is judged by everything that goes with that fitness."""
    for name, topic in judge.topics.items():
        for entry, outcome in outcomes.items():
            if entry.task == topic.searched_as:
                rows = np.array(outcome["evaluated"], dtype=np.int64)
                lacks = _lacks(judge.task(name, entry.seed), rows, budgets[entry.task])
                yield replace(entry, task=name), {**outcome, "lacks": lacks}


def _lacks(task: Task[Any], rows: NDArray[np.int64], budget: int) -> list[float]:
    """What was lacking after each evaluation; a search that ended early lacks the same from then on."""
    padded = np.pad(task.lacks(rows), (0, budget - len(rows)), mode="edge")
    lacks: list[float] = padded.round(6).tolist()
    return lacks
