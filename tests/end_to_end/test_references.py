"""`suite references` on a finished run: what a user would do instead, trained, tested, compared, and gone on with."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.data import Place, WrittenChoice, open_data
from suite.data.places import find_data
from suite.finalists import PHASE as FINALISTS
from suite.reference_networks import BASE, NAMES, RANDOM, as_trained, reference_networks
from suite.references import RunToMatch
from suite.references.train import _networks, alone_training, fine_tuning
from suite.run_directory import RunDirectory
from suite.space import space_of_run
from suite.study import read_study
from suite.winner import CHOICE_FILE, WEIGHTS_FILE
from tests.end_to_end.conftest import suite
from tests.end_to_end.stopping import suite_with


def copied(run: Path, folder: Path) -> RunDirectory:
    return RunDirectory(Path(shutil.copytree(run, folder / "run")))


def outcome(run: RunDirectory) -> list[dict[str, Any]]:
    """What must be the same however often the phase was stopped: all but seconds."""
    result = run.read_result("references")
    assert result is not None
    return [{key: row[key] for key in row if key != "seconds"} for row in result["trainings"]]


def ledger(run: RunDirectory) -> list[tuple[str, int]]:
    lines = (run.path / "results" / "test_ledger.jsonl").read_text().splitlines()
    return [(entry["network"], entry["seed"]) for entry in map(json.loads, lines)]


@pytest.fixture(scope="module")
def compared(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished run whose reference networks were trained in one go."""
    run = copied(finished, tmp_path_factory.mktemp("compared"))
    done = suite("references", run.path, cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    assert "References: 75/75" in done.stderr  # the winner and 14 others, 4 epochs and 1 of fine-tuning each
    (run.path.parent / "said").write_text(done.stdout)
    return run


def test_every_network_is_trained_and_tested_once(compared: RunDirectory) -> None:
    assert ledger(compared) == [("winner", 0), *((name, 0) for name in NAMES)]
    assert [row["name"] for row in outcome(compared)] == ["winner", *NAMES]
    assert list((compared.path / "checkpoints").iterdir()) == []
    final, own = compared.read_result("final"), outcome(compared)[0]
    assert final is not None
    assert (own["accuracy"], own["wrong"]) == (final["test"]["eval_accuracy"], final["wrong"])


def test_results_have_every_column(compared: RunDirectory) -> None:
    results = compared.read_json("results.json")
    assert results is not None
    references = {row["name"]: row for row in results["references"]}
    seconds = results["search"]["seconds"]
    spent = seconds["supernet"] + seconds["search"] + seconds["finalists"]
    assert references["winner"]["search_seconds"] == pytest.approx(spent)
    assert references["winner"]["training_seconds"] < spent
    for name in NAMES:
        row = references[name]
        assert row["params"] > 0
        assert row["macs"] > 0
        assert all(row["latency_ms"][batch] > 0 for batch in ("batch_1", "batch_64"))
        assert row["training_seconds"] > 0
        assert row["search_seconds"] == 0
        assert row["test_accuracy"]["n"] == 1
        assert row["test_accuracy"]["deviation"] is None
    mean = sum(references[name]["test_accuracy"]["mean"] for name in RANDOM) / 5
    assert references["mean of 5 random"]["test_accuracy"]["mean"] == pytest.approx(mean)
    assert references["earlier result"]["quoted"] == "not comparable: another task"


def test_the_command_and_the_report_say_the_same(compared: RunDirectory) -> None:
    conclusion = (compared.path.parent / "said").read_text().splitlines()[0]
    page = html.unescape((compared.path / "report" / "report.md").read_text())
    assert conclusion.startswith("By one training of each, of as many epochs, the winner (")
    assert "of 14 reference networks." in conclusion
    assert f"\n## Against rivals\n\n**{conclusion}**" in page
    for name in NAMES:
        assert f"\n| {name} |" in page
    assert "\n| earlier result (quoted, not comparable) | 85.60 % |" in page
    answer = page.partition("\n## The winner")[0]
    assert "The hand-made base CNN, trained by the same recipe, reaches" in answer
    best = max(outcome(compared)[1:], key=lambda row: row["accuracy"])
    told = (
        "It is the best of 14"
        if best["name"] == BASE
        else f"best of 14 reference networks, {best['name']}, reaches"
    )
    assert told in answer
    assert (compared.path / "report" / "figures" / "references.png").is_file()
    assert "seen once" in page
    assert (
        "The reference networks had as many epochs as the winner, and none of the time that the search"
        in page
    )
    assert "15 tests in the ledger, none of them twice" in page


def test_a_report_without_the_phase_has_no_such_part(finished: Path) -> None:
    page = (finished / "report" / "report.md").read_text()
    assert "Against rivals" not in page
    assert "base CNN" not in page.partition("\n## NAS best practice")[0]


def test_more_seeds_train_only_what_is_missing_the_winner_too(compared: RunDirectory, tmp_path: Path) -> None:
    run = copied(compared.path, tmp_path)
    done = suite("references", run.path, "--seeds", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcome(run)[:15] == outcome(compared)
    assert ledger(run) == [(name, seed) for seed in (0, 1) for name in ("winner", *NAMES)]
    results = run.read_json("results.json")
    assert results is not None
    spreads = {row["name"]: row["test_accuracy"] for row in results["references"] if "test_accuracy" in row}
    assert all(spreads[name]["n"] == 2 for name in ("winner", *NAMES))
    assert all(spreads[name]["deviation"] is not None for name in ("winner", *NAMES))
    page = (run.path / "report" / "report.md").read_text()
    assert "seen once" in page
    assert "the winner and each reference trained from 2 seeds" in page


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        (
            "at(RunDirectory, 'save_checkpoint', 2, interrupt, lambda name, state: name == 'references-2-0')",
            130,
        ),
        ("at(RunDirectory, 'save_checkpoint', 1, interrupt, lambda name, state: 'tuned' in name)", 130),
        ("at(RunDirectory, 'save_checkpoint', 3, kill, lambda name, state: name == 'references-1-0')", -9),
        ("at(RunDirectory, 'write_result', 3, kill)", -9),
    ],
)
def test_a_stop_anywhere_leads_to_the_same_numbers(
    fault: str, ends: int, compared: RunDirectory, finished: Path, tmp_path: Path
) -> None:
    run = copied(finished, tmp_path)
    stopped = suite_with(fault, tmp_path, "references", run.path)
    assert stopped.returncode == ends, stopped.stderr
    assert ("the same command goes on" in stopped.stderr) == (ends == 130)
    assert "Traceback" not in stopped.stderr
    before = (run.read_result("references") or {})["trainings"]
    done = suite("references", run.path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcome(run) == outcome(compared)
    after = (run.read_result("references") or {})["trainings"]
    assert after[: len(before)] == before, "what was finished is not trained again"
    assert ledger(run) == ledger(compared)
    assert list((run.path / "checkpoints").iterdir()) == []


def test_a_stop_between_a_test_and_its_record_is_told_by_the_ledger(
    compared: RunDirectory, finished: Path, tmp_path: Path
) -> None:
    run = copied(finished, tmp_path)
    fault = "from suite.data import OpenTest\nat(OpenTest, 'pictures_for', 2, kill)"
    assert suite_with(fault, tmp_path, "references", run.path).returncode == -9
    done = suite("references", run.path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcome(run) == outcome(compared)
    entries = (run.path / "results" / "test_ledger.jsonl").read_text().splitlines()
    again = [json.loads(line)["network"] for line in entries if "again" in line]
    assert again == ["most parameters"]
    page = (run.path / "report" / "report.md").read_text()
    assert "handed out more than once for most parameters (seed 0)" in page


def test_a_run_that_declares_no_references_is_refused(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path)
    path = run.path / CHOICE_FILE
    choice = WrittenChoice.read(path)
    assert "stop" not in choice.recipe["finalists"], "as older suites wrote it: what they chose still stands"
    path.unlink()
    WrittenChoice(choice.genome, (0,), choice.recipe, ("winner",)).write(path)
    done = suite("references", run.path, cwd=tmp_path)
    assert done.returncode == 2
    assert f"does not declare network {BASE}: it was written by an older suite" in done.stderr
    assert "Begin a new run" in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("suite: ")]) == 1
    assert ledger(run) == [("winner", 0)]
    assert run.read_result("references") is None


