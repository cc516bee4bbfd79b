"""The suite against Optuna over trainings: the rival's clock and its stops, the pieces, what the page concludes."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import torch

from benchmarks.wall_clock import rival as rival_of
from benchmarks.wall_clock import run
from benchmarks.wall_clock.by_hand import _train, _without_choices
from benchmarks.wall_clock.in_hand import InHand, run_side
from benchmarks.wall_clock.ours import Ours
from benchmarks.wall_clock.page import write_page
from benchmarks.wall_clock.plan import PLAN_FILE, Plan, open_plan
from benchmarks.wall_clock.rival import Rival
from suite.data import Data, Split, find_data, open_data, read_ledger
from suite.device import device_facts, open_device
from suite.errors import RunDirectoryError, TrainingError
from suite.progress import Display
from suite.run_directory import RUNS, EverySeconds, RunDirectory, latest_run
from suite.space import SearchSpace
from suite.study import StudySettings, read_study, study_toml, validate_study
from suite.training import Training
from suite.trials import open_storage
from suite.used_study import with_epochs
from tests.conftest import refusal, rewrite_json, said, tiny_table

BUDGETS = (0.01, 10.0)  # minutes: too few for anything but the least, and enough for all of the study
EVOLUTION = {
    "method": "evolution",
    "random_pool": 60,
    "population": 50,
    "offspring": 0,
    "generations": 4,
    "preselection": 1,
}
OVERRIDES = ("search.generations=1",)
WORDS = (
    "bench",
    "wall-clock",
    "--study",
    "tiny.toml",
    "--set",
    *OVERRIDES,
    "--budgets",
    "10,0.01",
    "--seeds",
    "2",
)


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
    (kept,) = raced.glob("reports/benchmark-wall-clock/tiny-*")
    return kept


def runs_of(raced: Path) -> Path:
    """Where its runs are, ours and the rival's."""
    (runs,) = raced.glob("runs/benchmark-wall-clock-tiny-*")
    return runs


def pieces(raced: Path, side: str) -> dict[str, dict[str, Any]]:
    return {
        path.stem: json.loads(path.read_text()) for path in sorted((kept_of(raced) / side).glob("*.json"))
    }


@pytest.mark.parametrize(("side", "of_whole"), [("theirs", 4), ("theirs-short", 1)])
def test_all_sides_choose_at_the_same_moment(side: str, of_whole: int, raced: Path) -> None:
    ours, theirs = pieces(raced, "ours"), pieces(raced, side)
    assert list(ours) == [f"{m}-minutes-seed-{seed}" for m in ("0.01", "10") for seed in (0, 1)]
    assert list(theirs) == list(ours)
    for name, piece in theirs.items():
        assert piece["chosen_after"] == ours[name]["chosen_after"]
        assert piece["seconds"] >= piece["chosen_after"]
        finalist = read_study(runs_of(raced) / "ours" / name / "study.toml").finalists.epochs
        longest = piece["epochs_of_a_trial"]
        assert longest == (finalist if side == "theirs" else max(1, round(finalist / 3)))
        assert longest == of_whole if name.startswith("10") else finalist < 4, "shortened to the budget"
        assert piece["trials"] <= piece["epochs"] <= longest * piece["trials"]


def test_by_hand_has_as_long_and_is_the_base_cnn(raced: Path) -> None:
    ours, by_hand = pieces(raced, "ours"), pieces(raced, "by-hand")
    assert list(by_hand) == list(ours)
    for name, piece in by_hand.items():
        assert piece["chosen_after"] == ours[name]["chosen_after"]
        assert piece["genome"] == "32k3max-64k3max-fc128"
        assert 1 <= piece["epochs_behind"] <= piece["epochs"]
        assert piece["test"]["epoch"] == piece["epochs_behind"] + ours[name]["epochs"]["final"]


def test_seconds_are_all_that_passed_and_of_a_run_that_was_stopped_those_of_the_next(raced: Path) -> None:
    runs = runs_of(raced)
    for name, piece in pieces(raced, "ours").items():
        results = json.loads((runs / "ours" / name / "results.json").read_text())
        phases = results["search"]["seconds"]
        between = piece["seconds"] - phases["total"]
        assert 0 < between < 60
        assert piece["fine_tuning"] == phases["final"]
        assert 0 < piece["chosen_after"] <= piece["seconds"] - phases["final"]
        facts = json.loads((runs / "ours" / name / "run.json").read_text())
        chosen = (runs / "ours" / name / "results" / "finalists.json").stat().st_mtime
        begun = datetime.fromisoformat(facts["started"]).timestamp()
        assert piece["chosen_after"] == pytest.approx(chosen - begun), "before the fine-tuning"
        assert piece["test"] == results["test"]


