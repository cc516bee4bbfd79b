"""A small study's run and all that stands on it: killed in the middle of any phase, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from suite.references.rows import trainings_wanted
from suite.study import study_toml, validate_study
from tests.conftest import ROOT, tiny_ablation, tiny_table

SEARCH_PHASES = ("supernet", "search", "finalists", "final")
LAST_OF_COMMANDS = ("final", "oracle", "shortlist", "fidelity", "references", "ablation")
PHASES = (*SEARCH_PHASES[:-1], *LAST_OF_COMMANDS)
_POLL_SECONDS = 0.005
_LONGEST_SECONDS = 300.0
_FIDELITY = ("--networks", "6", "--seeds", "2", "--epochs", "2", "--train-images", "256", "--truth", "truth")


class ExecutionError(Exception):
    """An execution that nobody killed did not end well."""


@dataclass
class Victim:
    """All of a run's phases in one folder, recorded in one storage."""

    folder: Path
    storage: str | None  # a URL; None: the run's own SQLite file
    seconds: dict[str, float] = field(default_factory=dict)  # of each phase, as it was first seen to take
    executions: int = 0

    def __post_init__(self) -> None:
        study = tiny_table(
            supernet={"epochs": 12},
            search={"generations": 5},
            finalists={"epochs": 8},
            final={"epochs": 10},
        )
        self.folder.mkdir(parents=True)
        (self.folder / "tiny.toml").write_text(study_toml(validate_study(study, where="tiny")))
        (self.folder / "ablation.toml").write_text(tiny_ablation("digits-2x256"))

    def phase(self) -> str | None:
        """The first phase without a result, None if all have one."""
        return next((phase for phase in PHASES if not self.is_done(phase)), None)

    def is_done(self, phase: str) -> bool:
        """Whether a phase has all of its result."""
        path = self._result(phase)
        if phase != "references" or not path.exists():  # whose result grows by a training at a time
            return path.exists()
        result = json.loads(path.read_bytes())
        return len(result["trainings"]) == trainings_wanted(result)

    def finish(self, phase: str) -> None:
        """Run until the phase has its result; how long each of its execution's phases took is kept.

        Raises:
            ExecutionError: it came to another end.
        """
        process = self._start(phase)
        seen, since = self._wait_for_lock(process, phase), time.monotonic()
        while process.poll() is None:
            time.sleep(_POLL_SECONDS)
            now = self.phase()
            if seen and now != seen:
                self.seconds.setdefault(seen, time.monotonic() - since)
                seen, since = now, time.monotonic()
        self._check(process)

    def kill_in(self, phase: str, delay: float) -> str | None:
        """Kill once `delay` seconds of the phase are over; returns the phase that was hit, None if all was done.

        Raises:
            ExecutionError: it came to another end before.
        """
        process = self._start(phase)
        self._wait_for_lock(process, phase)
        while process.poll() is None and self.phase() != phase and not self.is_done(phase):
            time.sleep(_POLL_SECONDS)
        ends = time.monotonic() + delay
        while process.poll() is None and time.monotonic() < ends:
            time.sleep(_POLL_SECONDS)
        if process.poll() is not None:
            self._check(process)
            return None
        process.send_signal(signal.SIGKILL)
        process.wait()
        return self.phase() or "report"

    def _result(self, phase: str) -> Path:
        run = "ablation" if phase == "ablation" else "run"
        return self.folder / run / "results" / f"{phase}.json"

    def _start(self, phase: str) -> subprocess.Popen[str]:
        self.executions += 1
        words = {
            "oracle": ["oracle", "run"],
            "shortlist": ["oracle", "run", "--shortlist", "--screen"],
            "fidelity": ["fidelity", "run", *_FIDELITY],
            "references": ["references", "run"],
            "ablation": ["ablate", "ablation.toml", "--run-dir", "ablation", "--truth", "truth"],
        }.get(phase, ["search", "tiny.toml", "--run-dir", "run"])
        if words[0] == "search" and (self.folder / "run" / "run.json").exists():
            words.append("--resume")
        # One thread: networks this small are not worth two, least of all beside other work.
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        if self.storage is not None and words[0] not in ("oracle", "references"):
            environment["SUITE_STORAGE"] = self.storage
        return subprocess.Popen(
            [sys.executable, "-m", "suite", *words, "--quiet"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _wait_for_lock(self, process: subprocess.Popen[str], phase: str) -> str | None:
        """Wait until the process has the run directory to itself, or has ended; returns the phase it begins with."""
        holder = self.folder / ("ablation" if phase == "ablation" else "run") / ".lock-holder.json"
        give_up = time.monotonic() + _LONGEST_SECONDS
        while process.poll() is None and time.monotonic() < give_up:
            try:
                if json.loads(holder.read_bytes())["pid"] == process.pid:
                    break
            except (OSError, ValueError):
                pass
            time.sleep(_POLL_SECONDS)
        return self.phase()

    def _check(self, process: subprocess.Popen[str]) -> None:
        said = process.stderr.read() if process.stderr else ""
        if process.wait() != 0:
            raise ExecutionError(f"an execution ended with {process.returncode}: {said}")
