"""Exported networks of a finished run: they say what the run's own say, and never replace anything else."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from scipy.stats import binomtest

from suite.data import Data, find_data, open_data
from suite.errors import ExportError
from suite.evaluation import evaluate
from suite.export import Classifier, load_exported, read_facts
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import read_study
from suite.supernet import Scorer, load_supernet
from tests.end_to_end.conftest import suite, write_study


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A copy of the finished run."""
    return RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))


def _data(run: RunDirectory) -> Data:
    study = read_study(run.path / "study.toml")
    return open_data(study.data, find_data(study.data))


def _export(run: RunDirectory, *words: object) -> Path:
    done = suite("export", run.path, *words, cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    return run.path.parent / done.stdout.strip()


def test_the_winner_says_what_it_said_in_the_run(run: RunDirectory) -> None:
    folder = _export(run)
    final, facts = run.read_result("final"), read_facts(folder)
    assert final is not None
    assert folder == run.path / "model" / final["genome"]
    assert (facts.source, facts.accuracies) == (
        "winner, fine-tuned and tested",
        {"test": final["test"]["eval_accuracy"]},
    )
    data = _data(run)
    assert (facts.mean, facts.std, facts.classes) == (data.mean, data.std, data.classes)
    network = load_exported(folder)
    assert not network.training
    test = data.open_test(run.path / "results" / "choice.json", run.path / "ledger.jsonl")
    outcome = evaluate(network.network, data, test.pictures_for("winner", 0, "a test"), torch.device("cpu"))
    assert outcome.predicted.tolist() == final["predicted"]


def test_naming_the_winner_exports_its_own_weights(run: RunDirectory) -> None:
    final = run.read_result("final")
    assert final is not None
    assert read_facts(_export(run, "--genome", final["genome"])).source == "winner, fine-tuned and tested"


def test_a_subnet_has_the_shared_weights_and_known_accuracies(run: RunDirectory) -> None:
    study, data, trained = read_study(run.path / "study.toml"), _data(run), run.read_result("supernet")
    assert trained is not None
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    genome = space.parse("4k3max-8k5avg-fc8")
    subnet = load_supernet(study, space, run).extract(genome)
    folder = _export(run, "--genome", genome, "--output", "small")
    assert folder == run.path.parent / "small"
    expected = evaluate(subnet, data, data.val_search, torch.device("cpu"))
    exported = evaluate(load_exported(folder).network, data, data.val_search, torch.device("cpu"))
    assert torch.equal(exported.losses, expected.losses)

    assert suite("oracle", run.path, cwd=run.path.parent).returncode == 0
    facts = read_facts(_export(run, "--genome", genome, "--output", "small"))
    assert facts.accuracies["val_search"] == pytest.approx(expected.accuracy)
    on_choice = evaluate(subnet, data, data.val_choice, torch.device("cpu")).accuracy
    assert facts.accuracies["val_choice"] == pytest.approx(on_choice)
    assert (facts.source, facts.params) == (
        "subnet of the supernet, shared weights, not trained on its own",
        space.parameters(genome),
    )


def test_batch_norm_gets_its_statistics_from_training_pictures(tmp_path: Path) -> None:
    study_file = write_study(tmp_path, space={"norm": "batch", "depth": [1]})
    done = suite("search", study_file, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = RunDirectory(tmp_path / "run")
    study, data, trained = read_study(run.path / "study.toml"), _data(run), run.read_result("supernet")
    assert trained is not None
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    supernet = load_supernet(study, space, run)
    final = run.read_result("final")
    assert final is not None
    genome = next(genome for genome in space if genome.text != final["genome"])
    scorer = Scorer(supernet, data, torch.device("cpu"))
    exported = load_exported(_export(run, "--genome", genome))
    outcome = evaluate(exported.network, data, data.val_search, torch.device("cpu"))
    (score,) = scorer.score([genome], data.val_search)
    assert outcome.loss == pytest.approx(score.loss, rel=1e-5)


def test_the_card_is_right_about_how_to_use_it(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = _export(run), _data(run)
    card = (folder / "README.md").read_text()
    assert "winner, fine-tuned and tested" in card
    example = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert example is not None
    monkeypatch.chdir(folder)
    picture = data.val_search.pictures[:1]
    Image.fromarray(picture[0, 0].numpy()).save("picture.png")
    exec(example[1], {})
    expected = load_exported(folder).network(data.normalise(picture)).argmax()
    assert capsys.readouterr().out.strip() == data.classes[expected]


def test_a_run_that_wrote_no_normalisation_down_looks_at_its_pictures(run: RunDirectory) -> None:
    facts = run.read_json("run.json")
    assert facts is not None
    mean, std = facts["dataset"].pop("mean"), facts["dataset"].pop("std")
    run.write_json("run.json", facts)
    exported = read_facts(_export(run))
    assert (list(exported.mean), list(exported.std)) == (mean, std)


def test_a_folder_that_holds_something_else_is_left_alone(run: RunDirectory) -> None:
    folder = run.path.parent / "mine"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    done = suite("export", run.path, "--output", "mine", cwd=run.path.parent)
    assert (done.returncode, "holds something else already" in done.stderr) == (2, True)
    assert [(entry.name, entry.read_text()) for entry in folder.iterdir()] == [("README.md", "mine")]
    assert suite("export", run.path, "--output", "mine/README.md", cwd=run.path.parent).returncode == 2


def test_an_export_that_was_killed_is_repeated(run: RunDirectory) -> None:
    folder = run.path.parent / "mine"
    folder.mkdir()
    (folder / ".config.json-0123abcd.unfinished").write_text("{")
    assert _export(run, "--output", "mine") == folder
    (folder / ".model.safetensors-0123abcd.unfinished").touch()
    assert _export(run, "--output", "mine") == folder
    assert not list(folder.glob(".*"))


def test_a_partial_walk_is_no_accuracy_on_all_pictures(run: RunDirectory) -> None:
    searched = (run.read_result("search") or {})["evaluated"]
    genome = next(row for row in searched if row["genome"] != (run.read_result("final") or {})["genome"])
    assert suite("oracle", run.path, "--pictures", 40, cwd=run.path.parent).returncode == 0
    facts = read_facts(_export(run, "--genome", genome["genome"], "--output", "small"))
    assert facts.accuracies == {"val_search": genome["val_accuracy"]}


def test_another_network_does_not_replace_an_export(run: RunDirectory) -> None:
    folder = _export(run, "--genome", "4k3max-fc8", "--output", "small")
    assert _export(run, "--genome", "4k3max-fc8", "--output", "small") == folder
    done = suite("export", run.path, "--genome", "4k3avg-fc8", "--output", "small", cwd=run.path.parent)
    assert done.returncode == 2
    assert read_facts(folder).genome == "4k3max-fc8"


@pytest.mark.parametrize(
    ("result", "words", "said"),
    [
        ("final", [], "has no winner yet"),
        ("supernet", ["--genome", "4k3max-fc8"], "has no trained supernet yet"),
        (None, ["--genome", "4k3max"], "genome '4k3max'"),
        (None, ["--genome", "64k3max-fc8"], "is not in this study's space"),
        (None, ["--genome", ""], "is no layer here"),
    ],
)
def test_what_cannot_be_exported_is_said(
    result: str | None, words: list[str], said: str, run: RunDirectory
) -> None:
    if result is not None:
        (run.path / "results" / f"{result}.json").unlink()
    done = suite("export", run.path, *words, cwd=run.path.parent)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert said in done.stderr


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_damaged_export_is_refused(file: str, run: RunDirectory) -> None:
    folder = _export(run, "--genome", "4k3max-fc8")
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(ExportError, match=file):
        load_exported(folder)
    (folder / file).unlink()
    with pytest.raises(ExportError, match=file):
        load_exported(folder)


def test_facts_that_belong_to_other_weights_are_refused(run: RunDirectory) -> None:
    folder = _export(run, "--genome", "4k3max-fc8")
    path = folder / "config.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "genome": "8k3max-fc8"}))
    with pytest.raises(ExportError, match="is missing or damaged"):
        load_exported(folder)
    path.write_text(json.dumps({**facts, "format_version": 99}))
    with pytest.raises(ExportError, match="99"):
        load_exported(folder)


def _as_format_1(folder: Path) -> None:
    """Make of an export what suites before format 2 wrote."""
    facts = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    save_file({name.removeprefix("network."): value for name, value in weights.items()}, folder / "old")
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    (folder / "old").rename(folder / "model.safetensors")
    for later in ("test_pictures", "dataset", "notes", "preprocess"):
        del facts[later]
    sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps({**facts, "format_version": 1, "sha256": sha256}))


def test_an_export_of_the_first_format_is_read_and_replaced(run: RunDirectory) -> None:
    folder, pictures = _export(run), _data(run).val_choice.pictures
    expected, facts = load_exported(folder)(pictures), read_facts(folder)
    _as_format_1(folder)
    assert torch.equal(load_exported(folder)(pictures), expected)
    assert read_facts(folder).accuracies == facts.accuracies
    assert _export(run) == folder
    assert {path.name for path in folder.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert read_facts(folder) == facts


def test_the_hub_s_own_way_of_loading_finds_everything(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder, pictures = _export(run), _data(run).val_choice.pictures
    loaded, expected = Classifier.from_pretrained(folder), load_exported(folder)
    assert capsys.readouterr() == ("", "")
    assert not loaded.training
    assert loaded.classes == expected.classes
    assert torch.equal(loaded(pictures), expected(pictures))
    loaded.save_pretrained(tmp_path / "again")
    assert torch.equal(Classifier.from_pretrained(tmp_path / "again")(pictures), expected(pictures))


def test_weights_that_are_missing_are_not_passed_over(run: RunDirectory) -> None:
    folder = _export(run)
    weights = load_file(folder / "model.safetensors")
    del weights["network.classifier.bias"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(RuntimeError, match=r"classifier\.bias"):
        Classifier.from_pretrained(folder)


def test_the_card_says_how_far_it_can_be_believed(run: RunDirectory) -> None:
    final, folder = run.read_result("final"), _export(run)
    assert final is not None
    card = (folder / "README.md").read_text()
    pictures = len(final["predicted"])
    right = round(final["test"]["eval_accuracy"] * pictures)
    low, high = binomtest(right, pictures).proportion_ci(method="wilson")
    assert (
        f"{pictures} of them (95 % interval, Wilson: {low:.2%} to {high:.2%}): {right / pictures:.2%}" in card
    )
    assert "Licence of the data: CC BY 4.0" in card
    assert "had no part in any choice" in card
    assert "Balanced accuracy" not in card, "the digits are as many of each"
    assert "16 x 16 grey pictures" in card
    subnet = (_export(run, "--genome", "4k3max-fc8") / "README.md").read_text()
    assert "trained by itself, the network would class better" in subnet


def test_the_card_says_what_the_run_measured_of_the_winner(run: RunDirectory) -> None:
    final, facts = run.read_result("final"), run.read_json("run.json")
    assert final is not None
    assert facts is not None
    card = (_export(run) / "README.md").read_text()
    page = (run.path / "report" / "report.md").read_text()
    apart = re.search(r"([\d.]+) points apart \(expected calibration error", page)
    assert apart is not None
    assert f"how often it was right are {apart[1]} points apart" in card
    assert f"it was {sum(final['confidences']) / len(final['confidences']):.1%} sure on average" in card
    assert "not looked at" not in card
    took = (
        f"took {final['latency']['objective']['median_ms']:.3f} ms in the median: batch 1, 1 thread, torch "
    )
    assert took + facts["versions"]["torch"] in card


def test_the_card_of_an_older_result_says_what_was_not_looked_at(run: RunDirectory) -> None:
    final = run.read_result("final")
    assert final is not None
    run.write_result(
        "final", {key: final[key] for key in final if key not in ("confidences", "balanced_accuracy")}
    )
    assert "was not looked at" in (_export(run) / "README.md").read_text()


def test_the_card_of_a_subnet_has_the_latency_of_the_search(run: RunDirectory) -> None:
    search = run.read_result("search")
    assert search is not None
    final = run.read_result("final")
    assert final is not None
    row = next(row for row in search["evaluated"] if row["genome"] != final["genome"])
    unknown = (_export(run, "--genome", row["genome"]) / "README.md").read_text()
    assert "One forward pass" not in unknown
    assert "was not looked at" in unknown
    row["latency_ms"] = 0.125
    run.write_result("search", search)
    assert (
        "took 0.125 ms in the median: batch 1"
        in (_export(run, "--genome", row["genome"]) / "README.md").read_text()
    )


def test_the_licence_of_own_pictures_is_its_owner_s_to_know(run: RunDirectory) -> None:
    """Also where their folder has a known data set's name."""
    study = run.path / "study.toml"
    study.write_text(study.read_text().replace('name = "digits"', 'name = "./digits"'))
    assert "Licence of the data: unknown to the suite" in (_export(run) / "README.md").read_text()


def test_the_steps_before_the_model_are_written_beside_it(run: RunDirectory) -> None:
    steps = json.loads((_export(run) / "config.json").read_text())["preprocess"]
    data = _data(run)
    assert (steps["size"], steps["channels"]) == ({"height": 16, "width": 16}, "grey")
    assert (tuple(steps["image_mean"]), tuple(steps["image_std"])) == (data.mean, data.std)
    assert steps["inside_the_model"] == ["rescale", "normalise"]
