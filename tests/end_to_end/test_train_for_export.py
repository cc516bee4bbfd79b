"""A network that the run did not train, trained to be exported: as it would have been, had it won."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from suite.data import find_data, open_data
from suite.evaluation import evaluate
from suite.export import load_exported, read_facts
from suite.run_directory import RunDirectory
from suite.study import read_study
from tests.conftest import rewrite_json
from tests.end_to_end.conftest import suite, write_study
from tests.end_to_end.stopping import suite_with

# The moment, and how often a checkpoint is written after it: the training has four epochs, the fine-tuning one.
STOPS = {
    "in the training": ("at(RunDirectory, 'save_checkpoint', 2, interrupt)", 3),
    "in the fine-tuning": (
        "at(RunDirectory, 'save_checkpoint', 1, interrupt, lambda name, _: 'tuned' in name)",
        0,
    ),
    "before the result": ("at(RunDirectory, 'write_weights', 1, interrupt)", 0),
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


def _another(run: RunDirectory) -> str:
    """A genome that is not the winner's."""
    final = run.read_result("final")
    assert final is not None
    return next(text for text in ("8k3max-fc16", "8k5max-fc16") if text != final["genome"])


def _is_the_winner(run: RunDirectory, genome: str, winner: RunDirectory) -> None:
    """Whether the network was trained to the winner's weights, and found as good on val-B."""
    result, final, finalists = (
        run.read_result(f"trained-{genome}"),
        winner.read_result("final"),
        winner.read_result("finalists"),
    )
    assert result is not None
    assert final is not None
    assert finalists is not None
    assert result["sha256"] == final["sha256"]
    (row,) = (row for row in finalists["finalists"] if row["genome"] == genome)
    assert result["val_accuracy"] == row["val_accuracy"]
    assert (result["fine_tuning"], result["seed"]) == (final["fine_tuning"], 0)
    assert not list((run.path / "checkpoints").glob("trained-*"))


def test_it_is_trained_as_the_winner_was_to_the_last_bit(
    run: RunDirectory, lost: str, finished: Path
) -> None:
    ledger = (run.path / "results" / "test_ledger.jsonl").read_bytes()
    done = suite("export", run.path, "--genome", lost, "--train", cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    phases = dict.fromkeys(line.split(":")[0] for line in done.stderr.splitlines())
    assert list(phases) == ["Training", "Fine-tuning"]
    _is_the_winner(run, lost, RunDirectory(finished))
    assert (run.path / "results" / "test_ledger.jsonl").read_bytes() == ledger, "the test stays shut"

    folder, result = run.path.parent / done.stdout.strip(), run.read_result(f"trained-{lost}")
    assert result is not None
    facts, card = read_facts(folder), (folder / "README.md").read_text()
    assert facts.source == "trained on its own and fine-tuned, as the winner was; not tested"
    assert facts.accuracies == {"val_choice_before_tuning": result["val_accuracy"]}
    assert f"before the fine-tuning, which trains on val-B too: {result['val_accuracy']:.2%}" in card
    assert "The test pictures were not opened for it" in card
    assert f"took {result['latency']['median_ms']:.3f} ms in the median" in card


def test_where_finalists_begin_with_the_supernet_s_weights_it_does_so_too(tmp_path: Path) -> None:
    study = write_study(tmp_path, space={"norm": "batch"}, finalists={"start": "supernet"})
    done = suite("search", study, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = RunDirectory(tmp_path / "run")
    winner = RunDirectory(Path(shutil.copytree(run.path, tmp_path / "copy")))
    final = run.read_result("final")
    assert final is not None
    (run.path / "results" / "final.json").unlink()
    assert suite("export", run.path, "--genome", final["genome"], "--train", cwd=tmp_path).returncode == 0
    _is_the_winner(run, final["genome"], winner)


def test_a_network_of_the_space_is_better_for_it_and_trained_once(run: RunDirectory) -> None:
    study = read_study(run.path / "study.toml")
    data = open_data(study.data, find_data(study.data))
    genome = _another(run)

    def exported(*words: str) -> tuple[Path, float, str]:
        done = suite("export", run.path, "--genome", genome, *words, cwd=run.path.parent)
        assert done.returncode == 0, done.stderr
        folder = run.path.parent / done.stdout.strip()
        outcome = evaluate(load_exported(folder).network, data, data.train, torch.device("cpu"))
        return folder, outcome.loss, done.stderr

    _, shared, _ = exported()
    folder, trained, _ = exported("--train")
    assert trained < shared
    weights = (folder / "model.safetensors").read_bytes()
    for words in ((), ("--train",)):
        folder, _, said = exported(*words)
        assert "Training" not in said
        assert (folder / "model.safetensors").read_bytes() == weights

    file = run.path / "model" / "trained" / f"{genome}.safetensors"
    file.write_bytes(b"not what was written")
    damaged = suite("export", run.path, "--genome", genome, cwd=run.path.parent)
    assert (damaged.returncode, f"--genome {genome} --train" in damaged.stderr) == (2, True)
    folder, _, said = exported("--train")
    assert "Training" in said
    assert (folder / "model.safetensors").read_bytes() == weights


def test_the_winner_is_not_trained_again(run: RunDirectory) -> None:
    final = run.read_result("final")
    assert final is not None
    done = suite("export", run.path, "--genome", final["genome"], "--train", cwd=run.path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_facts(run.path.parent / done.stdout.strip()).source == "winner, fine-tuned and tested"


@pytest.mark.parametrize(("stop", "left"), STOPS.values(), ids=STOPS)
def test_it_goes_on_where_it_was_stopped(
    stop: str, left: int, run: RunDirectory, lost: str, finished: Path
) -> None:
    command = ("export", run.path, "--genome", lost, "--train")
    stopped = suite_with(stop, run.path.parent, *command)
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.endswith("Interrupted; the same command goes on.\n")
    assert run.read_result(f"trained-{lost}") is None
    no_more = f"at(RunDirectory, 'save_checkpoint', {left + 1}, kill)"
    done = suite_with(no_more, run.path.parent, *command)
    assert done.returncode == 0, done.stderr
    _is_the_winner(run, lost, RunDirectory(finished))


def test_a_kill_once_it_is_written_leaves_nothing_to_do_and_nothing_behind(
    run: RunDirectory, lost: str, finished: Path
) -> None:
    command = ("export", run.path, "--genome", lost, "--train")
    assert suite_with("at(RunDirectory, 'write_result', 1, kill)", run.path.parent, *command).returncode == -9
    assert list((run.path / "checkpoints").glob("trained-*"))
    done = suite(*command, cwd=run.path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    _is_the_winner(run, lost, RunDirectory(finished))


def test_what_cannot_be_trained_is_said_before_it_is(run: RunDirectory) -> None:
    def refused(*words: object) -> str:
        done = suite("export", run.path, "--train", *words, cwd=run.path.parent)
        assert (done.returncode, "Traceback" in done.stderr, "Training" in done.stderr) == (2, False, False)
        return done.stderr

    assert "--train: trains another network" in refused()
    assert "is not in this study's space" in refused("--genome", "64k3max-fc8")
    assert "holds something else" in refused("--genome", _another(run), "--output", run.path)
    facts = run.read_json("run.json") or {}
    rewrite_json(run.path / "run.json", dataset={**facts["dataset"], "sha256": "0" * 64})
    assert "was begun on other data" in refused("--genome", _another(run))
    assert not list((run.path / "results").glob("trained-*"))
