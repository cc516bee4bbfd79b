"""Where one run keeps things: atomic writes, a lock, checksummed checkpoints, one result file per phase."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite import checkpoint, run_lock
from suite.atomic import is_unfinished, written
from suite.errors import DISK_ERRORS, RunDirectoryError, StoppedError
from suite.own_words import refuse_markup

if TYPE_CHECKING:  # the door looks at run directories before it pays for torch
    from torch import nn

FORMAT_VERSION = 1
RUNS = Path("runs")
_CHECKSUM = "checksum"
_RESTORE = "It is damaged or was changed: restore it, or begin a new run."
_BEFORE_RUN_JSON = {"checkpoints", "results", "study.toml", run_lock.LOCK, run_lock.HOLDER}


class RunDirectory:
    """The directory of one run; every file a run writes goes through here or beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # so that it has a name, and a later change of folder does not matter

    @classmethod
    def create(cls, path: Path) -> RunDirectory:
        """Make a new, empty run directory.

        Raises:
            RunDirectoryError: something is there already, or it cannot be made.
            StoppedError: the disk is full.
        """
        try:
            if path.exists() and not _is_unbegun(path):
                raise RunDirectoryError(
                    "is there already.",
                    where=str(path),
                    remedy="Go on with it by --resume, or give another --run-dir.",
                )
            for folder in ("checkpoints", "results"):
                (path / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            kind = StoppedError if error.errno in DISK_ERRORS else RunDirectoryError
            raise kind(f"cannot be made: {error.strerror}.", where=str(path)) from None
        return cls(path)

    @classmethod
    def create_new(cls, root: Path, study: str) -> RunDirectory:
        """Make a run directory by the time of day, which no other run has, be it begun in the same second.

        Raises:
            RunDirectoryError: it cannot be made.
            StoppedError: the disk is full.
        """
        while True:
            path = new_run_path(root, study)
            try:
                path.mkdir(parents=True)
            except OSError:
                if path.exists():  # another's, since it was looked for
                    continue
            return cls.create(path)  # which meets any other error again, and words it

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open what an earlier execution made.

        Raises:
            RunDirectoryError: it is no run directory.
        """
        try:
            begun, there = (path / "run.json").is_file(), path.exists()
        except OSError:  # a name too long, say
            begun = there = False
        if not begun:
            raise RunDirectoryError(
                "is no run directory (it has no run.json)."
                if there
                else "is no run directory: it is not there.",
                where=str(path),
                remedy=run_meant(path),
            )
        return cls(path)

    @property
    def run_id(self) -> str:
        """The directory's name when the run was begun: its Optuna studies are called by it."""
        facts = self.read_json("run.json")
        return str(facts["run"]) if facts else self.path.name

    @property
    def token(self) -> str | None:
        """What tells the run from any other of its name; older runs have none."""
        token = (self.read_json("run.json") or {}).get("token")
        return None if token is None else str(token)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the operating system lets go of it when the process dies.

        Raises:
            RunDirectoryError: another process holds it, or a process of another machine did and did not say that it
                stopped; names that process.
        """
        with run_lock.held(self.path):
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what killed processes were in the middle of writing; only the lock's holder may."""
        for path in self.path.rglob(".*"):
            if is_unfinished(path):
                path.unlink(missing_ok=True)

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a small JSON file of the run, atomically, stamped with the format version and a checksum."""
        stamped = {"format_version": FORMAT_VERSION, **value}
        text = json.dumps({**stamped, _CHECKSUM: _checksum(stamped)}, indent=1, allow_nan=False)
        write_atomically(self.path / name, text.encode() + b"\n")

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read what write_json wrote, or None if it is not there.

        Raises:
            RunDirectoryError: damaged, changed, of a newer format, or with markup in it.
        """
        path = self.path / name
        try:
            value = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise RunDirectoryError(f"cannot be read: {error}.", where=str(path), remedy=_RESTORE) from None
        version = value.get("format_version") if isinstance(value, dict) else None
        if type(version) is not int or not 1 <= version <= FORMAT_VERSION:  # True is an int to isinstance
            raise RunDirectoryError(
                f"has format version {version!r}; this suite reads up to {FORMAT_VERSION}.",
                where=str(path),
                remedy="Use the suite that wrote it, or a newer one.",
            )
        checksum = value.pop(_CHECKSUM, None)  # older files have none
        if checksum is not None and checksum != _checksum(value):
            raise RunDirectoryError("is not what was written.", where=str(path), remedy=_RESTORE)
        refuse_markup(value, path)
        return dict(value)

    def write_result(self, phase: str, value: Mapping[str, Any]) -> None:
        """Write a phase's result; its being there means that the phase is done."""
        self.write_json(f"results/{phase}.json", value)

    def read_result(self, phase: str) -> dict[str, Any] | None:
        """A phase's result, or None if the phase is not done."""
        return self.read_json(f"results/{phase}.json")

    def write_weights(self, name: str, network: nn.Module) -> str:
        """Write a network's weights as safetensors, atomically; returns the file's sha256."""
        from safetensors.torch import save

        content = save({key: value.contiguous() for key, value in network.state_dict().items()})
        write_atomically(self.path / name, content)
        return hashlib.sha256(content).hexdigest()

    def read_weights(self, name: str, network: nn.Module, sha256: str) -> None:
        """Load what write_weights wrote into a network of the same architecture.

        Raises:
            RunDirectoryError: the file is missing, or is not what was written.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self.path / name
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise RunDirectoryError(
                "is missing or damaged.",
                where=str(path),
                remedy="Delete the phase's file in results/ to do that phase again, or begin a new run.",
            )
        try:
            network.load_state_dict(load(content))
        except (SafetensorError, RuntimeError):  # what was written, but not by the suite for this network
            raise RunDirectoryError(
                "holds no weights of this network.", where=str(path), remedy="Begin a new run."
            ) from None

    def save_checkpoint(self, phase: str, state: Mapping[str, Any]) -> None:
        """Write a phase's state (tensors and plain values) for good; the one before is kept."""
        checkpoint.save(self._checkpoint(phase), state)

    def load_checkpoint(self, phase: str) -> dict[str, Any] | None:
        """A phase's last good state, or None if there is none; a damaged one gives way to the one before.

        Raises:
            RunDirectoryError: there are checkpoints and none is whole, or it is of a format that is not read here.
        """
        return checkpoint.load(self._checkpoint(phase))

    def drop_checkpoint(self, phase: str) -> None:
        """Forget a phase's checkpoints, once its result is written."""
        checkpoint.drop(self._checkpoint(phase))

    def _checkpoint(self, phase: str) -> Path:
        return self.path / "checkpoints" / f"{phase}.ckpt"


class EverySeconds:
    """Says now and then that it is time, for checkpoints inside long epochs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the seconds are over; if so, they begin anew."""
        if time.monotonic() - self._last < self._seconds:
            return False
        self._last = time.monotonic()
        return True


def new_run_path(root: Path, study: str) -> Path:
    """A directory for a new run: root/<study>/<UTC time>, made unlike any that is there."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path, copy = root / study / stamp, 2
    while path.exists():
        path, copy = root / study / f"{stamp}-{copy}", copy + 1
    return path


def latest_run(root: Path, study: str | None = None) -> RunDirectory:
    """The run begun last, of one study or of any.

    Raises:
        RunDirectoryError: there is none.
    """
    latest = latest_with(root, f"{study or '*'}/*/run.json")
    if latest is None:
        raise RunDirectoryError(
            "holds no run yet.", where=str(root), remedy="Make one: suite search studies/digits.toml"
        )
    return RunDirectory(latest)


def latest_with(root: Path, pattern: str) -> Path | None:
    """The folder whose file, by a pattern under `root`, was written last; None if there is no such file."""
    files = sorted(root.glob(pattern), key=lambda file: (file.stat().st_mtime, file.parent.name))
    return files[-1].parent if files else None


def run_meant(path: Path) -> str:
    """What to give in place of a path that is no run: the latest run below it, if there is one."""
    try:
        below = next((run for depth in ("*", "*/*") if (run := latest_with(path, f"{depth}/run.json"))), None)
    except OSError:  # a name too long, say
        below = None
    if below is None:
        return "Give the directory of a run, such as runs/digits/20260101-120000."
    return f"It holds runs; the latest of them is {below}."


def from_here(path: Path) -> Path:
    """As short as it can be written where the command was given."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def finished_phase(run: RunDirectory, phase: str, what: str) -> dict[str, Any]:
    """A run's results/<phase>.json; `what` is in it, in words.

    Raises:
        RunDirectoryError: the phase is not finished.
    """
    result = run.read_result(phase)
    if result is None:
        raise RunDirectoryError(
            f"has no {what} yet.",
            where=str(run.path),
            remedy="Let it go on: suite search ... --resume",
        )
    return result


def searched_on(search: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The machine of a search, given run.json, which may name a later one; older searches do not say."""
    return str(search.get("machine") or facts["device"]["name"])


def write_atomically(path: Path, content: bytes) -> None:
    """All of the content or none of it, also when the machine stops in the middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        file.write(content)


def utc_now() -> str:
    """Now, as ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _checksum(value: Mapping[str, Any]) -> str:
    """Of what a JSON file says, however it is laid out."""
    read_back = json.loads(json.dumps(value, allow_nan=False))  # keys that are numbers become text
    return hashlib.sha256(json.dumps(read_back, sort_keys=True).encode()).hexdigest()


def _is_unbegun(path: Path) -> bool:
    """Whether a directory holds nothing but what a stop before run.json leaves."""
    if not path.is_dir():
        return False
    return {entry.name for entry in path.iterdir() if not is_unfinished(entry)} <= _BEFORE_RUN_JSON
