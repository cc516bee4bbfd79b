"""Work shared by processes: each trial is done once, and no worker outlives the one that began it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from suite.errors import TrainingError
from suite.trial_queue import enqueue, run_workers, work_off
from suite.trials import open_storage
from tests.conftest import ROOT

SECONDS = 60


def new_study(folder: Path) -> optuna.Study:
    return optuna.create_study(
        storage=open_storage(storage(folder)), study_name="queue", direction="maximize"
    )


def storage(folder: Path) -> str:
    return f"sqlite:///{folder / 'study.db'}"


def waiting(numbers: range) -> list[optuna.trial.FrozenTrial]:
    return [create_trial(state=TrialState.WAITING, user_attrs={"number": number}) for number in numbers]


def number_of(trial: optuna.trial.FrozenTrial) -> int:
    return int(trial.user_attrs["number"])


def double_all(folder: str) -> None:
    study = optuna.load_study(study_name="queue", storage=open_storage(storage(Path(folder))))
    work_off(study, lambda trial: 2.0 * trial.user_attrs["number"])


def hold_the_lock(folder: str) -> None:
    with filelock.FileLock(Path(folder) / "held"):
        (Path(folder) / "holding").touch()
        threading.Event().wait()


def test_two_workers_do_every_trial_once(tmp_path: Path) -> None:
    study = new_study(tmp_path)
    enqueue(study, waiting(range(7)), number_of)
    enqueue(study, waiting(range(9)), number_of)
    looks: list[int] = []
    workers = run_workers(double_all, str(tmp_path), 2, lambda: looks.append(1))
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert looks
    done = {number_of(trial): trial.value for trial in study.get_trials()}
    assert len(study.get_trials()) == 9
    assert done == {number: 2.0 * number for number in range(9)}


def do_once(folder: str) -> None:
    """Each trial leaves a file that must not be there yet."""
    study = optuna.load_study(study_name="queue", storage=open_storage(storage(Path(folder))))

    def do(trial: optuna.Trial) -> float:
        (Path(folder) / f"done-{trial.number}").touch(exist_ok=False)
        return 1.0

    (Path(folder) / f"ready-{os.getpid()}").touch()
    while len(list(Path(folder).glob("ready-*"))) < 3:  # so that all claim at once
        os.sched_yield()
    work_off(study, do)


def test_workers_that_claim_at_once_are_never_given_the_same_trial(tmp_path: Path) -> None:
    study = new_study(tmp_path)
    enqueue(study, waiting(range(60)), number_of)
    workers = run_workers(do_once, str(tmp_path), 3, lambda: None)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(list(tmp_path.glob("done-*"))) == 60


def test_what_fails_is_told_with_its_reason_and_the_rest_is_done(tmp_path: Path) -> None:
    study = new_study(tmp_path)
    enqueue(study, waiting(range(3)), number_of)

    def do(trial: optuna.Trial) -> float:
        if trial.user_attrs["number"] == 1:
            raise TrainingError("the loss became nan.")
        return 0.0

    work_off(study, do)
    states = [trial.state for trial in study.get_trials()]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert study.get_trials()[1].user_attrs["failure"] == "the loss became nan."


def test_what_a_trial_was_made_from_is_forgotten_only_once_its_value_is_stored(tmp_path: Path) -> None:
    """A kill between the two would otherwise cost the whole training."""
    study = new_study(tmp_path)
    enqueue(study, waiting(range(3)), number_of)
    seen: list[tuple[int, TrialState]] = []

    def do(trial: optuna.Trial) -> float:
        if trial.user_attrs["number"] == 1:
            raise TrainingError("the loss became nan.")
        return 0.0

    work_off(
        study, do, told=lambda trial: seen.append((trial.number, study.get_trials()[trial.number].state))
    )
    assert seen == [(0, TrialState.COMPLETE), (2, TrialState.COMPLETE)]


@pytest.mark.skipif(os.name == "nt", reason="kills by POSIX signals")
def test_a_worker_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom suite.trial_queue import run_workers\nfrom tests.test_trial_queue import hold_the_lock\n"
        "def look():\n"
        "    if (Path(sys.argv[1]) / 'holding').exists(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__': run_workers(hold_the_lock, sys.argv[1], 1, look)\n"
    )
    file = tmp_path / "parent.py"
    file.write_text("import os, signal\nfrom pathlib import Path\n" + script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.run(
        [sys.executable, str(file), str(tmp_path)], env=environment, timeout=SECONDS, check=False
    )
    assert parent.returncode == -9
    with filelock.FileLock(tmp_path / "held", timeout=SECONDS):
        assert (tmp_path / "holding").exists()
