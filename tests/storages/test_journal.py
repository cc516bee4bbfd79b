"""The journal: what a kill or a full disk cut short is no entry, and no dead process holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import create_trial

from suite.errors import StorageError
from suite.storages import open_journal
from suite.trials import open_storage
from tests.conftest import ROOT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trials.log"


def study(path: Path) -> optuna.Study:
    return optuna.create_study(storage=open_journal(path), study_name="s", load_if_exists=True)


def values(path: Path) -> list[float | None]:
    return [trial.value for trial in study(path).trials]


@pytest.mark.fault("an entry of the journal is cut short", storage="journal")
@pytest.mark.parametrize("cut", [1, 7, 5_000])
def test_an_entry_cut_short_by_a_kill_is_taken_off(path: Path, cut: int) -> None:
    first = study(path)
    first.add_trial(create_trial(value=1.0))
    whole = path.read_bytes()
    first.add_trial(create_trial(value=2.0, user_attrs={"long": "x" * 10_000}))
    path.write_bytes(path.read_bytes()[:-cut])
    again = study(path)
    assert [trial.value for trial in again.trials] == [1.0]
    again.add_trial(create_trial(value=3.0))
    assert values(path) == [1.0, 3.0]
    assert path.read_bytes().startswith(whole)


def test_a_full_disk_leaves_no_part_of_an_entry(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = study(path)
    opened.add_trial(create_trial(value=1.0))
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        opened.add_trial(create_trial(value=2.0))
    assert path.read_bytes() == before
    monkeypatch.undo()
    opened.add_trial(create_trial(value=3.0))
    assert values(path) == [1.0, 3.0]


@pytest.mark.skipif(os.name == "nt", reason="kills by POSIX signals")
def test_a_process_killed_while_it_writes_holds_no_lock(path: Path) -> None:
    study(path)
    script = f"""
import os, signal
from pathlib import Path
from optuna.trial import create_trial
from tests.storages.test_journal import study
opened = study(Path({str(path)!r}))
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
opened.add_trial(create_trial(value=1.0))
"""
    killed = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    study(path).add_trial(create_trial(value=2.0))
    assert values(path)[-1] == 2.0


@pytest.mark.parametrize("damage", [b"no journal\n\n", b'{"op_code": 99}\n{}\n', b"\x00" * 50 + b"\n{}\n"])
def test_a_damaged_journal_is_refused(path: Path, damage: bytes) -> None:
    study(path).add_trial(create_trial(value=1.0))
    content = damage + path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(StorageError, match="is damaged, or no journal"):
        open_storage(f"journal:{path}")
    assert path.read_bytes() == content


def test_an_older_lock_of_optunas_own_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study(path)
    path.with_name(f"{path.name}.lock").symlink_to(path)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waited"))
    study(path).add_trial(create_trial(value=1.0))
    assert values(path) == [1.0]


@pytest.mark.parametrize("content", [b'{"token": "mine"}', b"x", b'{"op_codes":1}', b"\n", b"{}\n"])
def test_a_file_that_is_no_journal_is_refused_and_stays_what_it_was(path: Path, content: bytes) -> None:
    """Without a line's end it would be taken for an entry cut short."""
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"no journal|some other file"):
        open_storage(f"journal:{path}")
    assert path.read_bytes() == content


@pytest.mark.parametrize("cut", [0, 1, 5, 30])
def test_a_first_entry_cut_short_is_no_other_file(path: Path, cut: int) -> None:
    study(path)
    path.write_bytes(path.read_bytes()[:cut])
    assert values(path) == []
