"""Processes of the suite's own that need not import torch: copies of one that has, each ending as Python ends.

Importing takes five seconds of a core, and more than a hundred tests start a process. This file is the process that
has imported: it copies itself for each command, and the copy then goes on as a new one would, in a working directory,
an environment and a `__main__` of its own. Nothing else has run in it, so no thread and no state is taken along. Only
a forecast measures fewer steps than elsewhere.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import types
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

_IMPORTED = (
    *("suite.launch", "suite.launch_measurements", "suite.launch_references", "suite.seeds", "suite.cli"),
    *("suite.ask", "suite.export.from_run", "suite.ablation.run", "suite.report.comparison_page"),
    "suite.report.ablation_page",
    # And what the suite imports late, or not in every command.
    *("safetensors.torch", "scipy.stats", "sklearn.datasets", "sklearn.linear_model", "alembic.migration"),
    *("sklearn.preprocessing", "sklearn.model_selection", "sklearn.pipeline", "sqlalchemy.dialects.sqlite"),
    *("torchvision.transforms.v2.functional", "matplotlib.backends.backend_agg"),
)


class WarmProcess:
    """Runs commands one after another; started by the first of them, and gone when nobody can ask any more."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, words: list[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """What `python WORDS`, of `-m MODULE ...` or `-c SCRIPT`, has printed, and how it ended.

        Raises:
            TimeoutExpired: it took longer than `timeout` seconds, and is gone.
        """
        with TemporaryDirectory(prefix="suite-command-") as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            task = _Task(words, str(cwd), dict(environment), str(out), str(err), timeout)
            process = self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            self._process = (
                None  # until it has answered: whoever breaks off here would leave its answer to the next
            )
            print(json.dumps(task), file=process.stdin, flush=True)
            answer = process.stdout.readline()
            if not answer:
                raise RuntimeError(f"the process to be copied has ended with {process.wait()}")
            self._process, code = process, json.loads(answer)
            if code is None:
                raise subprocess.TimeoutExpired(words, timeout, out.read_text(), err.read_text())
            return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process


class _Task(NamedTuple):
    words: list[str]
    cwd: str
    environment: dict[str, str]
    out: str
    err: str
    timeout: float


def _next_task() -> _Task | None:
    """Only in a copy: what it is to do. The original answers for its copies until nobody asks any more."""
    for line in iter(sys.stdin.readline, ""):
        task = _Task(*json.loads(line))
        copy = os.fork()
        if copy == 0:
            return task
        print(json.dumps(_ending(copy, task.timeout)), flush=True)
    return None


def _ending(copy: int, timeout: float) -> int | None:
    """A copy's exit status as subprocess has it, negative for a signal; nothing if it had to be killed."""
    late: list[bool] = []

    def kill(*_: object) -> None:
        late.append(True)
        with suppress(ProcessLookupError):
            os.kill(copy, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    _, status = os.waitpid(copy, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return None if late else os.waitstatus_to_exitcode(status)


def _perform(task: _Task) -> None:
    """As a new process would: its streams, directory, environment and command line, a `__main__` of its own."""
    for path, flags, stream in (
        (os.devnull, os.O_RDONLY, 0),
        (task.out, os.O_CREAT | os.O_WRONLY, 1),
        (task.err, os.O_CREAT | os.O_WRONLY, 2),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, stream)
        os.close(opened)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # In the background, shells have Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(task.cwd)
    os.environ.clear()
    os.environ.update(task.environment)
    sys.orig_argv = [sys.executable, *task.words]
    sys.path[0] = task.cwd
    how, what, *rest = task.words
    if how == "-m":
        sys.argv = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["-c", *rest]
        sys.modules["__main__"] = own = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec", dont_inherit=True), own.__dict__)


if __name__ == "__main__":
    for module in _IMPORTED:
        import_module(module)
    # A run begins with a forecast, of twenty-five steps of each kind: more than a tiny study takes in all.
    import_module("suite.forecast")._STEPS = 2
    gc.freeze()  # what a copy only looks at stays the original's
    if (asked := _next_task()) is not None:
        _perform(asked)
