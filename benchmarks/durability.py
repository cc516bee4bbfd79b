"""What checkpoints and records cost of a whole run's time: `suite bench durability`.

The same study (`--study`, or the quick one of CIFAR-10) is run twice at once, as it is and with nothing kept but in
memory: no checkpoints, no trials in a database. The two take turns of seconds, each stopped (SIGSTOP) while the other
goes on, so that a machine that slows down for a minute does so for both; one after the other, whole runs differ by
more than what is asked for. The seconds within a checkpoint or the storage are counted as well. Multiply-accumulates
take the place of latency, as an objective and a limit, so that both search alike. It takes POSIX's signals.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ctypes import c_double
from dataclasses import dataclass
from functools import wraps
from inspect import getmembers, ismethod
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from optuna.storages import BaseStorage, InMemoryStorage

from suite.data import find_data, open_data
from suite.device import open_device
from suite.errors import StoppedError
from suite.experiment import run_experiment
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import StudySettings, read_study
from suite.trials import open_storage

LIMIT = 0.05
_STUDY = Path("studies/cifar10-quick.toml")
_TURN_SECONDS = 5.0


def run(
    display: Display, urls: Sequence[str] = (), path: Path | None = None, seeds: int = 1
) -> dict[str, Any]:
    """Seconds of each run, kept and not kept, a pair from each seed; `urls` names a storage other than SQLite.

    Raises:
        StudyFileError: the study at `path` cannot be run.
        DataError: its pictures cannot be found.
        StoppedError: a run came to no end.
    """
    study = _without_latency(read_study(path or _STUDY))
    open_data(study.data, find_data(study.data))  # refused here, and decoded once, if it must be
    pairs: list[dict[str, float]] = []
    with display.phase("Pairs of runs", seeds, "pairs") as phase:

        def tell(seconds: Mapping[str, float]) -> None:
            phase.update(len(pairs), ", ".join(f"{kind} {spent:.0f} s" for kind, spent in seconds.items()))

        for seed in range(seeds):
            pairs.append(_pair(study.model_copy(update={"seed": seed}), next(iter(urls), None), tell))
        phase.finish(seeds)
    share, within = (float(np.median([of(pair) for pair in pairs])) for of in (_share, _share_within))
    return {"study": study.name, "pairs": pairs, "share": share, "share_within": within}


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    lines = [f"{'pair':<6}{'kept':>10}{'not kept':>10}{'within':>10}   seconds of a run of {result['study']}"]
    for number, pair in enumerate(result["pairs"], 1):
        lines.append(
            f"{number:<6}{pair['kept']:>10.2f}{pair['not kept']:>10.2f}{pair['within']:>10.2f}"
            f"   {100 * _share(pair):.1f} % of the run by the difference, {100 * _share_within(pair):.2f} % within"
        )
    for name, share in (("by the difference", result["share"]), ("within", result["share_within"])):
        verdict = f"below {100 * LIMIT:g} %" if share < LIMIT else f"NOT BELOW {100 * LIMIT:g} %"
        lines.append(f"checkpoints and records, median {name}: {100 * share:.2f} %, {verdict}")
    return "\n".join(lines)


def _share(pair: Mapping[str, float]) -> float:
    """Of the run, by the difference to the one that keeps nothing."""
    return 1 - pair["not kept"] / pair["kept"]


def _share_within(pair: Mapping[str, float]) -> float:
    """Of the run, by the clock within checkpoints and the storage."""
    return pair["within"] / pair["kept"]


def _without_latency(study: StudySettings) -> StudySettings:
    search = study.search
    objectives = dict.fromkeys("macs" if name == "latency" else name for name in search.objectives)
    limits = search.limits.model_copy(update={"max_latency_ms": None})
    alike = search.model_copy(update={"objectives": tuple(objectives), "limits": limits})
    return study.model_copy(update={"search": alike})


def _pair(
    study: StudySettings, url: str | None, tell: Callable[[Mapping[str, float]], None]
) -> dict[str, float]:
    """Seconds of two runs of a study in turns, and of the one that is kept those within its writes."""
    seconds, within = {"kept": 0.0, "not kept": 0.0}, 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        _ready("kept", study, url, Path(folder)) as kept,
        _ready("not kept", study, url, Path(folder)) as not_kept,
    ):
        under_way = {"kept": kept, "not kept": not_kept}
        while under_way:
            for kind, run in list(under_way.items()):
                spent, is_over = run.turn()
                seconds[kind] += spent
                if is_over:
                    within += _received(run.pipe)
                    del under_way[kind]
            tell(seconds)
    return {**seconds, "within": within}


@dataclass
class _Run:
    """A process that is stopped but for its turns, and knows how long it stood still."""

    process: BaseProcess
    pipe: Connection
    still: c_double  # seconds; without a lock, which one that is stopped might hold
    stopped_at: float

    def turn(self) -> tuple[float, bool]:
        """Let it go on for a while: the seconds it had, and whether it came to its end."""
        begun = time.monotonic()
        self.still.value += begun - self.stopped_at
        _signal(self.process, signal.SIGCONT)
        is_over = self.pipe.poll(_TURN_SECONDS)
        if not is_over:
            _signal(self.process, signal.SIGSTOP)
        self.stopped_at = time.monotonic()
        return self.stopped_at - begun, is_over


def _signal(process: BaseProcess, number: signal.Signals) -> None:
    assert process.pid is not None, "it was started"
    os.kill(process.pid, number)


@contextmanager
def _ready(kind: str, study: StudySettings, url: str | None, folder: Path) -> Iterator[_Run]:
    """A process about to run a study, stopped; it is killed in the end."""
    spawn = get_context("spawn")
    (ours, theirs), still = spawn.Pipe(), spawn.Value("d", lock=False)
    words = (kind, study, url, folder / kind, theirs, still)
    process = spawn.Process(target=_run_when_told, args=words, daemon=True)
    process.start()
    theirs.close()
    try:
        _received(ours)
        _signal(process, signal.SIGSTOP)
        ours.send("go on")
        yield _Run(process, ours, still, time.monotonic())
    finally:
        process.kill()
        process.join()


def _received(pipe: Connection) -> float:
    try:
        return float(pipe.recv())
    except EOFError:
        raise StoppedError(
            "came to no end; what it said is above.",
            where="a run",
            remedy="Run the study alone: suite search STUDY",
        ) from None


def _run_when_told(
    kind: str,
    study: StudySettings,
    url: str | None,
    folder: Path,
    pipe: Connection,
    still: c_double,
) -> None:
    """In a process of its own: say that all is ready, run, and say what the writes took (seconds)."""
    data, device, clock = open_data(study.data, find_data(study.data)), open_device("cpu"), _Clock()
    run, now = RunDirectory.create(folder), time.monotonic
    run.write_json("run.json", {"run": f"bench-{time.time_ns()}"})

    def going() -> float:
        return now() - still.value

    pipe.send(0.0)
    pipe.recv()
    with (
        mock.patch("time.monotonic", going),  # what is kept every half minute goes by it too
        clock.within_writes() if kind == "kept" else _in_memory(),
    ):
        storage = url or f"sqlite:///{run.path}/study.db"
        run_experiment(study, data, device, storage, run, Display(quiet=True))
    pipe.send(clock.seconds)


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