def test_a_run_that_is_not_finished_or_was_edited_is_refused(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path)
    study = run.path / "study.toml"
    study.write_text(study.read_text().replace("epochs = 4", "epochs = 5"))
    edited = suite("references", run.path, cwd=tmp_path)
    assert (edited.returncode, "is not what the run was made with" in edited.stderr) == (2, True)
    shutil.copyfile(finished / "study.toml", study)
    (run.path / "results" / "final.json").unlink()
    unfinished = suite("references", run.path, cwd=tmp_path)
    assert (unfinished.returncode, "has no tested winner yet" in unfinished.stderr) == (2, True)


@pytest.fixture
def match(finished: Path) -> Iterator[RunToMatch]:
    """The finished run as references see it, computed on as many threads as it was."""
    run = RunDirectory(finished)
    study, facts = read_study(finished / "study.toml"), run.read_json("run.json")
    assert facts is not None
    place: Place = find_data(study.data, None)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(facts["device"]["threads"])
    torch.set_float32_matmul_precision(facts["device"]["matmul_precision"])

    def no_scorer() -> Any:
        raise AssertionError("these finalists begin with drawn weights")

    space, data = space_of_run(study.space, facts), open_data(study.data, place)
    yield RunToMatch(run, study, space, data, torch.device("cpu"), no_scorer)
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)


