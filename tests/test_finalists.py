"""Finalists in step under halving: gone on with after a stop, whatever is left, they end as if never stopped."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import optuna
import pytest
import torch
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from suite.cnn import StandaloneCNN
from suite.data import Data, find_data, open_data
from suite.errors import TrainingError
from suite.finalist import Finalist
from suite.finalists import train_finalists
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings
from suite.supernet import Scorer
from suite.training import Training
from suite.trials import open_storage

COUNT = 8  # halved after the first and the second of four epochs


class Race:
    """Eight finalists, on a storage and in a run directory of their own."""

    def __init__(self, study: StudySettings, data: Data, folder: Path) -> None:
        self.study, self.data, self.folder = study, data, folder
        self.space = SearchSpace(study.space, data.picture_shape, len(data.classes))
        self.genomes = genomes_of(study, data)

    def run(self, name: str = "run") -> list[dict[str, Any]]:
        """What became of each of them."""
        directory = RunDirectory.create(self.folder / name)
        no_scorer = cast(Scorer, None)  # only those that start from the supernet need one
        cpu, quiet = torch.device("cpu"), Display(quiet=True)
        result = train_finalists(
            self.study,
            self.space,
            self.genomes,
            no_scorer,
            self.data,
            cpu,
            self.storage,
            "finalists",
            directory,
            quiet,
        )
        return [
            {name: row[name] for name in ("genome", "pruned", "epochs", "val_accuracy", "val_loss")}
            for row in result["finalists"]
        ]

    @property
    def storage(self) -> BaseStorage:
        return open_storage(f"journal:{self.folder / 'trials.log'}")

    def checkpoint(self, number: int) -> Path:
        return self.folder / "run" / "checkpoints" / f"finalist-{number}.ckpt"


@pytest.fixture
def data(tiny_study: StudySettings) -> Data:
    return open_data(tiny_study.data, find_data(tiny_study.data))


@pytest.fixture(autouse=True)
def ranked(tiny_study: StudySettings, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finalist is more accurate than those before it, on any machine."""

    def evaluate(network: StandaloneCNN, *_: object) -> SimpleNamespace:
        place = genomes_of(tiny_study, data).index(network.genome)
        return SimpleNamespace(accuracy=place / COUNT, loss=1.0, wrong=[], confusion=lambda classes: [])

    monkeypatch.setattr("suite.finalist.evaluate", evaluate)


