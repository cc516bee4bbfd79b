"""Filling a truth table: what died is trained again from its checkpoint, what is there is not trained again."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from suite.data import find_data, open_data
from suite.errors import TrainingError
from suite.fidelity.draw import draw_networks
from suite.fidelity.train_truth import Wanted, train_truth
from suite.fidelity.truth_table import TruthTable, read_table, regime_of
from suite.fidelity.truth_worker import Job, read_after
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.training import Training
from suite.trials import open_storage

EPOCHS, NETWORKS = 4, 3


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers one after the other and without processes of their own, which import torch anew."""

    def run_here(target: Callable[[Job], None], job: Job, count: int, look: Callable[[], None]) -> list[Any]:
        for _ in range(count):
            target(job)
        look()
        return []

    monkeypatch.setattr("suite.fidelity.train_truth.run_workers", run_here)
    before = signal.getsignal(signal.SIGINT)  # a worker ignores it
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that were trained, as they are."""
    trained: list[int] = []
    run_epoch = Training.run_epoch

    @functools.wraps(run_epoch)
    def counted(self: Training, *arguments: Any, **named: Any) -> float:
        loss = run_epoch(self, *arguments, **named)
        trained.append(self.epoch)
        return loss

    monkeypatch.setattr(Training, "run_epoch", counted)
    return trained


@pytest.fixture
def job(tiny_study: StudySettings, tmp_path: Path) -> Job:
    place = find_data(tiny_study.data)
    run = RunDirectory.create(tmp_path / "run")
    return Job(tiny_study, EPOCHS, 128, place, "cpu", f"journal:{tmp_path}/truth.log", "tiny/run/truth", run)


def fill(job: Job, folder: Path, networks: int = NETWORKS, seeds: int = 1) -> TruthTable:
    """The table as written, once it is full."""
    data = open_data(job.study.data, job.place)
    space = SearchSpace(job.study.space, data.picture_shape, len(data.classes))
    wanted = [
        Wanted(genome, seed, "uniform") for seed in range(seeds) for genome in draw_networks(space, networks)
    ]
    table = TruthTable(regime_of(job.study, "0" * 64, job.epochs, job.pictures))
    for there in folder.glob("*.csv"):
        table = read_table(there)
    return read_table(train_truth(wanted, table, folder, space, job, Display(quiet=True)))


def states(job: Job) -> list[TrialState]:
    study = optuna.load_study(study_name=job.name, storage=open_storage(job.storage))
    return [trial.state for trial in study.trials]


def values(table: TruthTable) -> list[tuple[Any, ...]]:
    """All but the clock."""
    return [(r.genome, r.seed, r.epoch, r.val_loss, r.val_accuracy) for r in table.readings]


@pytest.mark.parametrize("storage", ["journal:{}/truth.log", "sqlite:///{}/truth.db"])
def test_a_table_is_filled_once(storage: str, job: Job, tmp_path: Path, epochs: list[int]) -> None:
    job = replace(job, storage=storage.format(tmp_path))
    table = fill(job, tmp_path / "tables")
    assert table.rectangle() == (table.networks(), [0])
    assert len(table.networks()) == NETWORKS
    assert {r.epoch for r in table.readings} == {1, 2, 3, 4} == read_after(EPOCHS)
    assert epochs == [1, 2, 3, 4] * NETWORKS
    assert values(fill(job, tmp_path / "tables")) == values(table)
    assert len(epochs) == EPOCHS * NETWORKS, "nothing was trained again"
    assert states(job) == [TrialState.COMPLETE] * NETWORKS
    assert not list((job.run.path / "checkpoints").iterdir())

    larger = fill(job, tmp_path / "tables", networks=NETWORKS + 1)
    assert len(epochs) == EPOCHS * (NETWORKS + 1)
    assert set(values(table)) < set(values(larger))


def test_a_table_that_was_deleted_is_made_anew_from_the_trials(
    job: Job, tmp_path: Path, epochs: list[int]
) -> None:
    table = fill(job, tmp_path / "tables")
    assert values(fill(job, tmp_path / "elsewhere")) == values(table)
    assert len(epochs) == EPOCHS * NETWORKS


def test_what_a_dead_process_was_training_goes_on_from_its_checkpoint(
    job: Job, tmp_path: Path, epochs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As a kill would, it passes all that catches errors."""

    counted = Training.run_epoch

    def dying(self: Training, *arguments: Any, **named: Any) -> float:
        if len(epochs) == EPOCHS + 2:
            raise Killed
        return counted(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "run_epoch", dying)
        with pytest.raises(Killed):
            fill(job, tmp_path / "tables")
    assert states(job) == [TrialState.COMPLETE, TrialState.RUNNING, TrialState.WAITING]

    resumed = fill(job, tmp_path / "tables")
    assert epochs == [1, 2, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4], (
        "it waits behind the third, then does what it lacks"
    )
    assert states(job)[1] == TrialState.FAIL
    assert states(job).count(TrialState.COMPLETE) == NETWORKS
    again = replace(job, storage=f"journal:{tmp_path}/again.log", run=RunDirectory.create(tmp_path / "again"))
    assert values(fill(again, tmp_path / "again-tables")) == values(resumed)


def test_a_training_that_fails_is_said_and_the_others_are_kept(
    job: Job, tmp_path: Path, epochs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Training.run_epoch

    def failing(self: Training, *arguments: Any, **named: Any) -> float:
        if len(epochs) == EPOCHS:
            epochs.append(0)
            raise TrainingError("the loss became nan in epoch 1.")
        return counted(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "run_epoch", failing)
        with pytest.raises(TrainingError, match=r"1 trainings are not done: the loss became nan"):
            fill(job, tmp_path / "tables")
    assert len(read_table(next((tmp_path / "tables").glob("*.csv"))).networks()) == NETWORKS - 1
    assert len(fill(job, tmp_path / "tables").networks()) == NETWORKS


def test_networks_under_way_elsewhere_are_not_trained_here(
    job: Job, tmp_path: Path, epochs: list[int]
) -> None:
    fill(job, tmp_path / "tables", networks=1)
    study = optuna.load_study(study_name=job.name, storage=open_storage(job.storage))
    data = open_data(job.study.data, job.place)
    space = SearchSpace(job.study.space, data.picture_shape, len(data.classes))
    second = draw_networks(space, 2)[1]
    study.enqueue_trial({}, user_attrs={"genome": second.text, "seed": 0, "drawn": "uniform"})
    elsewhere = study.ask()
    elsewhere.set_user_attr("worker", {"host": "another machine", "pid": 1})
    with pytest.raises(TrainingError, match="under way on another machine"):
        fill(job, tmp_path / "tables", networks=2)
    assert len(epochs) == EPOCHS
