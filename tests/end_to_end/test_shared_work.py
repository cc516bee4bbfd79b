"""The database gone in the middle of trainings that processes share: it is said, and the same command goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from suite.fidelity.truth_table import read_table
from suite.run_directory import RunDirectory
from suite.trials import open_storage
from tests.conftest import tiny_ablation
from tests.end_to_end.conftest import suite, write_study
from tests.end_to_end.stopping import suite_with
from tests.end_to_end.test_faults import assert_clean
from tests.postgresql import PASSWORD, Server

FIDELITY = (
    *("fidelity", "run", "--networks", 4, "--seeds", 1, "--epochs", 2),
    *("--train-images", 128, "--truth", "truth"),
)
ABLATE = ("ablate", "ablation.toml", "--run-dir", "ablation", "--truth", "truth")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A copy of the finished run, and an ablation beside it."""
    write_study(tmp_path)
    (tmp_path / "ablation.toml").write_text(tiny_ablation("digits-2x128"))
    return RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))


def stops_the_server(server: Server) -> str:
    """As soon as the process that began the trainings sees that one of them runs."""
    return f"""
from pathlib import Path
from optuna.trial import TrialState
import suite.ablation.run, suite.fidelity.train_truth, suite.trial_queue
from tests.postgresql import Server
suite.storages.database.PATIENCE_SECONDS = 2.0
suite.trial_queue._SECONDS_BETWEEN_LOOKS = 0.1
real, servers = suite.trial_queue.done_trials, [Server(Path({str(server.folder)!r}), {server.port})]
def stop_and_look(study):
    if servers and study.get_trials(states=(TrialState.RUNNING,)):
        servers.pop().stop()
    return real(study)
suite.ablation.run.done_trials = suite.fidelity.train_truth.done_trials = stop_and_look
"""


def done_in(url: str, prefix: str) -> list[Any]:
    storage = open_storage(url)
    (name,) = [name for name in optuna.get_all_study_names(storage) if name.startswith(prefix)]
    trials = optuna.load_study(study_name=name, storage=storage).get_trials(states=(TrialState.COMPLETE,))
    return sorted(trial.user_attrs.get("genome") or trial.user_attrs["cell"] for trial in trials)


@pytest.mark.fault(
    "the database goes away while a truth table's networks or an ablation's supernets are trained",
    storage="postgresql",
)
def test_shared_trainings_whose_database_goes_away_are_gone_on_with(
    mortal_postgresql: Server, run: RunDirectory, tmp_path: Path
) -> None:
    url = mortal_postgresql.new_database()
    for words in (FIDELITY, ABLATE):
        stopped = suite_with(stops_the_server(mortal_postgresql), tmp_path, *words, SUITE_STORAGE=url)
        assert_told(stopped.returncode, stopped.stderr)
        mortal_postgresql.start_again()
        done = suite(*words, cwd=tmp_path, SUITE_STORAGE=url)
        assert done.returncode == 0, done.stderr
    table = read_table(tmp_path / "truth" / "digits-2x128.csv")
    assert done_in(url, "tiny/run/digits") == sorted([*table.networks(), *table.networks("winner")])
    assert done_in(url, "ablations/") == ["as it is", "no dropout"]


def assert_told(code: int, stderr: str) -> None:
    """Once by the process that the user started, for all of them."""
    assert code == 1, stderr
    assert stderr.count("The database does not answer; trying again for 2 s.") == 1
    assert_clean(
        stderr, "could not be written or read", "Nothing that was recorded is lost", "the same command"
    )
    assert stderr.count("could not be") == 1
    assert PASSWORD not in stderr
