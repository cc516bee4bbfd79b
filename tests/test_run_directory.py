"""Run directories: nothing half-written, nothing damaged taken for whole, one process at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from suite.atomic import written
from suite.errors import RunDirectoryError
from suite.run_directory import EverySeconds, RunDirectory, latest_run, new_run_path, write_atomically
from tests.damage import DAMAGES, damaged


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run")


def test_a_directory_in_use_is_not_taken_for_a_new_run(run: RunDirectory) -> None:
    assert RunDirectory.create(run.path).path == run.path  # a stop before the run began leaves no dead end
    run.write_json("run.json", {"run": "run"})
    with pytest.raises(RunDirectoryError, match="is there already"):
        RunDirectory.create(run.path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"no run\.json.* Give the directory of a run"):
        RunDirectory.open(tmp_path)
    with pytest.raises(RunDirectoryError, match="is not there"):
        RunDirectory.open(tmp_path / "nowhere")


@pytest.mark.parametrize("above", [1, 2])
def test_a_folder_above_runs_says_which_is_the_latest(above: int, tmp_path: Path) -> None:
    for name in ("20260101-120000", "20260101-130000"):
        RunDirectory.create(tmp_path / "tiny" / name).write_json("run.json", {"run": name})
    latest = tmp_path / "tiny" / "20260101-130000"
    with pytest.raises(RunDirectoryError, match=f"It holds runs; the latest of them is {latest}"):
        RunDirectory.open(latest.parents[above - 1])


def test_results_round_trip_and_are_stamped(run: RunDirectory) -> None:
    assert run.read_result("search") is None
    run.write_result("search", {"a": [1, 2.5, None, "x"]})
    assert run.read_result("search") == {"format_version": 1, "a": [1, 2.5, None, "x"]}


def test_nan_is_never_written(run: RunDirectory) -> None:
    run.write_result("search", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.write_result("search", {"a": float("nan")})
    assert run.read_result("search") == {"format_version": 1, "a": 1}


@pytest.mark.parametrize("content", ["{", "[]", '{"format_version": 99}', '{"a": 1}', ""])
def test_a_damaged_or_newer_result_is_refused(run: RunDirectory, content: str) -> None:
    (run.path / "results" / "search.json").write_text(content)
    with pytest.raises(RunDirectoryError, match=r"search\.json"):
        run.read_result("search")


@pytest.mark.fault("a result is truncated, or has a flipped bit, anywhere: refused")
def test_no_cut_and_no_flipped_bit_makes_another_result(run: RunDirectory) -> None:
    run.write_result("final", {"accuracy": 0.8125, "genome": "16k3max-fc128", "wrong": [1, 7], "note": None})
    path, whole = run.path / "results" / "final.json", run.read_result("final")
    assert whole is not None
    content, refused = path.read_bytes(), 0
    flipped = [bytes([*content[:i], content[i] ^ 1 << i % 8, *content[i + 1 :]]) for i in range(len(content))]
    for harmed in (*flipped, *(content[:length] for length in range(len(content)))):
        path.write_bytes(harmed)
        try:
            found = run.read_result("final")
        except RunDirectoryError as error:
            refused += error.exit_code == 2
        else:  # a space, or the name of the checksum, was hit
            assert found is not None
            assert {name: found[name] for name in whole} == whole
    assert refused > 1.9 * len(content)


def test_a_result_without_a_checksum_is_of_an_older_suite(run: RunDirectory) -> None:
    (run.path / "results" / "search.json").write_text('{"format_version": 1, "a": 2}')
    assert run.read_result("search") == {"format_version": 1, "a": 2}


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"whole")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"half")
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def state(value: float) -> dict[str, object]:
    return {"weights": torch.full((3,), value), "rng": (3, (1, 2, 3), None), "log": [{"loss": value}]}


def test_checkpoints_round_trip(run: RunDirectory) -> None:
    assert run.load_checkpoint("search") is None
    run.save_checkpoint("search", state(1.0))
    loaded = run.load_checkpoint("search")
    assert loaded is not None
    assert torch.equal(loaded["weights"], torch.ones(3))
    assert (loaded["rng"], loaded["log"]) == ((3, (1, 2, 3), None), [{"loss": 1.0}])
    run.drop_checkpoint("search")
    assert run.load_checkpoint("search") is None


@pytest.mark.fault("the newest checkpoint is truncated, or has a flipped bit")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(run: RunDirectory, damage: str) -> None:
    run.save_checkpoint("search", state(1.0))
    run.save_checkpoint("search", state(2.0))
    path = run.path / "checkpoints" / "search.ckpt"
    content = damaged(path, damage)
    loaded = run.load_checkpoint("search")
    assert loaded is not None
    assert loaded["log"] == [{"loss": 1.0}]
    assert path.read_bytes() != content, "the good one is where the next save keeps it"
    path.write_bytes(b"")
    with pytest.raises(RunDirectoryError, match="damaged, and so is the one before"):
        run.load_checkpoint("search")


@pytest.mark.fault("weights are truncated, or have a flipped bit: refused")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_refused(run: RunDirectory, damage: str) -> None:
    network = torch.nn.Linear(3, 2)
    sha256 = run.write_weights("supernet.safetensors", network)
    run.read_weights("supernet.safetensors", network, sha256)
    damaged(run.path / "supernet.safetensors", damage)
    with pytest.raises(RunDirectoryError, match=r"supernet\.safetensors: is missing or damaged"):
        run.read_weights("supernet.safetensors", network, sha256)


def test_a_checkpoint_of_another_format_is_refused(run: RunDirectory) -> None:
    run.save_checkpoint("search", state(1.0))
    path = run.path / "checkpoints" / "search.ckpt"
    path.write_bytes(path.read_bytes().replace(b"checkpoint 1\n", b"checkpoint 2\n", 1))
    with pytest.raises(RunDirectoryError, match="has format version 2; this suite reads 1"):
        run.load_checkpoint("search")


@pytest.mark.fault("writing a checkpoint stops at any of its system calls")
@pytest.mark.parametrize("stop_at", range(9))
def test_whenever_saving_stops_there_is_a_good_checkpoint(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    """Each system call in turn is the last one, as when the disk is full or the process is killed there."""
    run.save_checkpoint("search", state(1.0))
    run.save_checkpoint("search", state(2.0))
    damaged = run.path / "checkpoints" / "search.ckpt"
    damaged.write_bytes(b"damaged meanwhile")
    assert run.load_checkpoint("search") is not None
    calls = count()
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def stopping(*arguments: Any, real: Callable[..., Any] = real) -> Any:
            if next(calls) >= stop_at:
                raise OSError(28, "No space left on device")
            return real(*arguments)

        monkeypatch.setattr(os, name, stopping)
    with suppress(OSError):
        run.save_checkpoint("search", state(3.0))
    stopped = next(calls) > stop_at
    assert stopped == (stop_at < 6), "fsync, rename, fsync of the folder; two renames, fsync of the folder"
    monkeypatch.undo()
    loaded = run.load_checkpoint("search")
    assert loaded is not None
    assert loaded["log"] in ([{"loss": 1.0}], [{"loss": 3.0}])


def _hold(path: Path, held: object, done: object) -> None:
    with RunDirectory(path).locked():
        held.set()  # type: ignore[attr-defined]
        done.wait(30)  # type: ignore[attr-defined]


def test_it_is_time_to_save_once_the_seconds_are_over_and_then_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("suite.run_directory.time", SimpleNamespace(monotonic=lambda: clock[0]))
    every, due = EverySeconds(30), []
    for now in (10.0, 29.9, 30.0, 31.0, 59.9, 60.0, 200.0, 229.0):
        clock[0] = now
        due.append(every.due())
    assert due == [False, False, True, False, False, True, True, False]


@pytest.mark.fault("a second process; the lock of one that was killed")
def test_a_second_process_is_refused_and_told_who_the_first_is(run: RunDirectory) -> None:
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(run.path, held, done))
    first.start()
    assert held.wait(60)
    with pytest.raises(RunDirectoryError, match=f"process {first.pid} on"), run.locked():
        pass
    first.kill()
    first.join()
    with run.locked():  # a dead process holds nothing, though its name is still written there
        facts = json.loads((run.path / ".lock-holder.json").read_text())
    assert facts["pid"] != first.pid


def test_a_lock_left_on_another_machine_is_explained(run: RunDirectory) -> None:
    holder = run.path / ".lock-holder.json"
    holder.write_text(json.dumps({"pid": 7, "host": "elsewhere", "since": "2026-01-01T00:00:00+00:00"}))
    with (
        pytest.raises(RunDirectoryError, match=r"process 7 on elsewhere, .* delete .*holder\.json"),
        run.locked(),
    ):
        pass
    assert "elsewhere" in holder.read_text(), "refusing changes nothing"
    holder.unlink()
    with run.locked():
        pass


def test_what_a_killed_process_was_writing_is_no_dead_end_and_is_swept(run: RunDirectory) -> None:
    for folder in (run.path, run.path / "checkpoints"):
        with written(folder / "file"):
            (unfinished,) = folder.glob(".*")
            unfinished.with_name(unfinished.name.replace("file", "of-the-killed")).touch()
        (folder / "file").unlink()
    assert RunDirectory.create(run.path).path == run.path
    assert len(list(run.path.rglob("*.unfinished"))) == 2
    with run.locked():
        assert not list(run.path.rglob("*.unfinished"))


def test_runs_begun_in_the_same_second_have_a_directory_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one makes its own after ours was looked for, and before it is made."""
    free = iter(["taken", "free"])
    monkeypatch.setattr("suite.run_directory.new_run_path", lambda root, study: root / study / next(free))
    (tmp_path / "digits" / "taken").mkdir(parents=True)
    run = RunDirectory.create_new(tmp_path, "digits")
    assert run.path == tmp_path / "digits" / "free"
    assert (run.path / "results").is_dir()


def test_a_new_run_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "digits").touch()
    (tmp_path / "gone").symlink_to(tmp_path / "a disk that is not there")
    for study, why in (("digits", "Not a directory"), ("gone", "File exists")):
        with pytest.raises(RunDirectoryError, match=f"cannot be made: {why}"):
            RunDirectory.create_new(tmp_path, study)


def test_the_latest_run_is_found(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="no run yet"):
        latest_run(tmp_path)
    for study in ("a", "b"):
        run = RunDirectory.create(new_run_path(tmp_path, study))
        run.write_json("run.json", {"run": run.path.name})
    assert latest_run(tmp_path).path == run.path
    assert latest_run(tmp_path, "a").path.parent.name == "a"
    assert new_run_path(tmp_path, "b") != run.path
