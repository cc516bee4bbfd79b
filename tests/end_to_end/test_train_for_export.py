"""A network that the run did not train, trained to be exported: as it would have been, had it won."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch

from suite.data import find_data, open_data
from suite.export import load_exported, read_facts
from suite.run_directory import RunDirectory
from suite.study import read_study
from suite.training import evaluate
from tests.conftest import refusal, rewrite_json
from tests.end_to_end.conftest import suite
from tests.end_to_end.stopping import suite_with

STOPS = {
    "in the training": "at(RunDirectory, 'save_checkpoint', 2, interrupt)",
    "in the fine-tuning": "at(RunDirectory, 'save_checkpoint', 1, interrupt, lambda name, _: 'tuned' in name)",
    "before the result": "at(RunDirectory, 'write_weights', 1, interrupt)",
}


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A copy of the finished run."""
    return RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))


@pytest.fixture
def lost(run: RunDirectory) -> str:
    """The genome of the run's winner, of whose victory the run no longer knows."""
    final = run.read_result("final")
    assert final is not None
    (run.path / "results" / "final.json").unlink()
    return str(final["genome"])


def _is_the_winner(run: RunDirectory, genome: str, finished: Path) -> None:
    """Whether the network was trained to the same weights, and found as good on val-B."""
    result, winner = run.read_result(f"trained-{genome}"), RunDirectory(finished)
    final, finalists = winner.read_result("final"), winner.read_result("finalists")
    assert result is not None
    assert final is not None
    assert finalists is not None
    assert result["sha256"] == final["sha256"]
    (row,) = (row for row in finalists["finalists"] if row["genome"] == genome)
    assert result["val_accuracy"] == row["val_accuracy"]
    assert (result["fine_tuning"], result["seed"]) == (final["fine_tuning"], 0)


def test_it_is_trained_as_the_winner_was_to_the_last_bit(
    run: RunDirectory, lost: str, finished: Path
) -> None:
    ledger = (run.path / "results" / "test_ledger.jsonl").read_bytes()
    done = suite("export", run.path, "--genome", lost, "--train", cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["Training", "Fine-tuning"]
    _is_the_winner(run, lost, finished)
    assert (run.path / "results" / "test_ledger.jsonl").read_bytes() == ledger, "the test stays shut"
    assert not list((run.path / "checkpoints").glob("trained-*"))

    folder = Path(done.stdout.strip())
    facts, result = read_facts(run.path.parent / folder), run.read_result(f"trained-{lost}")
    assert result is not None
    assert facts.source == "trained on its own and fine-tuned, as the winner was; not tested"
    assert facts.accuracies == {"val_choice_before_tuning": result["val_accuracy"]}
    card = (run.path.parent / folder / "README.md").read_text()
    assert f"before the fine-tuning, which val-B is a part of: {result['val_accuracy']:.2%}" in card
    assert "The test pictures were not opened for it" in card
    assert f"took {result['latency']['median_ms']:.3f} ms in the median" in card


def test_a_network_of_the_space_is_better_for_it_and_trained_once(run: RunDirectory) -> None:
    study = read_study(run.path / "study.toml")
    data = open_data(study.data, find_data(study.data))

    def exported(*words: str) -> tuple[Path, float, str]:
        done = suite("export", run.path, "--genome", "8k3max-fc16", *words, cwd=run.path.parent)
        assert done.returncode == 0, done.stderr
        folder = run.path.parent / done.stdout.strip()
        outcome = evaluate(load_exported(folder).network, data, data.train, torch.device("cpu"))
        return folder, outcome.loss, done.stderr

    _, shared, _ = exported()
    folder, trained, _ = exported("--train")
    assert trained < shared
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    for words in ((), ("--train",)):
        folder, _, said = exported(*words)
        assert "Training" not in said
        assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == weights


def test_the_winner_is_not_trained_again(run: RunDirectory) -> None:
    final = run.read_result("final")
    assert final is not None
    done = suite("export", run.path, "--genome", final["genome"], "--train", cwd=run.path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_facts(run.path.parent / done.stdout.strip()).source == "winner, fine-tuned and tested"


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_it_goes_on_where_it_was_stopped(stop: str, run: RunDirectory, lost: str, finished: Path) -> None:
    command = ("export", run.path, "--genome", lost, "--train")
    stopped = suite_with(stop, run.path.parent, *command)
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.endswith("Interrupted; the same command goes on.\n")
    assert run.read_result(f"trained-{lost}") is None
    done = suite(*command, cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    _is_the_winner(run, lost, finished)


def test_what_cannot_be_trained_is_said(run: RunDirectory) -> None:
    assert "--train: trains a network that the run did not" in refusal("export", run.path, "--train")
    assert "is not in this study's space" in refusal("export", run.path, "--genome", "64k3max-fc8", "--train")
    facts = run.read_json("run.json") or {}
    rewrite_json(run.path / "run.json", dataset={**facts["dataset"], "sha256": "0" * 64})
    told = refusal("export", run.path, "--genome", "8k3max-fc16", "--train")
    assert "was begun on other data" in told
    assert not (run.path / "results" / "trained-8k3max-fc16.json").exists()
