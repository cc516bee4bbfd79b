"""The table of faults: what was caused is counted, and what was not is there with its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

TESTS = """
import pytest

@pytest.mark.fault("it breaks", storage="sqlite")
@pytest.mark.parametrize("number", [1, 2])
def test_breaks(number): pass

@pytest.mark.fault("it goes away", storage="postgresql")
@pytest.mark.skipif(True, reason="no server is installed")
def test_gone(): pass

@pytest.fixture
def disk():
    pytest.skip("mount is refused")

@pytest.mark.fault("it is full")
@pytest.mark.parametrize("real", [True, False])
def test_full(real, request):
    if real:
        request.getfixturevalue("disk")

@pytest.mark.fault("it burns")
def test_burns():
    raise OSError

def test_of_no_fault(): pass
"""


def test_every_scenario_is_in_the_table(tmp_path: Path) -> None:
    file = tmp_path / "test_some.py"
    file.write_text(TESTS)
    script = (
        "import sys; from tests.faults.scenarios import run_scenarios\n"
        "for s in run_scenarios(sys.argv[1]): print(s.fault, s.storage, s.times, s.lost, sep=' | ')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line for line in done.stdout.splitlines() if " | " in line] == [
        "it breaks | sqlite | 2 | nothing",
        "it goes away | postgresql | 0 | not caused: no server is installed",
        "it is full | any | 1 | nothing; not caused: mount is refused",
        "it burns | any | 1 | THE TEST FAILED",
    ]
