"""`suite fidelity` on a finished run: networks trained, the supernet measured by them, and the report."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from suite.fidelity.truth_table import TruthTable, read_table
from suite.report import write_report
from suite.run_directory import RunDirectory
from tests.end_to_end.conftest import suite

ASKED = ("--networks", 6, "--seeds", 2, "--epochs", 2, "--train-images", 128)


@pytest.fixture(scope="module")
def measured(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished run that was measured by six networks and two favourites; the tables are in `truth`, beside it."""
    run = RunDirectory(Path(shutil.copytree(finished, tmp_path_factory.mktemp("measured") / "run")))
    folder = run.path.parent
    done = suite("fidelity", run.path, *ASKED, "--top", 2, "--truth", "truth", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Trainings: 16/16" in done.stderr
    (folder / "said").write_text(done.stdout)
    return run


def result_of(run: RunDirectory) -> dict[str, Any]:
    result = run.read_result("fidelity")
    assert result is not None
    return result


def test_the_result_is_what_the_table_and_the_supernet_say(measured: RunDirectory) -> None:
    result, path = result_of(measured), measured.path.parent / "truth" / "digits-2x128.csv"
    assert result["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (result["networks"], result["seeds"]) == (6, [0, 1])
    rows = [row for row in result["rows"] if row["drawn"] == "uniform"]
    table = read_table(path)
    assert [row["genome"] for row in rows] == table.networks()
    truths = np.array([row["truth"] for row in rows])
    assert np.array_equal(truths, table.values(table.networks(), [0, 1]))
    taus = [kendalltau([-row["loss"] for row in rows], truth).statistic for truth in truths.T]
    (loss,) = [r for r in result["rankings"] if (r["kind"], r["name"]) == ("supernet", "loss")]
    assert loss["against_one"]["tau"]["value"] == pytest.approx(np.mean(taus))
    between = kendalltau(*truths.T).statistic
    assert result["between_trainings"]["tau"]["value"] == pytest.approx(between)
    search = measured.read_result("search")
    assert search is not None
    evaluated = sorted(search["evaluated"], key=lambda row: row["val_loss"])
    known = {row["genome"] for row in result["rows"]}
    assert {row["genome"] for row in evaluated[:2]} <= known
    final = measured.read_result("final")
    assert final is not None
    assert final["genome"] in known
    assert evaluated[0]["val_loss"] == pytest.approx(min(row["loss"] for row in result["rows"]), rel=1e-5)


def test_the_command_and_the_report_say_the_same(measured: RunDirectory) -> None:
    said = (measured.path.parent / "said").read_text()
    page = (measured.path / "report" / "report.md").read_text()
    conclusion = said.splitlines()[0]
    assert conclusion.startswith(
        "Against one training, the supernet's loss ranks 6 networks with Kendall's tau"
    )
    assert "training them once more ranks them with" in conclusion
    assert f"\n## Does the supernet rank?\n\n**{conclusion}**".replace("'", "'") in page.replace("&#39;", "'")
    for name in ("supernet, by loss", "one more training", "parameters", "linear fit of features"):
        assert f"\n| {name} |" in page
        assert f"\n{name} " in said
    for figure in ("fidelity", "fidelity-taus"):
        assert f"](figures/{figure}.png)" in page
        assert (measured.path / "report" / "figures" / f"{figure}.png").is_file()


def test_a_second_call_trains_nothing_and_finds_the_same(measured: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(measured.path, tmp_path / "run")))
    truth = measured.path.parent / "truth"
    before = {path: path.read_bytes() for path in truth.iterdir()}
    (run.path / "study.db").unlink()  # the table is enough, and no trial is needed
    done = suite("fidelity", "run", *ASKED, "--top", 2, "--truth", truth, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Trainings: 16/16 in 0 s" in done.stderr
    assert result_of(run) == result_of(measured)
    assert {path: path.read_bytes() for path in truth.iterdir()} == before


def test_a_table_of_another_regime_is_refused_in_one_paragraph(
    measured: RunDirectory, tmp_path: Path
) -> None:
    truth = Path(shutil.copytree(measured.path.parent / "truth", tmp_path / "truth"))
    table = read_table(truth / "digits-2x128.csv")
    for file in truth.glob("digits-2x128.*"):
        file.unlink()
    TruthTable(table.regime.model_copy(update={"learning_rate": 0.5}), table.readings).write(truth)
    done = suite("fidelity", measured.path, *ASKED, "--truth", truth, cwd=tmp_path)
    assert done.returncode == 2
    assert "is of another regime (learning_rate: 0.5 there, 0.001 here)" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_run_without_a_supernet_is_refused_before_anything_is_trained(
    measured: RunDirectory, tmp_path: Path
) -> None:
    run = RunDirectory(Path(shutil.copytree(measured.path, tmp_path / "run")))
    (run.path / "results" / "supernet.json").unlink()
    done = suite("fidelity", "run", *ASKED, "--truth", "truth", cwd=tmp_path)
    assert (done.returncode, "no trained supernet" in done.stderr) == (2, True)
    assert not (tmp_path / "truth").exists()


def test_a_report_with_one_training_leaves_out_what_needs_two(measured: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(measured.path, tmp_path / "run")))
    result = result_of(measured)
    none = {"between_trainings": None, "perfect": None, "favourites": None, "seeds": [0]}
    alone = [ranking | {"against_mean": None} for ranking in result["rankings"]]
    rows = [row | {"truth": row["truth"][:1]} for row in result["rows"]]
    run.write_result("fidelity", result | none | {"rankings": alone, "rows": rows})
    page = write_report(run).read_text()
    assert "With one training of each network" in page
    assert "training them once more" not in page
    assert "| Ranking | tau, one training | within depth | Spearman | top 10 | regret (points) |" in page