def test_each_chosen_network_is_fine_tuned_alike_and_tested_once(raced: Path) -> None:
    choices = sorted(runs_of(raced).rglob("choice.json"))
    assert len(choices) == 4 * 2 * 2  # sides, budgets, seeds
    for choice in choices:
        assert len(read_ledger(choice.with_name("test_ledger.jsonl"))) == 1
    recipes = [json.loads(choice.read_text())["recipe"]["final"] for choice in choices]
    assert recipes[0] == {"epochs": 1, "learning_rate": 0.0001}
    assert all(recipe == recipes[0] for recipe in recipes)


def test_the_page_and_that_nothing_is_done_twice(raced: Path) -> None:
    page = (raced / "reports" / "benchmark-wall-clock" / "report.md").read_text()
    assert re.search(r"\n- 0\.01 minutes \(0\.\d+ taken\):\n", page), "a budget that cannot be kept is told"
    assert "\n| 10 | Optuna, trials a third as long | 2 | " in page
    assert "\n| 10 | 1 | the hand-made CNN | nothing | `32k3max-64k3max-fc128` | " in page
    assert "--study tiny.toml --set search.generations=1 --budgets 0.01,10 --seeds 2</code> on " in page
    assert "\n**tiny, search.generations=1, " in page
    assert (
        "; in 10 minutes, 2 of the supernet, 4 of a finalist, 1 of fine-tuning. Its evolution: a pool of "
        in page
    )
    assert "| a training of 4 epochs, nothing pruned |" in page
    (figure,) = (raced / "reports" / "benchmark-wall-clock" / "figures").glob("tiny-*.png")
    assert figure.stat().st_size > 10_000
    with pytest.raises(RunDirectoryError, match="no run yet"):
        latest_run(RUNS)

    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in raced.glob("r*/**/*.json*")}

    before = times()
    lost = next(path for path in before if path.parent == kept_of(raced) / "theirs")
    measured = lost.read_bytes()
    lost.unlink()  # stopped after its tests, before the piece was written
    out = raced / "reports" / "benchmark-wall-clock"
    again = run(Display(quiet=True), Path("tiny.toml"), OVERRIDES, BUDGETS, 2, out)
    assert again.read_text().split("## How")[0] == page.split("## How")[0]
    assert {path for path, when in times().items() if before[path] != when} == {lost}
    assert json.loads(lost.read_bytes()) == json.loads(measured)


