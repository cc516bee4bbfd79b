"""Finalists' epochs under a time budget: as many as fit what is left, written down before they are used."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from suite import time_left
from suite.data import find_data, open_data
from suite.errors import RunDirectoryError
from suite.halving import racing_epochs
from suite.progress import Display
from suite.run_directory import RunDirectory, write_atomically
from suite.study import Stop, StudySettings, read_study, study_toml, validate_study
from suite.time_left import TimeBudget, fit_finalists, fit_fine_tuning
from suite.used_study import used_study, with_epochs
from tests.conftest import space_of, tiny_table

ASKED = validate_study(
    tiny_table(finalists={"count": 5, "epochs": 40, "seeds": 2}, final={"epochs": 10}), where="tiny"
)
SHORT = with_epochs(ASKED, finalists=3, final=1)
PACES = [2.0, 1.0, 4.0, 1.0, 3.0]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run that was begun with the study as it was shortened at first."""
    run = RunDirectory(tmp_path / "run")
    (run.path / "results").mkdir(parents=True)
    write_atomically(run.path / "study.toml", study_toml(SHORT).encode())
    run.write_json("run.json", {"used": SHORT.model_dump(mode="json")})
    return run


def fitted(
    run: RunDirectory,
    seconds: float,
    spent: float,
    patch: pytest.MonkeyPatch,
    *,
    asked: StudySettings = ASKED,
    quiet: bool = True,
) -> StudySettings:
    data = open_data(ASKED.data, find_data(ASKED.data))
    space = space_of()
    genomes = list(itertools.islice(space, len(PACES)))
    paces = iter(PACES)
    steps = len(data.train) // ASKED.supernet.batch_size
    patch.setattr(time_left, "seconds_per_step", lambda _: next(paces) / steps)
    patch.setattr(time_left, "evaluate", lambda *_: None)
    patch.setattr(time_left, "time", SimpleNamespace(monotonic=lambda: 0.0))
    budget = TimeBudget(seconds, asked)
    return fit_finalists(
        SHORT, budget, spent, genomes, space, data, torch.device("cpu"), run, Display(quiet=quiet)
    )


def seconds_of(epochs: int, stop: Stop) -> float:
    """What finalists of the asked study and its fine-tuning are given, at the paces above."""
    data = open_data(ASKED.data, find_data(ASKED.data))
    larger = len(data.all_training) / len(data.train)
    return sum(PACES) / 5 * (2 * racing_epochs(epochs, 5, stop) + larger * round(epochs / 4)) / 0.9


@pytest.mark.parametrize(
    ("seconds", "finalists", "stop"),
    [
        (1e6, 40, "late"),
        (seconds_of(30, "late") + 0.01, 30, "late"),
        (seconds_of(30, "late") - 0.01, 29, "late"),
        (seconds_of(20, "late") + 0.01, 20, "late"),
        (seconds_of(20, "late") - 0.01, 36, "early"),
        (seconds_of(12, "early") + 0.01, 12, "early"),
        (seconds_of(12, "early") - 0.01, 11, "early"),
        (0.01, 1, "late"),
        (-1e6, 1, "late"),
    ],
)
def test_as_many_epochs_as_fit_what_is_left_and_no_more_than_were_asked_for(
    seconds: float, finalists: int, stop: Stop, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = fitted(run, 100 + seconds, 100, monkeypatch)
    assert (study.finalists.epochs, study.finalists.stop) == (finalists, stop)
    assert study.final.epochs == max(1, round(finalists / 4))
    assert with_epochs(study, 3, 1, stop="late") == SHORT, "nothing else is changed"
    assert used_study(run) == study


def test_a_rule_that_weighs_cost_keeps_two_to_the_end(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    finalists = ASKED.finalists.model_copy(update={"choose": "one_se"})
    asked = ASKED.model_copy(update={"finalists": finalists})
    study = fitted(run, seconds_of(12, "late") + 0.01, 0, monkeypatch, asked=asked)
    assert (study.finalists.epochs, study.finalists.stop) == (12, "late")


def test_what_was_written_down_holds(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    study = fitted(run, 200, 0, monkeypatch)
    assert study.finalists.stop == "early"
    write_atomically(run.path / "study.toml", study_toml(SHORT).encode())  # stopped before it was written
    assert used_study(run) == study
    assert fitted(run, 10, 0, monkeypatch) == study, "not fitted twice"
    assert read_study(run.path / "study.toml") == study


# An epoch takes 2.5 s on all training pictures, and a tenth of the time is kept back.
@pytest.mark.parametrize(("left", "epochs"), [(1e6, 10), (8.4, 3), (5.6, 2), (5.5, 1), (0.1, 1), (-5.0, 1)])
def test_fine_tuning_is_fitted_again_to_what_the_finalists_left(
    left: float, epochs: int, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = fitted(run, 200, 0, monkeypatch)
    data = open_data(ASKED.data, find_data(ASKED.data))
    larger = len(data.all_training) / len(data.train)
    row = {"seconds": 2 * 6 * 2.5 / larger, "epochs": 6}  # from two seeds
    budget, quiet = TimeBudget(200.0, ASKED), Display(quiet=True)
    again = fit_fine_tuning(study, budget, row, {"seconds": 200 - left}, data, run, quiet)
    assert again.final.epochs == epochs
    assert with_epochs(again, study.finalists.epochs, study.final.epochs) == study, "nothing else is changed"
    assert used_study(run) == read_study(run.path / "study.toml") == again
    assert fit_fine_tuning(study, budget, row, {"seconds": 0.0}, data, run, quiet) == again, (
        "not fitted twice"
    )
    assert fitted(run, 10, 0, monkeypatch) == again


def test_fine_tuning_under_way_or_never_fitted_keeps_its_epochs(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_data(ASKED.data, find_data(ASKED.data))
    words = (TimeBudget(200.0, ASKED), {"seconds": 1.0, "epochs": 1}, {"seconds": 199.0}, data, run)
    assert fit_fine_tuning(SHORT, *words, Display(quiet=True)) == SHORT, "finalists of an older suite"
    study = fitted(run, 200, 0, monkeypatch)
    run.save_checkpoint("final", {})
    assert fit_fine_tuning(study, *words, Display(quiet=True)) == study


def test_a_run_of_an_older_suite_keeps_its_rungs(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_result("time_left", {"seconds": 5.0, "epochs": {"finalists": 8, "final": 2}})
    assert fitted(run, 1e6, 0, monkeypatch) == with_epochs(SHORT, 8, 2, stop="late")


def test_any_other_change_of_the_study_is_still_told(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = fitted(run, 1e6, 0, monkeypatch)
    other = study.model_copy(update={"seed": 5})
    write_atomically(run.path / "study.toml", study_toml(other).encode())
    with pytest.raises(RunDirectoryError, match="not what the run was made with"):
        used_study(run)


def test_finalists_that_an_older_suite_began_keep_their_epochs(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.save_checkpoint("finalist-3", {"genome": "a"})
    assert fitted(run, 1e6, 0, monkeypatch) == SHORT
    assert run.read_result("time_left") is None


@pytest.mark.parametrize(("seconds", "told"), [(1e6, False), (60, True)])
def test_few_epochs_are_told_with_what_may_be_better(
    seconds: float,
    told: bool,
    run: RunDirectory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fitted(run, seconds, 0, monkeypatch, quiet=False)
    assert ("trained by hand" in capsys.readouterr().err) == told
