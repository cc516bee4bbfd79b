"""The suite against Optuna over trainings: the rival's clock and its stops, the pieces, what the page concludes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import torch

from benchmarks.wall_clock import rival as rival_of
from benchmarks.wall_clock import run
from benchmarks.wall_clock.page import write_page
from benchmarks.wall_clock.plan import PLAN_FILE
from benchmarks.wall_clock.rival import InHand, Rival
from benchmarks.wall_clock.theirs import _note
from suite.data import Data, Split, find_data, open_data, read_ledger
from suite.errors import RunDirectoryError, SearchError
from suite.progress import Display
from suite.run_directory import RUNS, EverySeconds, RunDirectory, latest_run
from suite.space import SearchSpace
from suite.study import StudySettings, read_study, study_toml, validate_study
from suite.trials import open_storage
from tests.conftest import refusal, rewrite_json, said, space_of, tiny_table

BUDGETS = (0.01, 10.0)  # minutes: too few for anything but the least, and enough for all of the study
WORDS = ("bench", "wall-clock", "--study", "tiny.toml", "--budgets", "10,0.01", "--seeds", "2")


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a whole race was run; its first run was stopped once."""
    folder = tmp_path_factory.mktemp("raced")
    (folder / "tiny.toml").write_text(study_toml(validate_study(tiny_table(), where="tiny")))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("suite.forecast._STEPS", 2)
        patch.setattr(
            "suite.launch.write_report", lambda run, _: run.path / "report" / "report.md"
        )  # unread here
        with pytest.MonkeyPatch.context() as stop:
            stop.setattr("suite.experiment.train_finalists", _ctrl_c)
            assert said(*WORDS)[0] == 130
        code, text = said(*WORDS)
        assert code == 0, text
        yield folder


def _ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


def kept_of(raced: Path) -> Path:
    """Where the race keeps its plan and its pieces."""
    (kept,) = raced.glob("runs/benchmark-wall-clock-tiny-*")
    return kept


def pieces(raced: Path, side: str) -> dict[str, dict[str, Any]]:
    return {
        path.stem: json.loads(path.read_text()) for path in sorted((kept_of(raced) / side).glob("*.json"))
    }


def test_both_sides_choose_at_the_same_moment(raced: Path) -> None:
    ours, theirs = pieces(raced, "ours"), pieces(raced, "theirs")
    assert list(ours) == [f"{m}-minutes-seed-{seed}" for m in ("0.01", "10") for seed in (0, 1)]
    assert list(theirs) == list(ours)
    for name, piece in theirs.items():
        assert piece["chosen_after"] == ours[name]["chosen_after"]
        assert piece["seconds"] >= piece["chosen_after"]
        longest = read_study(kept_of(raced) / "ours" / name / "study.toml").finalists.epochs
        assert piece["epochs_of_a_trial"] == longest
        assert longest == 4 if name.startswith("10") else longest < 4, "shortened to the budget"
        assert piece["trials"] <= piece["epochs"] <= longest * piece["trials"]


def test_seconds_are_all_that_passed_and_of_a_run_that_was_stopped_those_of_the_next(raced: Path) -> None:
    kept = kept_of(raced)
    for name, piece in pieces(raced, "ours").items():
        results = json.loads((kept / "ours" / name / "results.json").read_text())
        phases = results["search"]["seconds"]
        between = piece["seconds"] - phases["total"]
        assert 0 < between < 60
        assert piece["fine_tuning"] == phases["final"]
        assert 0 < piece["chosen_after"] <= piece["seconds"] - phases["final"]
        begun, chosen = (
            (kept / "ours" / name / file).stat().st_mtime for file in ("run.json", "results/finalists.json")
        )
        assert piece["chosen_after"] == pytest.approx(chosen - begun), "before the fine-tuning"
        assert piece["test"] == results["test"]


def test_each_chosen_network_is_fine_tuned_alike_and_tested_once(raced: Path) -> None:
    choices = sorted(kept_of(raced).rglob("choice.json"))
    assert len(choices) == 2 * 2 * 2  # sides, budgets, seeds
    for choice in choices:
        assert len(read_ledger(choice.with_name("test_ledger.jsonl"))) == 1
    recipes = [json.loads(choice.read_text())["recipe"]["final"] for choice in choices]
    assert recipes[0] == {"epochs": 1, "learning_rate": 0.0001}
    assert all(recipe == recipes[0] for recipe in recipes)


