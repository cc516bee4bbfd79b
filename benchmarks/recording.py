"""What recording a trial costs on each storage, and in each journal mode of SQLite: `suite bench recording`.

They take turns, trial by trial, so that a machine that slows down does so for all of them. Then a small search runs
with a stop-watch around every timing of networks and every recording, to show that none overlap.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.engine import make_url

from suite.data import find_data, open_data
from suite.fitness import OBJECTIVES, Batch, Evaluation, Fitness, criteria
from suite.latency import Latency, measure
from suite.methods import Proposal
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.search import search
from suite.space import Genome, SearchSpace
from suite.storage_url import shown_url
from suite.storages import open_database
from suite.study import SpaceSettings, validate_study
from suite.supernet import Scorer, Supernet
from suite.trials import Trials, open_storage

LIMITS_MS = {"sqlite": 25.0, "journal": 3.0}
OTHER_MODES = {
    "sqlite, DELETE": ("journal_mode=DELETE",),
    "sqlite, TRUNCATE": ("journal_mode=TRUNCATE",),
    "sqlite, PERSIST": ("journal_mode=PERSIST",),
    "sqlite, WAL, NORMAL": ("journal_mode=WAL", "synchronous=NORMAL"),
}
"""Those that the suite does not use, each as the pragmas of a connection: it uses WAL, and synchronous=FULL, without
which a power cut may take the last trials.
"""


def run(display: Display, trials: int = 200, urls: Sequence[str] = ()) -> dict[str, Any]:
    """Record the same trials on SQLite, the journal, and any further storage URLs; milliseconds each."""
    space = SearchSpace(SpaceSettings(), (3, 32, 32), 10)
    with tempfile.TemporaryDirectory() as folder:
        storages = {
            "sqlite": open_storage(f"sqlite:///{Path(folder) / 'study.db'}"),
            **{label: _in_mode(Path(folder) / f"{label}.db", label) for label in OTHER_MODES},
            "journal": open_storage(f"journal:{Path(folder) / 'study.log'}"),
            **{shown_url(url): open_storage(url) for url in urls},
        }
        criteria = [OBJECTIVES["loss"], OBJECTIVES["latency"]]
        name = f"bench/{datetime.now():%Y%m%d-%H%M%S}/recording"
        records = {label: Trials(storage, name, space, criteria) for label, storage in storages.items()}
        spent: dict[str, list[float]] = {label: [] for label in records}
        with display.phase("Recording", trials, "trials") as phase:
            for i in range(trials):
                batch, proposal = evaluated(space, i)
                for label, record in records.items():
                    start = time.perf_counter()
                    record.record(batch, batch.evaluations[0], proposal, 0, (0.5, 1.0), {})
                    spent[label].append(1000 * (time.perf_counter() - start))
                phase.update(i + 1)
            phase.finish(trials)
    return {
        "storages": {label: _row(label, times) for label, times in spent.items()},
        "overlap": _overlap(display),
    }


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    lines = [f"{'storage':<28} {'median':>8} {'p90':>8} {'most':>8}   ms a trial"]
    for label, row in result["storages"].items():
        limit = f"limit {row['limit_ms']:g}: {'kept' if row['kept'] else 'BROKEN'}" if row["limit_ms"] else ""
        lines.append(
            f"{label:<28} {row['median_ms']:>8.2f} {row['p90_ms']:>8.2f} {row['max_ms']:>8.2f}   {limit}"
        )
    timed, recorded, both = (result["overlap"][key] for key in ("timings", "recordings", "overlapping"))
    lines.append(f"a search timed networks {timed} times and recorded {recorded} trials; overlapping: {both}")
    return "\n".join(lines)


def evaluated(space: SearchSpace, seed: int) -> tuple[Batch, Proposal[Genome]]:
    """A trial as large as real ones: a genome of the CIFAR-10 space with its latency and parents."""
    rng = random.Random(seed)
    chromosome = space.sample_chromosome(rng)
    genome = space.decode(chromosome)
    parents = (space.sample(rng), space.sample(rng))
    latency = Latency(0.4123456789, 0.4323456789, 0.0123456789, 1, 1, "cpu", 4_000)
    evaluation = Evaluation(
        genome, space.parameters(genome), space.macs(genome), 1.2345678901, 0.5678901234, latency
    )
    now = datetime.now()
    return Batch([evaluation], now, now, {}), Proposal(genome, chromosome, "crossover+mutation", parents)


def _in_mode(path: Path, label: str) -> RDBStorage:
    """A SQLite file whose connections are all in one of the other modes."""
    storage = open_database(make_url(f"sqlite:///{path}"), print)

    @event.listens_for(storage.engine, "connect")
    def set_mode(connection: sqlite3.Connection, record: object) -> None:
        for pragma in OTHER_MODES[label]:
            connection.execute(f"PRAGMA {pragma}").fetchone()

    storage.engine.dispose()  # of the connections that were made before
    return storage


def _overlap(display: Display) -> dict[str, int]:
    """How many recordings of a small search on digits ran while networks were being timed."""
    settings = {
        "name": "bench",
        "data": {"name": "digits", "image_size": [16, 16]},
        "supernet": {"epochs": 1},
        "search": {"random_pool": 20, "population": 10, "generations": 3},
        "latency": {"budget_ms": 10},
    }
    study = validate_study(settings, where="benchmarks/recording.py")
    data = open_data(study.data, find_data(study.data))
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    cpu = torch.device("cpu")
    supernet = Supernet(space, study.supernet.dropout).draw(torch.Generator().manual_seed(0))
    timings: list[tuple[float, float]] = []
    recordings: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory.create(Path(folder) / "run")
        trials = Trials(open_storage(f"sqlite:///{run.path}/study.db"), "bench", space, criteria(study))
        fitness = Fitness(study, space, supernet, Scorer(supernet, data, cpu), data.val_search, cpu)
        trials.record = _watched(trials.record, recordings)  # type: ignore[method-assign]
        with mock.patch("suite.subnet_clock.measure", _watched(measure, timings)):
            search(study, space, fitness, trials, run, lambda genome: True, display)
    both = sum(start < t_end and t_start < end for start, end in recordings for t_start, t_end in timings)
    return {"timings": len(timings), "recordings": len(recordings), "overlapping": both}


def _watched(function: Callable[..., Any], spans: list[tuple[float, float]]) -> Callable[..., Any]:
    def watched(*arguments: Any, **keywords: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*arguments, **keywords)
        finally:
            spans.append((start, time.perf_counter()))

    return watched


def _row(label: str, times: list[float]) -> dict[str, Any]:
    median, p90, most = (float(x) for x in np.percentile(times, [50, 90, 100]))
    limit = LIMITS_MS.get(label)
    kept = limit is None or median <= limit
    return {
        "trials": len(times),
        "median_ms": median,
        "p90_ms": p90,
        "max_ms": most,
        "limit_ms": limit,
        "kept": kept,
    }
