"""Finalists by prediction, from the supernet's weights: a truth table made by one run serves the next."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suite.fidelity.predicted import FEWEST
from suite.run_directory import RunDirectory
from tests.end_to_end.conftest import suite, write_study

NAME = "digits-1x64"


def result_of(run: Path, phase: str) -> dict[str, Any]:
    result = RunDirectory(run).read_result(phase)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def predicted(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by prediction, in a folder whose benchmarks/truth was filled from another run of the same data."""
    folder = tmp_path_factory.mktemp("predicted")
    run = shutil.copytree(finished, folder / "earlier")
    asked = ("--networks", FEWEST, "--seeds", 1, "--epochs", 1, "--train-images", 64)
    done = suite("fidelity", run, *asked, "--truth", folder / "benchmarks" / "truth", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "benchmarks" / "truth" / "another.json").write_text(
        "{}"
    )  # which is no table, and in nobody's way
    study = write_study(
        folder, finalists={"count": 4, "epochs": 2, "candidates": "predicted", "start": "supernet"}
    )
    done = suite("search", study, "--run-dir", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_the_best_predicted_are_trained_and_the_table_is_named(predicted: Path) -> None:
    chosen = result_of(predicted, "candidates")
    table = predicted.parent / "benchmarks" / "truth" / f"{NAME}.csv"
    assert (chosen["table"], chosen["sha256"]) == (NAME, hashlib.sha256(table.read_bytes()).hexdigest())
    assert chosen["genomes"] == [row["genome"] for row in result_of(predicted, "finalists")["finalists"]]
    assert len(chosen["predicted"]) == len(chosen["genomes"])
    assert all(0 < accuracy < 1 for accuracy in chosen["predicted"])
    assert chosen["predicted"][0] == max(chosen["predicted"])


def test_the_report_says_how_they_came_to_be_and_what_the_table_took(predicted: Path, finished: Path) -> None:
    page = (predicted / "report" / "report.md").read_text()
    assert f"by predicted accuracy, from the supernet's scores and the truth table `{NAME}`" in page
    assert "trained from the supernet's weights. The table's 20 trainings took " in page
    plain = (finished / "report" / "report.md").read_text()
    assert (
        "from the best on, spread along the front of what the search evaluated there, by the supernet's"
        in plain
    )
    assert "on val-B, trained from weights drawn anew" in plain


def test_finalists_from_the_supernet_begin_where_it_left_off(predicted: Path, finished: Path) -> None:
    def first_losses(run: Path) -> float:
        rows = result_of(run, "finalists")["finalists"]
        return float(np.mean([row["curves"][0]["train_loss"][0] for row in rows]))

    assert first_losses(predicted) < first_losses(finished)


def test_without_a_table_nothing_is_begun(tmp_path: Path) -> None:
    study = write_study(tmp_path, finalists={"candidates": "predicted"})
    done = suite("search", study, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "has no truth table of these pictures and this space with at least 20 networks" in done.stderr
    assert 'Make one by "suite fidelity" on an earlier run, or use candidates = "search".' in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
