"""A copied process ends, prints and sees the world as a new one does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ENVIRONMENT, cold_python, python
from tests.end_to_end.warm_process import WarmProcess

SCRIPTS = {
    "the world": "import os, sys; print(sys.argv, os.getcwd(), os.environ['HOME'], __name__, sys.stdin.read())",
    "an exit code": "import sys; print('out'); sys.exit(3)",
    "an exit in words": "import sys; sys.exit('no such thing')",
    "an error": "raise ValueError('wrong')",
    "a kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "Ctrl-C": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)",
    "what is done at the end": "import atexit, threading; atexit.register(print, 'last'); "
    "threading.Timer(0.01, print, ['late']).start()",
    "processes of its own": "from concurrent.futures import ProcessPoolExecutor; from multiprocessing import "
    "get_context; print(ProcessPoolExecutor(1, get_context('spawn')).submit(abs, -7).result())",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
def test_a_copy_does_as_a_new_process(script: str, tmp_path: Path) -> None:
    copied, new = (
        python("-c", script, "a word", cwd=tmp_path),
        cold_python(["-c", script, "a word"], tmp_path),
    )
    assert (copied.returncode, copied.stdout) == (new.returncode, new.stdout)
    assert copied.stderr.splitlines()[-1:] == new.stderr.splitlines()[-1:]


def test_a_copy_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    left = "import os, suite.space; suite.space.left = os.environ['LEFT'] = 'x'; os.chdir('elsewhere')"
    assert python("-c", left, cwd=tmp_path).returncode == 0
    found = "import os, suite.space; print(hasattr(suite.space, 'left'), 'LEFT' in os.environ, os.listdir())"
    assert python("-c", found, cwd=tmp_path).stdout == "False False ['elsewhere']\n"


def test_a_copy_that_takes_too_long_is_gone(tmp_path: Path) -> None:
    warm = WarmProcess(ENVIRONMENT)
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired) as late:
        warm.run(["-c", script], tmp_path, ENVIRONMENT, timeout=5)
    assert isinstance(late.value.output, str)
    assert not Path("/proc", late.value.output.strip()).exists()
    assert warm.run(["-c", "print(1)"], tmp_path, ENVIRONMENT, timeout=60).stdout == "1\n"
