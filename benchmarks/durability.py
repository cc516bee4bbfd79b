"""What checkpoints and records cost of a whole run's time: `suite bench durability`.

The same study (`--study`, or the quick one of CIFAR-10) is run in pairs, once as it is and once with nothing kept but
in memory: no checkpoints, no trials in a database. Which of a pair comes first takes turns, so that a machine that
slows down does so for both.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from optuna.storages import InMemoryStorage

from suite.data import Data, find_data, open_data
from suite.device import open_device
from suite.experiment import run_experiment
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import StudySettings, read_study

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
    seconds: dict[str, list[float]] = {"kept": [], "not kept": []}
    with display.phase("Runs", 2 * seeds, "runs") as phase:
        for seed in range(seeds):
            seeded = study.model_copy(update={"seed": seed})
            for kind in list(seconds) if seed % 2 == 0 else reversed(list(seconds)):
                seconds[kind].append(_seconds(seeded, data, urls, kept=kind == "kept"))
                phase.update(sum(map(len, seconds.values())), f"{kind}: {seconds[kind][-1]:.1f} s")
        phase.finish(2 * seeds)
    shares = [1 - without / with_ for with_, without in zip(*seconds.values(), strict=True)]
    share = float(np.median(shares))
    return {"study": study.name, "seconds": seconds, "shares": shares, "share": share, "below": share < LIMIT}


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    lines = [f"{'pair':<6} {'kept':>9} {'not kept':>9}   seconds of a run of {result['study']}"]
    rows = zip(*result["seconds"].values(), result["shares"], strict=True)
    for pair, (kept, without, share) in enumerate(rows, 1):
        lines.append(f"{pair:<6} {kept:>9.2f} {without:>9.2f}   {100 * share:.1f} % of the run")
    verdict = f"below {100 * LIMIT:g} %" if result["below"] else f"NOT BELOW {100 * LIMIT:g} %"
    lines.append(f"checkpoints and records take {100 * result['share']:.1f} % in the median: {verdict}")
    return "\n".join(lines)


def _seconds(study: StudySettings, data: Data, urls: Sequence[str], *, kept: bool) -> float:
    device = open_device("cpu")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        run = RunDirectory.create(Path(folder) / "run")
        run.write_json("run.json", {"run": f"bench-{time.time_ns()}"})
        url = next(iter(urls), f"sqlite:///{run.path}/study.db")
        if not kept:
            stack.enter_context(_in_memory())
        clock = time.monotonic()
        run_experiment(study, data, device, url, run, Display(quiet=True))
        return time.monotonic() - clock


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
