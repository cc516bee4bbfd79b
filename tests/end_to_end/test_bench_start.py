"""The benchmark of finalists' first weights: what is measured of a finished run, and what is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import start
from suite.errors import RunDirectoryError
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import read_study


def test_every_finalist_is_trained_from_both_starts_for_equal_epochs(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}
    run = RunDirectory(finished)
    finalists = (run.read_result("finalists") or {})["finalists"]
    epochs = read_study(finished / "study.toml").finalists.epochs
    result = start.run(Display(quiet=True), run)
    scratch, supernet = (result["curves"][name] for name in start.STARTS)
    for curves in (scratch, supernet):
        assert set(curves) == {row["genome"] for row in finalists}
        assert all(len(curve) == epochs for curve in curves.values())
    assert any(scratch[genome] != supernet[genome] for genome in scratch)
    for row in finalists:  # by the very recipe of the run
        curve = row["curves"][0]["val_accuracy"]
        assert scratch[row["genome"]][: len(curve)] == curve
    gain = sum(supernet[genome][-1] - scratch[genome][-1] for genome in scratch) / len(scratch)
    lines = start.show(result).splitlines()
    last = lines[-1].split()
    assert len(lines) == 2 + epochs
    assert int(last[0]) == epochs
    assert float(last[3]) == pytest.approx(100 * gain, abs=0.006)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()} == before


def test_a_run_without_finalists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="no trained finalists yet"):
        start.run(Display(quiet=True), RunDirectory.create(tmp_path / "run"))
