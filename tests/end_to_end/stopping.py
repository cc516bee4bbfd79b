"""Executions of the suite that meet a fault of our choice, at a moment of our choice, in a process of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.end_to_end.conftest import python

_BEGINNING = """
import errno, os, signal, sys
from itertools import count
import suite.experiment, suite.storages.database
from suite.cli import main
from suite.run_directory import RunDirectory
from suite.trials import Trials

def at(owner, name, number, do, wanted=lambda *words: True):
    \"\"\"Do something once a method is over for the number-th time.\"\"\"
    real, calls = getattr(owner, name), count(1)
    def called(self, *words):
        result = real(self, *words)
        if wanted(*words) and next(calls) == number:
            do()
        return result
    setattr(owner, name, called)

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

def full(*words):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
"""


def search_with(
    fault: str, study: Path, folder: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`suite search STUDY --run-dir run`, after a few lines of Python that cause a fault."""
    return suite_with(fault, folder, "search", study, "--run-dir", "run", *words, **environment)


def suite_with(
    fault: str, folder: Path, *words: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`suite WORDS`, after a few lines of Python that cause a fault."""
    command = ["suite", *map(str, words)]
    script = f"{_BEGINNING}\n{fault}\nsys.argv = {command!r}\nmain()"
    return python("-c", script, cwd=folder, **environment)