def test_by_the_references_recipe_the_winner_becomes_the_winner(match: RunToMatch) -> None:
    final = match.run.read_result("final")
    assert final is not None
    winner = as_trained("winner", match.space.parse(final["genome"]), match.study)
    training = alone_training(match, winner, match.study.seed)
    while not training.done:
        training.run_epoch()
    finalists = match.run.read_result(FINALISTS)
    assert finalists is not None
    assert training.epoch == finalists["epochs"]
    training = fine_tuning(match, winner, training.network, match.study.seed)
    while not training.done:
        training.run_epoch()
    tested = winner.undrawn(match.space)
    match.run.read_weights(WEIGHTS_FILE, tested, final["sha256"])
    weights = training.network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in tested.state_dict().items())


def test_the_base_cnn_is_trained_by_the_winners_recipe(match: RunToMatch) -> None:
    networks = {network.name: network for network in reference_networks(match.study, match.space)}
    base, winner = networks[BASE], as_trained("winner", match.space.parse("4k3max-fc8"), match.study)
    first, winners_first = (alone_training(match, network, 0) for network in (base, winner))
    assert first.recipe == winners_first.recipe
    assert first.steps_per_epoch == winners_first.steps_per_epoch == len(match.data.train) // 64
    second = fine_tuning(match, base, first.network, 0)
    assert second.recipe.learning_rate == match.study.final.learning_rate
    assert second.recipe.epochs == match.study.final.epochs
    assert second.steps_per_epoch == len(match.data.all_training) // 64


def test_extremes_that_were_begun_with_stay(match: RunToMatch, tmp_path: Path) -> None:
    """An older suite took others of those equally large; more seeds are of the same networks."""
    older = replace(match, run=RunDirectory.create(tmp_path / "run"))
    kept = {"name": "most MACs", "architecture": "8k5avg-8k5avg-fc16-fc16"}
    older.run.write_result(
        "references", {"networks": [{"name": "winner", "architecture": "4k3avg-fc8"}, kept]}
    )
    networks = {
        network.name: network.architecture.text for network in _networks(older, {"genome": "4k3max-fc8"})
    }
    assert networks["most MACs"] == kept["architecture"]
    assert networks["winner"] == "4k3max-fc8"
    assert "avg" not in networks["most parameters"]
