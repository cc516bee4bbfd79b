"""The benchmark of finalists' first weights, on a finished run."""

from __future__ import annotations

from pathlib import Path

from benchmarks import start
from suite.progress import Display
from suite.run_directory import RunDirectory


def test_every_finalist_is_trained_from_both_starts(finished: Path) -> None:
    result = start.run(Display(quiet=True), directory=RunDirectory(finished))
    scratch, supernet = (result["curves"][name] for name in start.STARTS)
    assert len(scratch) == len(supernet) == 3
    assert all(len(curve) == 4 for curve in (*scratch.values(), *supernet.values()))
    assert scratch != supernet
    trained = (RunDirectory(finished).read_result("finalists") or {})["finalists"]
    for row in trained:  # by the very recipe of the run
        curve = row["curves"][0]["val_accuracy"]
        assert scratch[row["genome"]][: len(curve)] == curve
    assert len(start.show(result).splitlines()) == 2 + 4
