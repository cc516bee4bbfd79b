"""Work shared by processes, on every storage: each trial is done once, and no worker outlives who began it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import filelock
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.errors import TrainingError
from suite.trial_queue import done_trials, enqueue, run_workers, what_went_wrong, work_off
from suite.trials import open_storage
from tests.conftest import ROOT

SECONDS = 60
needs_posix = pytest.mark.skipif(os.name == "nt", reason="kills by POSIX signals")


class Job(NamedTuple):
    """What a worker is given: where the trials are, and a folder to leave traces in."""

    url: str
    folder: Path


@pytest.fixture
def job(url: str, tmp_path: Path) -> Job:
    return Job(url, tmp_path)


def open_study(job: Job) -> optuna.Study:
    storage = open_storage(job.url)
    return optuna.create_study(storage=storage, study_name="queue", direction="maximize", load_if_exists=True)


def waiting(numbers: range) -> list[FrozenTrial]:
    return [create_trial(state=TrialState.WAITING, user_attrs={"number": number}) for number in numbers]


def number_of(trial: FrozenTrial | optuna.Trial) -> int:
    return int(trial.user_attrs["number"])


def double(trial: optuna.Trial) -> float:
    return 2.0 * trial.user_attrs["number"]


def values(study: optuna.Study) -> list[tuple[int, float | None]]:
    """Of what is done, by number; one that was done twice is there twice."""
    return sorted((number_of(trial), trial.value) for trial in done_trials(study))


def states(study: optuna.Study) -> list[TrialState]:
    return [trial.state for trial in study.get_trials(deepcopy=False)]


def hold_the_lock(folder: str) -> None:
    with filelock.FileLock(Path(folder) / "held"):
        (Path(folder) / "holding").touch()
        threading.Event().wait()


def do_once(job: Job) -> None:
    """Each trial leaves a file that must not be there yet."""
    study = open_study(job)

    def do(trial: optuna.Trial) -> float:
        (job.folder / f"done-{number_of(trial)}").touch(exist_ok=False)
        return double(trial)

    (job.folder / f"ready-{os.getpid()}").touch()
    while len(list(job.folder.glob("ready-*"))) < 2:  # so that both claim at once
        os.sched_yield()
    work_off(study, do)


def test_workers_that_claim_at_once_do_every_trial_once(job: Job) -> None:
    study = open_study(job)
    enqueue(study, waiting(range(30)), number_of)
    enqueue(study, waiting(range(40)), number_of)
    looks: list[int] = []
    assert run_workers(do_once, job, 2, lambda: looks.append(1)) == []
    assert looks
    assert values(study) == [(number, 2.0 * number) for number in range(40)]
    assert states(study) == [TrialState.COMPLETE] * 40


def die_in_the_second(job: Job) -> None:
    study = open_study(job)

    def do(trial: optuna.Trial) -> float:
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return double(trial)

    work_off(study, do)


@needs_posix
@pytest.mark.fault("a process that trains what others wait for is killed")
def test_what_a_killed_worker_was_at_fails_and_is_done_again(job: Job) -> None:
    study = open_study(job)
    enqueue(study, waiting(range(3)), number_of)
    reasons = run_workers(die_in_the_second, job, 1, lambda: None)
    assert what_went_wrong(study, reasons) == "a process ended with code -9"
    assert states(study) == [TrialState.COMPLETE, TrialState.RUNNING, TrialState.WAITING]
    enqueue(study, waiting(range(3))[1:], number_of)
    work_off(study, double)
    assert values(study) == [(0, 0.0), (1, 2.0), (2, 4.0)]
    assert states(study) == [
        TrialState.COMPLETE,
        TrialState.FAIL,
        TrialState.COMPLETE,
        TrialState.COMPLETE,
    ]


@needs_posix
@pytest.mark.fault("a process is killed as soon as it has claimed a training")
def test_a_claim_without_a_name_is_of_a_process_that_died(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(job)
    enqueue(study, waiting(range(2)), number_of)

    class Killed(BaseException):
        """As a kill would, it passes all that catches errors."""

    def killed(trial: optuna.Trial, *words: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Trial, "set_user_attr", killed)
        with pytest.raises(Killed):
            work_off(study, double)
    assert states(study) == [TrialState.RUNNING, TrialState.WAITING]
    enqueue(study, waiting(range(2)), number_of)
    work_off(open_study(job), double)
    assert values(study) == [(0, 0.0), (1, 2.0)]


def test_what_runs_on_another_machine_is_left_to_it(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(job)
    enqueue(study, waiting(range(2)), number_of)

    def seen_from_here(trial: optuna.Trial) -> float:
        if number_of(trial) == 0:  # the work of the first one
            monkeypatch.undo()
            enqueue(study, waiting(range(3)), number_of)
            assert states(study) == [TrialState.RUNNING, TrialState.WAITING, TrialState.WAITING]
        return double(trial)

    monkeypatch.setattr("socket.gethostname", lambda: "another machine")
    work_off(open_study(job), seen_from_here)
    assert values(study) == [(0, 0.0), (1, 2.0), (2, 4.0)]


@pytest.mark.fault("a machine that trains what others wait for is gone, or asleep for ten minutes")
def test_what_runs_on_a_machine_that_is_gone_is_done_elsewhere(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, now = open_study(job), time.time()
    enqueue(study, waiting(range(2)), number_of)

    def asleep(trial: optuna.Trial) -> float:
        if trial.number == 0:
            monkeypatch.undo()
            monkeypatch.setattr("suite.trial_queue.time.time", lambda: now + 500)
            enqueue(study, waiting(range(2)), number_of)
            assert states(study) == [TrialState.RUNNING, TrialState.WAITING]
            monkeypatch.setattr("suite.trial_queue.time.time", lambda: now + 700)
            enqueue(study, waiting(range(2)), number_of)
            assert states(study) == [TrialState.FAIL, TrialState.WAITING, TrialState.WAITING]
        return double(trial)  # awake again, it is not listened to

    monkeypatch.setattr("socket.gethostname", lambda: "another machine")
    work_off(open_study(job), asleep)
    assert states(study) == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert values(study) == [(0, 0.0), (1, 2.0)]


def test_what_fails_is_told_with_its_reason_and_the_rest_is_done(job: Job) -> None:
    study = open_study(job)
    enqueue(study, waiting(range(3)), number_of)

    def do(trial: optuna.Trial) -> float:
        if trial.user_attrs["number"] == 1:
            raise TrainingError("the loss became nan.")
        return 0.0

    work_off(study, do)
    assert states(study) == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert study.get_trials()[1].user_attrs["failure"] == "the loss became nan."
    assert what_went_wrong(study, []) == "the loss became nan"


def test_what_a_trial_was_made_from_is_forgotten_only_once_its_value_is_stored(job: Job) -> None:
    """A kill between the two would otherwise cost the whole training."""
    study = open_study(job)
    enqueue(study, waiting(range(3)), number_of)
    seen: list[tuple[int, TrialState]] = []

    def do(trial: optuna.Trial) -> float:
        if trial.user_attrs["number"] == 1:
            raise TrainingError("the loss became nan.")
        return 0.0

    work_off(study, do, told=lambda trial: seen.append((trial.number, states(study)[trial.number])))
    assert seen == [(0, TrialState.COMPLETE), (2, TrialState.COMPLETE)]


def run_out_of_room(job: Job) -> None:
    raise OSError(28, os.strerror(28), "a checkpoint")


def test_a_worker_that_stops_says_why(tmp_path: Path) -> None:
    study = open_study(Job(f"journal:{tmp_path / 'trials.log'}", tmp_path))
    reasons = run_workers(run_out_of_room, Job("", tmp_path), 1, lambda: None)
    said = "a checkpoint: could not be written: No space left on device"
    assert what_went_wrong(study, reasons * 2) == said


def run_into_a_fault(job: Job) -> None:
    raise ZeroDivisionError("of nothing\nand more")


def test_a_worker_that_meets_a_fault_says_it_in_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reasons = run_workers(run_into_a_fault, Job("", tmp_path), 1, lambda: None)
    assert reasons == ["ZeroDivisionError: of nothing"]
    assert "Traceback" not in capfd.readouterr().err


@needs_posix
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
