"""A set of runs of one study, from a seed and the next ones: a small file says which runs belong to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite import run_lock
from suite.errors import RunDirectoryError
from suite.run_directory import RUNS, RunDirectory, latest_with, new_run_path

SET_FILE = "set.json"


@dataclass(frozen=True)
class RunSet:
    """Which runs belong together. They lie in the set's folder, or beside it where all of a study's runs are."""

    path: Path
    study: str
    runs: dict[int, str]  # by seed: run directories, relative to `path`

    @classmethod
    def new(cls, path: Path | None, study: str, first_seed: int, seeds: int) -> RunSet:
        """A set that is not on the disk yet: in `path`, with its runs inside, or else in runs/<study>/.

        Raises:
            RunDirectoryError: something is there already.
        """
        if path is None:
            begun = new_run_path(RUNS, study)
            path, prefix = begun.with_name(f"{begun.name}-seeds"), f"../{begun.name}"
        else:
            prefix = path.resolve().name  # of the runs' names too: they are those of Optuna studies
        try:
            taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
        except OSError as error:
            raise RunDirectoryError(f"cannot be made: {error.strerror}.", where=str(path)) from None
        if taken:
            raise RunDirectoryError(
                "is there already.",
                where=str(path),
                remedy="Go on with it by --resume, or give another --run-dir.",
            )
        runs = {seed: f"{prefix}-seed-{seed}" for seed in range(first_seed, first_seed + seeds)}
        return cls(path.resolve(), study, runs)

    @classmethod
    def open(cls, path: Path) -> RunSet:
        """Read what `write` wrote.

        Raises:
            RunDirectoryError: it is no set's folder, or its file is damaged or of a newer format.
        """
        if not is_set(path):
            raise RunDirectoryError(
                f"is no set of seeds (it has no {SET_FILE}).",
                where=str(path),
                remedy="Begin one: suite search STUDY --seeds 5",
            )
        written = RunDirectory(path).read_json(SET_FILE) or {}
        try:
            runs = {_seed(run["seed"]): _folder(run["run"]) for run in written["runs"]}
            study = str(written["study"])
            if not runs:
                raise ValueError("no runs")
        except (KeyError, TypeError, ValueError):
            raise RunDirectoryError(
                "does not say which runs belong to the set.",
                where=str(path / SET_FILE),
                remedy="It was changed by hand; name the runs one by one.",
            ) from None
        return cls(path.resolve(), study, runs)

    def grown(self, first_seed: int, seeds: int) -> RunSet:
        """The same set with the seeds now asked for, which may be more than it was begun with.

        Raises:
            RunDirectoryError: they do not begin with the set's, or are fewer.
        """
        known, asked = list(self.runs), list(range(first_seed, first_seed + seeds))
        if known != asked[: len(known)]:
            raise RunDirectoryError(
                f"was begun with seeds {known[0]} to {known[-1]}, not {asked[0]} to {asked[-1]}.",
                where=str(self.path),
                remedy="Resume with the same seed and as many seeds or more, or begin a new set.",
            )
        stem = self.runs[first_seed].removesuffix(str(first_seed))
        return RunSet(self.path, self.study, {n: self.runs.get(n, f"{stem}{n}") for n in asked})

    def run_path(self, seed: int) -> Path:
        """Where the run of a seed is or will be."""
        return (self.path / self.runs[seed]).resolve()

    def begun(self) -> dict[int, RunDirectory]:
        """The runs that are there, by seed."""
        there = {}
        for seed in self.runs:
            with suppress(RunDirectoryError):
                there[seed] = RunDirectory.open(self.run_path(seed))
        return there

    def every_run(self) -> list[RunDirectory]:
        """All runs of the set.

        Raises:
            RunDirectoryError: some were not begun yet.
        """
        begun = self.begun()
        missing = [str(seed) for seed in self.runs if seed not in begun]
        if missing:
            raise RunDirectoryError(
                f"has no run of seed {', '.join(missing)} yet.",
                where=str(self.path),
                remedy="Go on with it by --resume, or name the runs that are there.",
            )
        return list(begun.values())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write the set, and hold it for this process; of a new one without any run in the end, nothing is left.

        Raises:
            RunDirectoryError: another process holds it, or it cannot be made.
        """
        is_new, among_others = not is_set(self.path), self.path.parent.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"cannot be made: {error.strerror}.", where=str(self.path)) from None
        with run_lock.held(self.path):
            RunDirectory(self.path).write_json(SET_FILE, self._plain())
            try:
                yield
            finally:
                if is_new and not self.begun():
                    shutil.rmtree(self.path, ignore_errors=True)
                    if not among_others:
                        with suppress(OSError):
                            self.path.parent.rmdir()

    def _plain(self) -> dict[str, Any]:
        return {"study": self.study, "runs": [{"seed": seed, "run": run} for seed, run in self.runs.items()]}


def is_set(path: Path) -> bool:
    """Whether a folder is that of a set."""
    try:
        return (path / SET_FILE).is_file()
    except OSError:  # a name too long, say
        return False


def latest_set(root: Path, study: str) -> RunSet:
    """The set of a study that was begun last.

    Raises:
        RunDirectoryError: there is none.
    """
    latest = latest_with(root, f"{study}/*/{SET_FILE}")
    if latest is None:
        raise RunDirectoryError(
            f"holds no set of seeds of {study} yet.",
            where=str(root),
            remedy="Begin one: the same command without --resume.",
        )
    return RunSet.open(latest)


def _seed(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _folder(value: Any) -> str:
    """A folder inside the set's or beside it, and nowhere else: `--resume` begins runs there."""
    path = Path(value)
    *above, name = path.parts or ("..",)
    if path.anchor or name == ".." or above not in ([], [".."]) or "\0" in value:
        raise ValueError(value)
    return str(value)
