"""A disk that really fills up, in phase after phase: each stop is one paragraph, and nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from suite.fidelity.truth_table import read_table
from suite.oracle_table import read_table as read_oracle
from suite.results import PHASES
from suite.run_directory import RunDirectory
from tests.end_to_end.conftest import suite, write_study
from tests.end_to_end.stopping import suite_with
from tests.end_to_end.test_faults import assert_clean, genomes_on_record
from tests.end_to_end.test_run import outcome
from tests.small_disk import small_disk

FIDELITY = ("--networks", 4, "--seeds", 1, "--epochs", 2, "--train-images", 128, "--truth", "truth")


@pytest.mark.fault(
    "a real disk fills up, is given a little more room, and fills up again, through all of a run"
)
@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_a_run_on_a_disk_that_fills_up_again_and_again_ends_as_any_other(
    storage: str, finished: Path, tmp_path: Path
) -> None:
    study, stopped_in = write_study(tmp_path), set()
    with small_disk(tmp_path / "disk", 16) as disk:
        run, kilobytes = RunDirectory(disk.folder / "run"), 16
        url = f"sqlite:///{run.path}/study.db" if storage == "sqlite" else f"journal:{disk.folder}/trials.log"
        given = {} if storage == "sqlite" else {"SUITE_STORAGE": url}
        while (done := go_on(run, study, tmp_path, **given)).returncode:
            assert done.returncode == 1, done.stderr
            assert_clean(done.stderr)
            stopped_in.add(next((phase for phase in PHASES if run.read_result(phase) is None), "report"))
            kilobytes += kilobytes * 3 // 4
            assert kilobytes < 20_000
            disk.resize(kilobytes)
        assert len(stopped_in) >= 3, stopped_in
        assert outcome(run.path) == outcome(finished)
        assert genomes_on_record(url) == genomes_on_record(f"sqlite:///{finished}/study.db")


def go_on(
    run: RunDirectory, study: Path, folder: Path, fault: str = "", **given: str
) -> subprocess.CompletedProcess[str]:
    """`suite search`, as often as it takes."""
    words = ["--resume"] if (run.path / "run.json").exists() else []
    return suite_with(fault, folder, "search", study, "--run-dir", run.path, *words, **given)


@pytest.mark.fault("a real disk fills up while networks of a truth table are trained")
def test_a_truth_table_on_a_disk_that_fills_up(finished: Path, tmp_path: Path) -> None:
    whole = Path(shutil.copytree(finished, tmp_path / "whole"))
    assert suite("fidelity", whole, *FIDELITY, cwd=tmp_path).returncode == 0
    used = sum(-(-file.stat().st_size // 4096) * 4 for file in finished.rglob("*") if file.is_file())
    with small_disk(tmp_path / "disk", used) as disk:
        run = Path(shutil.copytree(finished, disk.folder / "run"))
        for room in (100, 200):
            disk.resize(used + room)
            stopped = suite("fidelity", run, *FIDELITY, cwd=disk.folder)
            assert stopped.returncode == 1, stopped.stderr
            assert_clean(stopped.stderr)
            assert stopped.stderr.count("suite: ") == 1, "one paragraph for all processes"
        disk.resize(used + 9_000)
        assert suite("fidelity", run, *FIDELITY, cwd=disk.folder).returncode == 0
        found = values(disk.folder / "truth")
    assert found == values(tmp_path / "truth")


def values(folder: Path) -> list[tuple[object, ...]]:
    """All of a truth table but the clock."""
    table = read_table(next(folder.glob("*.csv")))
    return [(r.genome, r.seed, r.epoch, r.val_loss) for r in table.readings]


FULL_AT = """
replace = os.replace
def replace_unless_full(source, target):
    if os.path.basename(target) == {!r}:
        full()
    replace(source, target)
os.replace = replace_unless_full
"""


@pytest.mark.fault("the disk is full while run.json, trials.csv, results.json or report.html is written")
def test_files_of_a_run_that_cannot_be_written_are_written_later(finished: Path, tmp_path: Path) -> None:
    study, run = write_study(tmp_path), RunDirectory(tmp_path / "run")
    for name in ("run.json", "trials.csv", "results.json", "report.html"):
        stopped = go_on(run, study, tmp_path, FULL_AT.format(name))
        assert stopped.returncode == 1, stopped.stderr
        assert_clean(stopped.stderr, "No space left on device")
        assert not list(run.path.rglob(f"*{name}*")), "neither the file nor a part of it"
    done = go_on(run, study, tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcome(run.path) == outcome(finished)


@pytest.mark.fault("the disk is full while the oracle's table, its pictures' bits or its result are written")
def test_an_oracle_that_cannot_be_written_is_written_later(finished: Path, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))
    whole = RunDirectory(Path(shutil.copytree(finished, tmp_path / "whole")))
    assert suite("oracle", whole.path, "--pictures", 32, cwd=tmp_path).returncode == 0
    for name in ("oracle_bits_val_search.npy", "oracle.parquet", "oracle.json"):
        stopped = suite_with(FULL_AT.format(name), tmp_path, "oracle", run.path, "--pictures", "32")
        assert stopped.returncode == 1, stopped.stderr
        assert_clean(stopped.stderr, "No space left on device", "the same command")
        assert run.read_result("oracle") is None
    assert suite("oracle", run.path, "--pictures", 32, cwd=tmp_path).returncode == 0
    for column, expected in read_oracle(whole).items():
        if column != "latency_ms":
            assert np.array_equal(read_oracle(run)[column], expected)
