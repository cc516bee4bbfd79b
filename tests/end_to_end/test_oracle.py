"""The oracle on a finished run: every network scored, resumable, and the search beside it in the report."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from suite.data import find_data, open_data
from suite.oracle import read_table
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import read_study
from suite.supernet import load_supernet
from suite.training import evaluate
from tests.end_to_end.conftest import ENVIRONMENT, suite


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A copy of the finished run."""
    return RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))


def test_every_network_is_scored_as_it_scores_alone(run: RunDirectory) -> None:
    done = suite("oracle", run.path, cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    study = read_study(run.path / "study.toml")
    data = open_data(study.data, find_data(study.data))
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    table, result = read_table(run), run.read_result("oracle")
    assert result is not None
    assert len(table["genome"]) == len(set(table["genome"])) == space.size == result["networks"]
    trained = run.read_result("supernet")
    assert trained is not None
    supernet = load_supernet(study, space, run, trained["sha256"])
    best = list(result["top"])
    for name, split in (("val_search", data.val_search), ("val_choice", data.val_choice)):
        bits = np.unpackbits(np.load(run.path / f"oracle_bits_{name}.npy"), axis=1)[:, : len(split)]
        for i in random.Random(0).sample(range(space.size), 12):
            genome = space.parse(table["genome"][i])
            outcome = evaluate(supernet.extract(genome), data, split, torch.device("cpu"))
            assert table[f"loss_{name}"][i] == pytest.approx(outcome.loss, rel=1e-5)
            assert round(table[f"accuracy_{name}"][i] * len(split)) == int(outcome.correct.sum())
            assert table["params"][i] == space.parameters(genome)
            assert table["macs"][i] == space.macs(genome)
            assert np.array_equal(bits[best.index(genome.text)], outcome.correct.numpy())
    assert best == [str(table["genome"][i]) for i in np.argsort(table["loss_val_search"], kind="stable")]


def test_the_report_says_what_the_search_lost(run: RunDirectory) -> None:
    done = suite("oracle", run.path, "--pictures", "50", cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    page = (run.path / "report" / "report.md").read_text()
    assert "## Evolution against the whole space" in page
    assert "All 432 networks of the space were scored by the supernet, on 50 pictures of val-A" in page
    assert (run.path / "report" / "figures" / "oracle.png").is_file()
    table = read_table(run)
    search = json.loads((run.path / "results" / "search.json").read_text())
    best = search["front"][0]["genome"]
    losses = dict(zip(table["genome"], table["loss_val_search"], strict=True))
    rank = sum(loss < losses[best] for loss in losses.values()) + 1
    line = next(line for line in page.splitlines() if "best of the search, optimiser regret" in line)
    assert f"| {rank} |" in line
    assert f"{losses[best] - min(losses.values()):.4f}" in line


def test_an_interrupted_walk_goes_on(run: RunDirectory) -> None:
    script = """
import sys
import suite.oracle as oracle
from suite.cli import main
from suite.run_directory import RunDirectory
oracle._SECONDS_BETWEEN_CHECKPOINTS = 0
save, saved = RunDirectory.save_checkpoint, []
def save_and_stop(self, phase, state):
    save(self, phase, state)
    saved.append(phase)
    if len(saved) == 2:
        raise KeyboardInterrupt
RunDirectory.save_checkpoint = save_and_stop
sys.argv = ["suite", "oracle", "run"]
main()
"""
    stopped = subprocess.run(
        [sys.executable, "-c", script],
        cwd=run.path.parent,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert stopped.returncode == 130, stopped.stderr
    assert run.read_result("oracle") is None
    state = run.load_checkpoint("oracle")
    assert state is not None
    assert 0 < state["sums"]["val_search"]["pictures"] + state["sums"]["val_choice"]["pictures"] < 432
    assert suite("oracle", "run", cwd=run.path.parent).returncode == 0
    again = Path(shutil.copytree(run.path, run.path.parent / "again"))
    assert suite("oracle", "again", cwd=run.path.parent).returncode == 0
    for name, column in read_table(run).items():
        assert np.array_equal(column, read_table(RunDirectory(again))[name]), name


def test_a_run_without_a_supernet_is_refused(run: RunDirectory) -> None:
    (run.path / "results" / "supernet.json").unlink()
    done = suite("oracle", run.path, cwd=run.path.parent)
    assert (done.returncode, "no trained supernet" in done.stderr) == (2, True)
