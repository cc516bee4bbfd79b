"""Sets of seeds: what their file says, and that it can lead nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suite.errors import RunDirectoryError
from suite.run_directory import RunDirectory
from suite.run_set import RunSet, is_set, latest_set


def begin(run_set: RunSet, *seeds: int) -> None:
    """Write a set, and runs of some of its seeds."""
    with run_set.held():
        for seed in seeds:
            RunDirectory.create(run_set.run_path(seed)).write_json(
                "run.json", {"run": run_set.run_path(seed).name}
            )


def test_a_set_is_what_was_written(tmp_path: Path) -> None:
    run_set = RunSet.new(tmp_path / "set", "tiny", 3, 2)
    begin(run_set, 3)
    again = RunSet.open(tmp_path / "set")
    assert again == run_set
    assert {seed: run.path for seed, run in again.begun().items()} == {3: tmp_path / "set" / "set-seed-3"}
    with pytest.raises(RunDirectoryError, match="has no run of seed 4 yet"):
        again.every_run()
    begin(again, 4)
    assert [run.run_id for run in again.every_run()] == ["set-seed-3", "set-seed-4"]


def test_without_a_folder_its_runs_lie_where_all_runs_of_the_study_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_set = RunSet.new(None, "tiny", 0, 2)
    begin(run_set, 0, 1)
    assert run_set.path.parent == run_set.run_path(0).parent == tmp_path / "runs" / "tiny"
    assert run_set.path.name.removesuffix("-seeds") == run_set.run_path(1).name.removesuffix("-seed-1")
    assert latest_set(Path("runs"), "tiny") == run_set
    with pytest.raises(RunDirectoryError, match="no set of seeds of other yet"):
        latest_set(Path("runs"), "other")


def test_a_set_of_which_no_run_was_begun_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt), RunSet.new(None, "tiny", 0, 2).held():
        raise KeyboardInterrupt
    assert not (tmp_path / "runs" / "tiny").exists()


def test_a_set_is_never_deleted_when_its_runs_have_gone_elsewhere(tmp_path: Path) -> None:
    run_set = RunSet.new(tmp_path / "set", "tiny", 0, 2)
    begin(run_set, 0, 1)
    for seed in (0, 1):
        run_set.run_path(seed).rename(tmp_path / f"moved-{seed}")
    begin(RunSet.open(run_set.path))
    assert RunSet.open(run_set.path) == run_set


def test_a_set_is_one_process_s_at_a_time(tmp_path: Path) -> None:
    run_set = RunSet.new(tmp_path / "set", "tiny", 0, 2)
    with run_set.held():
        with pytest.raises(RunDirectoryError, match="is in use by process"), RunSet.open(run_set.path).held():
            pass
        assert is_set(run_set.path)


def test_a_set_can_grow_and_not_shrink(tmp_path: Path) -> None:
    run_set = RunSet.new(tmp_path / "set", "tiny", 3, 2)
    assert run_set.grown(3, 2) == run_set
    assert run_set.grown(3, 3).runs == {**run_set.runs, 5: "set-seed-5"}
    for first, seeds in ((3, 1), (4, 2), (2, 3)):
        with pytest.raises(RunDirectoryError, match="was begun with seeds 3 to 4, not"):
            run_set.grown(first, seeds)


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(RunDirectoryError, match="is there already"):
            RunSet.new(path, "tiny", 0, 2)
    with pytest.raises(RunDirectoryError, match="cannot be made: File name too long"):
        RunSet.new(tmp_path / ("a" * 300), "tiny", 0, 2)


@pytest.mark.parametrize(
    "runs",
    [
        *(
            [{"seed": 0, "run": run}]
            for run in ("/etc", "..", "../..", "../../x", "a/b", "", ".", "a\0b", 7, None)
        ),
        *([{"seed": seed, "run": "a"}] for seed in ("0", None, True, 0.5)),
        [{"run": "a"}],
        ["a"],
        [],
        "a",
        None,
    ],
)
def test_a_file_that_leads_elsewhere_is_refused(runs: Any, tmp_path: Path) -> None:
    (tmp_path / "set.json").write_text(json.dumps({"format_version": 1, "study": "tiny", "runs": runs}))
    with pytest.raises(RunDirectoryError, match="does not say which runs"):
        RunSet.open(tmp_path)


def test_what_is_no_set_is_said_to_be_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / ("a" * 5000)):
        with pytest.raises(RunDirectoryError, match="is no set of seeds"):
            RunSet.open(path)