def test_the_page_and_that_nothing_is_done_twice(raced: Path) -> None:
    page = (raced / "reports" / "benchmark-wall-clock" / "report.md").read_text()
    assert re.search(r"\n- 0\.01 minutes \(0\.\d+ taken\): ", page), "a budget that cannot be kept is told"
    assert "\n| 10 | 2 | " in page
    assert "--study tiny.toml --budgets 0.01,10 --seeds 2</code> on " in page
    assert "| a training of 4 epochs, nothing pruned |" in page
    (figure,) = (raced / "reports" / "benchmark-wall-clock" / "figures").glob("tiny-*.png")
    assert figure.stat().st_size > 10_000
    with pytest.raises(RunDirectoryError, match="no run yet"):
        latest_run(RUNS)

    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in raced.glob("runs/**/*.json*")}

    before = times()
    lost = next(path for path in before if path.parent.name == "theirs")
    measured = lost.read_bytes()
    lost.unlink()  # stopped after its tests, before the piece was written
    again = run(Display(quiet=True), Path("tiny.toml"), BUDGETS, 2, raced / "out")
    assert again.read_text().split("## How")[0] == page.split("## How")[0]
    assert {path for path, when in times().items() if before[path] != when} == {lost}
    assert json.loads(lost.read_bytes()) == json.loads(measured)


def test_seconds_of_another_machine_are_not_mixed_in(raced: Path) -> None:
    plan = kept_of(raced) / PLAN_FILE
    whole = plan.read_text()
    rewrite_json(plan, device={**json.loads(whole)["device"], "name": "another"})
    assert "another machine" in refusal(*WORDS)
    plan.write_text(whole)


@pytest.mark.parametrize("budgets", ["soon", "", "0,15", "-1", "15,inf", "nan"])
def test_budgets_that_are_none_are_refused(budgets: str) -> None:
    text = refusal("bench", "wall-clock", "--study", "x.toml", f"--budgets={budgets}")
    assert "no list of minutes" in text


def test_a_study_is_needed() -> None:
    assert "needs --study STUDY" in refusal("bench", "wall-clock")


