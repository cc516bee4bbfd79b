"""The suite from Python: run a study, read a run, load a network. `import suite` offers these names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.data import find_data
from suite.errors import RunDirectoryError
from suite.export import Classifier, load_model
from suite.progress import Display
from suite.run_directory import RUNS, RunDirectory, latest_run
from suite.study import StudySettings, read_study


@dataclass(frozen=True)
class Network:
    """A network that the search evaluated, with the supernet's weights."""

    genome: str
    params: int
    macs: int
    val_loss: float | None  # on val-A; None if its evaluation failed
    val_accuracy: float | None
    latency_ms: float | None  # None where latency was no objective


@dataclass(frozen=True)
class Run:
    """A run, read from its directory."""

    path: Path
    study: StudySettings
    results: Mapping[str, Any]  # results.json: dataset, search, winner, test
    evaluated: tuple[Network, ...]  # in the order of the search
    front: tuple[Network, ...]  # those no other beats, best first on the first objective

    @property
    def report(self) -> Path:
        """Its report, in Markdown."""
        return self.path / "report" / "report.md"

    def model(self) -> Classifier:
        """The winner, ready to class pictures."""
        return load_model(self.path)


def run_study(
    study: Path | str,
    overrides: Sequence[str] = (),
    *,
    run_dir: Path | str | None = None,
    data_dir: Path | str | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> Run:
    """Run a study to its tested winner and its report, as `suite search` does.

    `study` is a study file; overrides are written as after `--set`: `["search.population=100"]`. Progress goes to
    stderr; if it is to be quiet, only a line for each finished phase. Ctrl-C raises suite.launch.InterruptedRun;
    `suite search --resume` then goes on.

    Raises:
        SuiteError: the study, the data or the device cannot be used, or a phase failed.
    """
    from suite.launch import Request, begin  # late: all of the suite, which reading and loading do without

    settings = read_study(Path(study), overrides)
    place = find_data(settings.data, None if data_dir is None else Path(data_dir))
    request = Request(settings, place, device, storage=None, budget_seconds=None, set_folder=None)
    finished = begin(request, None if run_dir is None else Path(run_dir), Display(quiet=quiet))
    return read_run(finished.run.path)


def read_run(path: Path | str | None = None) -> Run:
    """Read a finished run; the latest one under runs/ when no path is given.

    Raises:
        RunDirectoryError: it is no run directory, or not finished.
    """
    run = latest_run(RUNS) if path is None else RunDirectory.open(Path(path))
    results, searched = run.read_json("results.json"), run.read_result("search")
    if results is None or searched is None:
        raise RunDirectoryError(
            "is not finished.", where=str(run.path), remedy="Let it go on: suite search ... --resume"
        )
    return Run(
        path=run.path,
        study=read_study(run.path / "study.toml"),
        results=results,
        evaluated=tuple(map(_network, searched["evaluated"])),
        front=tuple(map(_network, searched["front"])),
    )


def load(path: Path | str) -> Classifier:
    """Load what `suite export` wrote, or the winner of a run directory.

    The network takes pictures as they are, (B, C, H, W) bytes or numbers from 0 to 1, and gives logits;
    `predict(file)` classes the picture in a file.

    Raises:
        ExportError: the folder is no export, or is damaged.
        RunDirectoryError: the run has no winner yet.
    """
    return load_model(path)


def _network(row: Mapping[str, Any]) -> Network:
    return Network(**{name: row[name] for name in Network.__dataclass_fields__})