def test_another_machine_has_a_race_of_its_own(raced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = read_study(Path("tiny.toml"), OVERRIDES)
    data = open_data(study.data, find_data(study.data))
    folder = raced / "reports" / "benchmark-wall-clock"
    assert open_plan(study, Path("tiny.toml"), OVERRIDES, data, folder).pieces.path == kept_of(raced)
    here = device_facts(torch.device("cpu"))
    monkeypatch.setattr("benchmarks.wall_clock.plan.device_facts", lambda _: replace(here, name="another"))
    elsewhere = open_plan(study, Path("tiny.toml"), OVERRIDES, data, raced / "elsewhere")
    assert elsewhere.pieces.path.name != kept_of(raced).name
    assert elsewhere.runs.path != runs_of(raced)


def test_a_page_has_a_section_of_each_race_that_has_a_pair_of_pieces(raced: Path) -> None:
    folder = raced / "copied"
    shutil.copytree(raced / "reports" / "benchmark-wall-clock", folder)
    (race,) = (path.parent for path in folder.glob(f"*/{PLAN_FILE}"))
    shutil.copytree(race, folder / "tiny-other")
    rewrite_json(folder / "tiny-other" / PLAN_FILE, overrides=[])
    shutil.copytree(race / "ours", folder / "tiny-begun" / "ours")
    shutil.copy(race / PLAN_FILE, folder / "tiny-begun")
    piece = next((folder / "tiny-other" / "ours").iterdir())
    rewrite_json(piece, code="older")
    page = write_page(folder).read_text()
    one, other = re.findall(r"^## tiny, .*$", page, flags=re.M)
    assert one.removeprefix("## tiny, search.generations=1, ") == other.removeprefix("## tiny, ")
    assert page.count("Its pieces were made by at least 2 versions of the code.") == 1


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
        return optuna.load_study(study_name="trainings-0", storage=storage).get_trials()

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


def test_a_race_of_the_same_words_is_told_by_its_name(tmp_path: Path) -> None:
    keep_pieces(tmp_path, [0.01])
    shutil.copytree(tmp_path / "tiny-0", tmp_path / "tiny-1")
    page = write_page(tmp_path).read_text()
    assert re.findall(r"^## tiny, .*$", page, flags=re.M) == [
        f"## tiny, a machine (tiny-{i})" for i in (0, 1)
    ]


def test_only_the_race_takes_settings() -> None:
    assert "takes no --set" in refusal("bench", "recording", "--set", "seed=1")


def test_a_training_by_hand_that_diverges_leaves_what_was_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = _without_choices(validate_study(tiny_table(), where="tiny"))
    data = open_data(study.data, find_data(study.data))
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    real, left = Training.run_epoch, [None, None]

    def run_epoch(training: Training, *words: Any) -> float:
        if not left:
            raise TrainingError("the loss is no number.", where="by hand")
        left.pop()
        return real(training, *words)

    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    epochs, best = _train(study, space, data, torch.device("cpu"), 1e6, Display(quiet=True))
    assert epochs == 2
    assert best is not None
    assert best.epoch in (1, 2)


def test_a_side_that_has_no_network_in_the_end_counts_as_guessing_and_the_race_goes_on(
    tmp_path: Path,
) -> None:
    study = validate_study(tiny_table(), where="tiny")
    data = open_data(study.data, find_data(study.data))
    plan = Plan(RunDirectory(tmp_path / "runs"), RunDirectory(tmp_path / "pieces"), study)
    searches = iter([({"seconds": 31.0, "trials": 1}, None)])

    def race() -> dict[str, Any]:
        run_side(
            *("theirs", plan, 0.5, Ours(30.0, 4, 1), study, data, torch.device("cpu"), Display(quiet=True)),
            lambda space, folder: next(searches),
        )
        return plan.pieces.read_json("theirs/0.5-minutes-seed-0.json") or {}

    piece = race()
    assert (piece["genome"], piece["test"]["eval_accuracy"], piece["seconds"]) == ("none", 0.1, 31.0)
    assert race() == piece, "not searched twice"


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        (3, "    - against the hand-made CNN: **the hand-made CNN wins** by 3.00 points."),
        (2, None),  # one has no piece yet
    ],
)
def test_what_is_trained_by_hand_is_told_once_every_seed_has_it(
    seeds: int, told: str | None, tmp_path: Path
) -> None:
    keep_pieces(tmp_path, [0.020, 0.021, 0.019], by_hand=[0.050, 0.051, 0.049][:seeds])
    page = write_page(tmp_path).read_text()
    assert "- 15 minutes:\n    - against Optuna over trainings: **the suite wins** by 2.00 points.\n" in page
    assert "| 15 | the suite | 3 | 14.83 | 82.00 ± 0.10 |  |" in page
    assert "| 15 | Optuna over trainings | 3 | 14.83 | 80.00 ± 0.00 | +2.00 (+1.75 to +2.25) |" in page
    row = "| 15 | the hand-made CNN | 3 | 14.83 | 85.00 ± 0.10 | -3.00 (-3.00 to -3.00) |"
    if told:
        assert told in page
        assert row in page
    else:
        assert "against the hand-made CNN" not in page
        assert "| 15 | the hand-made CNN |" not in page
    assert page.count("| the hand-made CNN | nothing | `a` | 11 | 14.8 |") == seeds, (
        "each as soon as it is there"
    )


@pytest.mark.parametrize(
    ("changes", "said_of_it"),
    [
        ([{}, {}], "1 of fine-tuning. Mean and"),
        (
            [{"search": {**EVOLUTION, "generations": 1 + seed}} for seed in range(3)],
            "1 of fine-tuning. Its evolution: a pool of 60, then 1 to 3 generations of 50, without pre-selection. ",
        ),
        (
            [{"search": {**EVOLUTION, "offspring": 16, "preselection": 20}}],
            "1 of fine-tuning. Its evolution: a pool of 60, then 4 generations of 16, pre-selection out of 20.\n",
        ),
        ([{"search": {**EVOLUTION, "method": "random"}}], "1 of fine-tuning.\n"),
        ([{"stop": "late", "max_macs": None}] * 2, "1 of fine-tuning."),
        (
            [{"stop": "early", "max_macs": 6_600_000}] * 2,
            "1 of fine-tuning, finalists that stop early, networks of at most 6.60 M MACs.",
        ),
        (
            [{}, {"stop": "early", "max_macs": 8_400}, {"max_macs": 6_600}],
            "1 of fine-tuning, finalists that stop early (in 1 of 3 seeds), networks of at most 6.60 k to 8.40 k "
            "MACs (in 2 of 3 seeds).",
        ),
    ],
)
def test_what_else_a_budget_changed_is_told(
    changes: list[dict[str, Any]], said_of_it: str, tmp_path: Path
) -> None:
    keep_pieces(tmp_path, [0.01] * len(changes), changes=changes)
    assert said_of_it in write_page(tmp_path).read_text()


