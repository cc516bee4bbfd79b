"""Running the suite as a user does, in a process of its own; and one finished run that many tests look at."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from suite.run_directory import RunDirectory
from suite.study import study_toml, validate_study
from tests.conftest import ROOT, tiny_table
from tests.end_to_end.warm_process import WarmProcess

# One thread: networks this small are not worth two, least of all beside other work.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}

_SECONDS = 300
_WARM = WarmProcess(ENVIRONMENT)


def write_study(folder: Path, **tables: dict[str, Any]) -> Path:
    path = folder / "tiny.toml"
    path.write_text(study_toml(validate_study(tiny_table(**tables), where="tiny")))
    return path


def needs_onnx() -> None:
    """Skip where the extra `export` is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed (the extra `export`)")


def hear_ctrl_c() -> None:
    """To be called in a new process before anything else: in the background, shells have Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def suite(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "suite", *words, cwd=cwd, **environment)


def python(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a copy of a process that has imported the suite, where what was imported can't matter."""
    command, variables = [str(word) for word in words], {**ENVIRONMENT, **environment}
    if command[0] not in ("-m", "-c") or any(
        name.startswith(("PYTHON", "MPL", "OMP", "HF_")) for name in environment
    ):
        return cold_python(command, cwd, variables)
    return _WARM.run(command, cwd, variables, _SECONDS)


def cold_python(
    command: Sequence[str], cwd: Path, variables: Mapping[str, str] = ENVIRONMENT
) -> subprocess.CompletedProcess[str]:
    """In a process that is new in every respect, its seed for the order of sets included."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        preexec_fn=hear_ctrl_c,
    )


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped; two objectives without latency, so that it can be repeated exactly.

    Nothing of its process is any other's: one that repeats it can owe nothing to what both were copied from.
    """
    folder = tmp_path_factory.mktemp("finished")
    command = ["-m", "suite", "search", str(write_study(folder)), "--run-dir", "run"]
    done = cold_python(command, folder)
    assert done.returncode == 0, done.stderr
    assert "Study tiny, seed 0, on cpu" in done.stderr
    assert "Winner" in done.stdout
    assert "on 359 pictures (95 % interval 0." in done.stdout
    assert "As HTML  run/report/report.html\n" in done.stdout
    return folder / "run"


@pytest.fixture(scope="session")
def walked(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A copy of the finished run with an oracle and its report; for looking at only, as many tests do."""
    path = Path(shutil.copytree(finished, tmp_path_factory.mktemp("walked") / "runs" / "tiny" / "run"))
    done = suite("oracle", path, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return RunDirectory(path)