class Clockwork:
    """A rival in a world where an epoch takes a second, and its accuracies are those of a list."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, accuracies: Sequence[float]) -> None:
        self.study: StudySettings = validate_study(tiny_table(), where="tiny")
        self.data: Data = open_data(self.study.data, find_data(self.study.data))
        self.space = SearchSpace(self.study.space, self.data.picture_shape, len(self.data.classes))
        self.run = RunDirectory(folder)
        folder.mkdir(exist_ok=True)
        self.now, self.left = 0.0, list(accuracies)
        patch.setattr(rival_of, "time", SimpleNamespace(monotonic=lambda: self.now))
        patch.setattr(rival_of, "evaluate", self._evaluate)
        patch.setattr(rival_of, "EverySeconds", lambda seconds: EverySeconds(0))

    def search(self, until: float) -> tuple[dict[str, Any], InHand | None]:
        rival = Rival(self.study, self.space, self.data, torch.device("cpu"), self.run, until)
        return rival.search(Display(quiet=True))

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        storage = open_storage(f"journal:{self.run.path / 'trials.log'}")
        return optuna.load_study(study_name="trainings", storage=storage).get_trials()

    def _evaluate(self, network: object, data: Data, split: Split, device: object) -> SimpleNamespace:
        assert split is self.data.val_choice
        if not self.left:
            raise KeyboardInterrupt
        self.now += 1
        return SimpleNamespace(accuracy=self.left.pop(0))


@pytest.mark.parametrize(
    ("until", "epoch", "accuracy"),
    [(1.5, 1, 0.3), (2.5, 2, 0.5), (3.5, 2, 0.5)],  # the last epoch under way brings 0.9, too late
)
def test_what_is_in_hand_in_the_end_is_the_best_of_the_epochs_behind_it(
    until: float, epoch: int, accuracy: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Clockwork(tmp_path / "rival", monkeypatch, [0.3, 0.5, 0.4, 0.9])
    took, in_hand = world.search(until)
    assert in_hand is not None
    assert (in_hand.epoch, in_hand.val_accuracy) == (epoch, accuracy)
    assert took["seconds"] == took["epochs"] == until + 0.5
    took_again, again = world.search(until)  # gone on with once more, there is nothing to do
    assert took_again == took
    assert again is not None
    assert (again.genome, again.epoch) == (in_hand.genome, in_hand.epoch)


def test_a_trial_that_falls_behind_is_pruned_by_hyperband(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = [0.9 - 0.01 * i for i in range(40)]  # whoever comes later is worse
    world = Clockwork(tmp_path / "rival", monkeypatch, accuracies)
    took, _ = world.search(40)
    assert 0 < took["pruned"] < took["trials"]
    assert took["epochs"] == 40
    pruned = [t for t in world.trials if t.state == optuna.trial.TrialState.PRUNED]
    assert len(pruned) == took["pruned"]
    assert all(len(trial.intermediate_values) < 4 for trial in pruned)


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_stopped_rival_goes_on_and_its_clock_with_it(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = [0.3, 0.5, 0.4, 0.6, 0.2, 0.7, 0.1]
    whole = Clockwork(tmp_path / "whole", monkeypatch, accuracies)
    _, expected = whole.search(6.5)
    stopped = Clockwork(tmp_path / "stopped", monkeypatch, accuracies[:after])
    with pytest.raises(KeyboardInterrupt):
        stopped.search(6.5)
    stopped.now += 1_000  # until somebody comes back
    stopped.left = accuracies[after:]
    took, in_hand = stopped.search(6.5)
    assert (took["seconds"], took["epochs"]) == (7, 7)
    assert expected is not None
    assert in_hand is not None
    assert (in_hand.epoch, in_hand.val_accuracy) == (expected.epoch, expected.val_accuracy)
    assert [t.intermediate_values for t in stopped.trials] == [t.intermediate_values for t in whole.trials]


def test_a_budget_too_short_for_an_epoch_says_so(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"within 0\.5 minutes"):
        _note(RunDirectory(tmp_path), space_of(), None, 0.5)


@pytest.mark.parametrize(
    ("gains", "said_of_it"),
    [
        ([0.020, 0.021, 0.019], "15 minutes: **the suite wins** by 2.00 points."),
        ([-0.020, -0.021, -0.019], "15 minutes: **Optuna over trainings wins** by 2.00 points."),
        (
            [-0.030, -0.001, -0.002],
            "15 minutes: no sure difference; Optuna over trainings is ahead by 1.10 points, in 3 of 3 seeds.",
        ),
        ([0.010, -0.010], "15 minutes: both reach the same."),
        (
            [0.020, 0.021],
            "15 minutes: no sure difference; the suite is ahead by 2.05 points, in 2 of 2 seeds.",
        ),
        ([0.050], "15 minutes: the suite is ahead by 5.00 points, in one seed, which decides nothing."),
    ],
)
def test_the_conclusion_says_who_wins(gains: list[float], said_of_it: str, tmp_path: Path) -> None:
    kept = RunDirectory(tmp_path / "runs" / "benchmark-wall-clock-tiny-0")
    study = validate_study(tiny_table(), where="tiny").model_dump(mode="json")
    device = {"name": "a machine", "threads": 2, "torch": "2"}
    of_page = {"file": "mine/tiny.toml", "notes": ["The pictures are compressed."]}
    kept.write_json(PLAN_FILE, {"study": study, "device": device, **of_page})
    for seed, gain in enumerate(gains):
        one, other = ({"eval_accuracy": 0.8 + more} for more in (gain, 0.0))
        for test in (one, other):
            test |= {"eval_runtime": 2.0, "eval_samples_per_second": 50.0}
        ours = {"minutes": 15, "seed": seed, "seconds": 900, "chosen_after": 850, "test": one}
        kept.write_json(f"ours/{seed}.json", {**ours, "fine_tuning": 40, "evaluating": 500, "evaluated": 100})
        took = {"seconds": 850, "trials": 5, "pruned": 2, "epochs": 20, "epochs_of_a_trial": 10}
        theirs = {"minutes": 15, "seed": seed, **took, "chosen_after": 850, "fine_tuning": 50, "test": other}
        kept.write_json(f"theirs/{seed}.json", theirs)
    page = write_page(tmp_path / "runs", tmp_path / "out").read_text()
    assert said_of_it in page
    assert "| the suite, 15 minutes | 100 | 5 |" in page
    assert "| a training of 10 epochs, nothing pruned |  | 425 |" in page
    assert "On 100 test pictures." in page
    assert ("Student's t" in page) == (len(gains) > 1)
    assert "> The pictures are compressed." in page
    assert f"--study mine/tiny.toml --budgets 15 --seeds {len(gains)}</code> on a machine" in page