def test_a_race_keeps_its_name_where_finalists_stop_late(tmp_path: Path) -> None:
    """As races had that were begun before there was a choice."""
    study = validate_study(tiny_table(), where="tiny")
    data = open_data(study.data, find_data(study.data))
    facts = device_facts(open_device("auto")).to_json()
    settings = study.model_dump(mode="json")
    del settings["finalists"]["stop"]
    alike = [
        settings,
        data.provenance.sha256,
        *(facts[key] for key in ("device", "name", "threads", "torch")),
    ]
    name = f"tiny-{hashlib.sha256(json.dumps(alike).encode()).hexdigest()[:8]}"
    assert open_plan(study, Path("tiny.toml"), [], data, tmp_path).pieces.path.name == name
    early = with_epochs(study, 4, 1, stop="early")
    assert open_plan(early, Path("tiny.toml"), [], data, tmp_path).pieces.path.name != name


def keep_pieces(
    folder: Path,
    gains: Sequence[float],
    by_hand: Sequence[float] = (),
    changes: Sequence[dict[str, Any]] | None = None,
) -> None:
    """A race of fifteen minutes: by how much each seed of ours, and by hand, is above the rival's 80 %."""
    kept = RunDirectory(folder / "tiny-0")
    study = validate_study(tiny_table(), where="tiny").model_dump(mode="json")
    device = {"name": "a machine", "threads": 2, "torch": "2"}
    of_page = {"file": "mine/tiny.toml", "overrides": [], "notes": ["The pictures are compressed."]}
    kept.write_json(PLAN_FILE, {"study": study, "device": device, **of_page})

    def piece(seed: int, gain: float) -> dict[str, Any]:
        test = {
            "eval_accuracy": 0.8 + gain,
            "eval_runtime": 2.0,
            "eval_samples_per_second": 50.0,
            "epoch": 11.0,
        }
        of_all = {"minutes": 15, "seed": seed, "genome": "a", "test": test}
        return {**of_all, "chosen_after": 850, "fine_tuning": 40}

    for seed, gain in enumerate(gains):
        epochs = {"supernet": 2, "finalists": 10 + seed, "final": 1}
        ours = {"seconds": 900, "evaluating": 500, "evaluated": 100, "epochs": epochs}
        changed = changes[seed] if changes else {}
        kept.write_json(f"ours/{seed}.json", {**piece(seed, gain), **ours, **changed})
        took = {"seconds": 850, "trials": 5, "pruned": 2, "epochs": 20, "epochs_of_a_trial": 10}
        kept.write_json(f"theirs/{seed}.json", {**piece(seed, 0.0), **took})
    for seed, gain in enumerate(by_hand):
        kept.write_json(f"by-hand/{seed}.json", piece(seed, gain))


@pytest.mark.parametrize(
    ("gains", "said_of_it"),
    [
        ([0.020, 0.021, 0.019], "**the suite wins** by 2.00 points."),
        (
            [-0.020, -0.021, -0.019],
            "**Optuna over trainings wins** by 2.00 points.",
        ),
        (
            [-0.030, -0.001, -0.002],
            "no sure difference; Optuna over trainings is ahead by 1.10 points, in 3 of 3 seeds.",
        ),
        ([0.010, -0.010], "both reach the same."),
        (
            [0.020, 0.021],
            "no sure difference; the suite is ahead by 2.05 points, in 2 of 2 seeds.",
        ),
        (
            [0.050],
            "the suite is ahead by 5.00 points, in one seed, which decides nothing.",
        ),
    ],
)
def test_the_conclusion_says_who_wins(gains: list[float], said_of_it: str, tmp_path: Path) -> None:
    keep_pieces(tmp_path, gains)
    page = write_page(tmp_path).read_text()
    assert f"    - against Optuna over trainings: {said_of_it}" in page
    assert "| the suite, 15 minutes | 100 | 5 |" in page
    of_finalists = "10" if len(gains) == 1 else f"10 to {9 + len(gains)}"
    assert f"in 15 minutes, 2 of the supernet, {of_finalists} of a finalist, 1 of fine-tuning." in page
    assert "| a training of 10 epochs, nothing pruned |  | 425 |" in page
    assert "On 100 test pictures." in page
    assert ("Student's t" in page) == (len(gains) > 1)
    assert "> The pictures are compressed." in page
    assert f"--study mine/tiny.toml --budgets 15 --seeds {len(gains)}</code> on a machine" in page
