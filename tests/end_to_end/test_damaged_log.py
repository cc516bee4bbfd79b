"""Trials that are gone with SQLite's log: told, or evaluated again; never is a run finished without them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
import pytest

from suite.trials import open_storage
from tests.damage import DAMAGES, damaged
from tests.end_to_end.conftest import suite, write_study
from tests.end_to_end.stopping import search_with
from tests.end_to_end.test_faults import AFTER_15_TRIALS, assert_clean, genomes_on_record
from tests.end_to_end.test_run import outcome


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was killed in its search, all of whose trials are in the log yet."""
    folder = tmp_path_factory.mktemp("killed")
    assert search_with(AFTER_15_TRIALS, write_study(folder), folder).returncode == -9
    return folder


def recorded_of(folder: Path) -> int:
    """How many trials of the search SQLite finds, in a copy: to look is to write the log back."""
    with TemporaryDirectory() as elsewhere:
        for path in (folder / "run").glob("study.db*"):
            shutil.copy(path, elsewhere)
        with closing(sqlite3.connect(Path(elsewhere) / "study.db")) as connection:
            ((count,),) = connection.execute("SELECT count(*) FROM trials")
            return int(count)


@pytest.mark.fault("SQLite's log is damaged after a kill: refused, or gone on with", storage="sqlite")
@pytest.mark.parametrize("damage", [name for name in DAMAGES if name not in ("cut to a byte",)])
def test_a_damaged_log_costs_trials_of_the_generation_or_is_told(
    damage: str, killed: Path, finished: Path, tmp_path: Path
) -> None:
    """SQLite drops what comes after the damage without a word."""
    copy = Path(shutil.copytree(killed, tmp_path / "copy"))
    assert recorded_of(copy) == 15
    damaged(copy / "run" / "study.db-wal", damage)
    left = recorded_of(copy)
    assert left < 15
    done = suite("search", "tiny.toml", "--run-dir", "run", "--resume", cwd=copy)
    if left < 12:  # the random pool, whose generation is closed
        assert done.returncode == 2, done.stderr
        assert_clean(done.stderr, f"lacks {12 - left} of the 12 networks that were evaluated")
    else:
        assert done.returncode == 0, done.stderr
        assert outcome(copy / "run") == outcome(finished)
        url = f"sqlite:///{copy}/run/study.db"
        assert genomes_on_record(url) == genomes_on_record(f"sqlite:///{finished}/study.db")


@pytest.mark.fault("trials of a finished phase are gone with SQLite's log: refused", storage="sqlite")
@pytest.mark.parametrize(
    ("gone", "said"),
    [("search", "lacks 24 of the 24 networks"), ("finalists", "lacks 3 of the 3 networks")],
)
def test_a_finished_phase_whose_trials_are_gone_is_told(
    gone: str, said: str, finished: Path, tmp_path: Path
) -> None:
    study, url = write_study(tmp_path), f"sqlite:///{tmp_path}/run/study.db"
    shutil.copytree(finished, tmp_path / "run")
    optuna.delete_study(study_name=f"tiny/run/{gone}", storage=open_storage(url))
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert_clean(done.stderr, f"tiny/run/{gone}: {said}")
