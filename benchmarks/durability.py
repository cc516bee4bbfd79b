"""What checkpoints and records cost of a whole run's time: `suite bench durability`.

The same study (`--study`, or the quick one of CIFAR-10) is run in pairs, once as it is and once with nothing kept but
in memory: no checkpoints, no trials in a database. Which of a pair comes first takes turns, so that a machine that
slows down does so for both. Runs of minutes differ by more than what is asked for on a machine that is not alone, so
the seconds within a checkpoint or the storage are counted as well.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import getmembers, ismethod
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from optuna.storages import BaseStorage, InMemoryStorage

from suite.data import Data, find_data, open_data
from suite.device import open_device
from suite.experiment import run_experiment
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import StudySettings, read_study
from suite.trials import open_storage

LIMIT = 0.05
_STUDY = Path("studies/cifar10-quick.toml")


def run(
    display: Display, urls: Sequence[str] = (), path: Path | None = None, seeds: int = 3
) -> dict[str, Any]:
    """Seconds of each run, kept and not kept, a pair from each seed; `urls` names a storage other than SQLite.

    Raises:
        StudyFileError: the study at `path` cannot be run.
    """
    study = read_study(path or _STUDY)
    data = open_data(study.data, find_data(study.data))
    pairs: list[dict[str, float]] = []
    with display.phase("Runs", 2 * seeds, "runs") as phase:
        for seed in range(seeds):
            seeded, pair = study.model_copy(update={"seed": seed}), dict[str, float]()
            for kind in ("kept", "not kept") if seed % 2 == 0 else ("not kept", "kept"):
                clock = _Clock()
                with clock.within_writes() if kind == "kept" else _in_memory():
                    pair[kind] = _seconds(seeded, data, urls)
                if kind == "kept":
                    pair["within"] = clock.seconds
                phase.update(2 * seed + len(pair.keys() - {"within"}), f"{kind}: {pair[kind]:.1f} s")
            pairs.append(pair)
        phase.finish(2 * seeds)
    share = float(np.median([1 - pair["not kept"] / pair["kept"] for pair in pairs]))
    within = float(np.median([pair["within"] / pair["kept"] for pair in pairs]))
    return {"study": study.name, "pairs": pairs, "share": share, "share_within": within}


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    lines = [f"{'pair':<6}{'kept':>10}{'not kept':>10}{'within':>10}   seconds of a run of {result['study']}"]
    for number, pair in enumerate(result["pairs"], 1):
        share, within = 1 - pair["not kept"] / pair["kept"], pair["within"] / pair["kept"]
        lines.append(
            f"{number:<6}{pair['kept']:>10.2f}{pair['not kept']:>10.2f}{pair['within']:>10.2f}"
            f"   {100 * share:.1f} % of the run by the difference, {100 * within:.2f} % within"
        )
    for name, share in (("by the difference", result["share"]), ("within", result["share_within"])):
        verdict = f"below {100 * LIMIT:g} %" if share < LIMIT else f"NOT BELOW {100 * LIMIT:g} %"
        lines.append(f"checkpoints and records, median {name}: {100 * share:.2f} %, {verdict}")
    return "\n".join(lines)


def _seconds(study: StudySettings, data: Data, urls: Sequence[str]) -> float:
    device = open_device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory.create(Path(folder) / "run")
        run.write_json("run.json", {"run": f"bench-{time.time_ns()}"})
        url = next(iter(urls), f"sqlite:///{run.path}/study.db")
        clock = time.monotonic()
        run_experiment(study, data, device, url, run, Display(quiet=True))
        return time.monotonic() - clock


@dataclass
class _Clock:
    """Counts the seconds within what it watches; calls within calls count once."""

    seconds: float = 0.0
    _running: bool = False

    @contextmanager
    def within_writes(self) -> Iterator[None]:
        """While a run goes on, count what its checkpoints and its storage take."""

        def watched_storage(url: str, *words: Any, **named: Any) -> BaseStorage:
            storage = open_storage(url, *words, **named)
            for name, method in getmembers(storage, ismethod):
                if not name.startswith("__"):
                    setattr(storage, name, self._watched(method))
            return storage

        with (
            mock.patch.object(RunDirectory, "save_checkpoint", self._watched(RunDirectory.save_checkpoint)),
            mock.patch("suite.experiment.open_storage", watched_storage),
        ):
            yield

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def watched(*words: Any, **named: Any) -> Any:
            if self._running:
                return method(*words, **named)
            self._running, begun = True, time.monotonic()
            try:
                return method(*words, **named)
            finally:
                self._running = False
                self.seconds += time.monotonic() - begun

        return watched


@contextmanager
def _in_memory() -> Iterator[None]:
    """Checkpoints are but references to what they would hold, and trials are in no database."""
    states: dict[str, Mapping[str, Any]] = {}

    def save(run: RunDirectory, phase: str, state: Mapping[str, Any]) -> None:
        states[phase] = state

    with (
        mock.patch.object(RunDirectory, "save_checkpoint", save),
        mock.patch.object(RunDirectory, "load_checkpoint", lambda run, phase: states.get(phase)),
        mock.patch("suite.experiment.open_storage", return_value=InMemoryStorage()),
    ):
        yield
