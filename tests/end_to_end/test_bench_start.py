"""Finalists trained from both starts: what is measured of a finished run, and what is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import start
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import read_study


def test_every_finalist_is_trained_from_both_starts_for_equal_epochs(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}
    run = RunDirectory(finished)
    finalists = (run.read_result("finalists") or {})["finalists"]
    epochs = read_study(finished / "study.toml").finalists.epochs
    result = start.run(Display(quiet=True), run)
    assert set(result["curves"]) == {"scratch", "supernet"}
    for curves in result["curves"].values():
        assert set(curves) == {row["genome"] for row in finalists}
        assert all(len(curve) == epochs for curve in curves.values())
    scratch, supernet = result["curves"].values()
    assert any(scratch[genome] != supernet[genome] for genome in scratch)
    gain = sum(supernet[genome][-1] - scratch[genome][-1] for genome in scratch) / len(scratch)
    last = start.show(result).splitlines()[-1].split()
    assert int(last[0]) == epochs
    assert float(last[3]) == pytest.approx(100 * gain, abs=0.006)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()} == before