def genomes_of(study: StudySettings, data: Data) -> list[Genome]:
    """Eight of the space."""
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    return list(space)[:: space.size // COUNT][:COUNT]


def test_a_checkpoint_behind_what_was_reported_is_judged_once_it_has_caught_up(
    tiny_study: StudySettings, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Race(tiny_study, data, tmp_path / "whole").run()
    assert [row["epochs"] for row in whole] == [1, 1, 1, 1, 2, 2, 4, 4]
    stopped = Race(tiny_study, data, tmp_path / "stopped")
    came_to_two: list[int] = []
    train_to = Finalist.train_to

    def train_to_or_stop(finalist: Finalist, epoch: int, say: Any) -> None:
        if epoch == 2 and len(came_to_two) == 3:
            raise KeyboardInterrupt
        train_to(finalist, epoch, say)
        if epoch == 2:
            came_to_two.append(stopped.genomes.index(finalist.genome))

    with monkeypatch.context() as patch:
        patch.setattr(Finalist, "train_to", train_to_or_stop)
        with pytest.raises(KeyboardInterrupt):
            stopped.run()
    assert came_to_two == [4, 5, 6]  # the first is behind two others, and would be pruned
    stopped.checkpoint(4).write_bytes(b"damaged")  # the one before is of the first epoch
    assert stopped.run() == whole


def test_who_is_out_of_the_race_holds_no_networks(
    tiny_study: StudySettings, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU each has a copy of the pictures as well."""
    race, alive = Race(tiny_study, data, tmp_path), weakref.WeakSet[Training]()
    held, train_to = dict[Genome, int](), Finalist.train_to

    def training_of(*words: Any, **keys: Any) -> Training:
        training = standalone_training(*words, **keys)
        alive.add(training)
        return training

    def train_and_look(finalist: Finalist, epoch: int, say: Any) -> None:
        train_to(finalist, epoch, say)
        held[finalist.genome] = len(alive)

    monkeypatch.setattr("suite.finalist.standalone_training", training_of)
    monkeypatch.setattr(Finalist, "train_to", train_and_look)
    race.run()
    assert [held[genome] for genome in race.genomes] == [8, 8, 8, 8, 4, 4, 2, 2]


def test_without_result_and_checkpoints_the_same_ones_are_pruned_again(
    tiny_study: StudySettings, data: Data, tmp_path: Path
) -> None:
    race = Race(tiny_study, data, tmp_path)
    first = race.run()
    before = optuna.load_study(study_name="finalists", storage=race.storage).trials
    assert race.run("anew") == first
    assert optuna.load_study(study_name="finalists", storage=race.storage).trials == before


def test_seconds_of_an_epoch_that_was_cut_off_are_counted(
    tiny_study: StudySettings, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = Race(tiny_study, data, tmp_path)
    clock = count(step=10.0)  # ten seconds between two looks at it

    def cut_off(training: Training, save: Callable[[], None]) -> float:
        save()
        raise KeyboardInterrupt

    monkeypatch.setattr("suite.finalist.time.monotonic", lambda: next(clock))
    with monkeypatch.context() as patch:
        patch.setattr("suite.finalist.EverySeconds.due", lambda _: True)
        patch.setattr(Training, "run_epoch", cut_off)
        for seconds in (10, 20):
            with pytest.raises(KeyboardInterrupt):
                race.run()
            kept = RunDirectory(tmp_path / "run").load_checkpoint("finalist-0") or {}
            assert kept["seconds"] == seconds
    race.run()
    rows = (RunDirectory(tmp_path / "run").read_result("finalists") or {})["finalists"]
    assert rows[0]["seconds"] > rows[1]["seconds"] > 0


def diverge(genomes: list[Genome], after: int, patch: pytest.MonkeyPatch) -> None:
    """The losses of these become no number in the epoch after so many."""
    run_epoch = Training.run_epoch

    def run_or_diverge(training: Training, **words: Any) -> float:
        if training.epoch == after and training.network.genome in genomes:  # type: ignore[union-attr]
            raise TrainingError("the loss became nan in epoch 3.", where="training", remedy="Lower it.")
        return run_epoch(training, **words)

    patch.setattr(Training, "run_epoch", run_or_diverge)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_finalist_that_diverges_is_left_behind_and_the_others_go_on(
    stopped: bool, tiny_study: StudySettings, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = Race(tiny_study, data, tmp_path)
    best = race.genomes[-1]
    diverge([best], 2, monkeypatch)
    if stopped:
        with monkeypatch.context() as patch:
            patch.setattr(Finalist, "prune_if_behind", stop_at(3))
            with pytest.raises(KeyboardInterrupt):
                race.run()
        monkeypatch.setattr(Finalist, "give_up", None)  # it is not tried again
    rows = race.run()
    assert [row["epochs"] for row in rows] == [1, 1, 1, 1, 2, 2, 4]
    assert [row["pruned"] for row in rows] == [True] * 6 + [False]
    result = RunDirectory(tmp_path / "run").read_result("finalists") or {}
    assert result["failed"] == [{"genome": best.text, "failure": "the loss became nan in epoch 3."}]
    trials = optuna.load_study(study_name="finalists", storage=race.storage).trials
    assert [trial.state for trial in trials[-2:]] == [TrialState.COMPLETE, TrialState.FAIL]
    assert trials[-1].user_attrs["failure"] == "the loss became nan in epoch 3."


def stop_at(epoch: int) -> Callable[[Finalist], None]:
    """Judges finalists until one has so many epochs behind it."""
    prune_if_behind = Finalist.prune_if_behind

    def prune_or_stop(finalist: Finalist) -> None:
        if finalist.epoch == epoch:
            raise KeyboardInterrupt
        prune_if_behind(finalist)

    return prune_or_stop


def test_where_all_diverge_there_is_no_winner(
    tiny_study: StudySettings, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = Race(tiny_study, data, tmp_path)
    diverge(race.genomes, 2, monkeypatch)
    with pytest.raises(TrainingError, match="Lower it"):
        race.run()
