"""The contest that a finished run's oracle judges: its tasks by hand, its page, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import optuna
import pytest

from benchmarks.contest.contestants import ABLATIONS, CONTESTANTS, OURS, RIVALS
from benchmarks.contest.entries import Entry, hold_contest
from benchmarks.supernet import run as hold
from benchmarks.supernet.judge import Oracle
from suite.oracle_table import read_table
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import Genome, space_of_run
from suite.space_analysis import front_share
from suite.study import read_study
from suite.trials import open_storage
from tests.conftest import refusal


def test_a_method_is_judged_by_the_score_that_the_search_ranks_by(walked: RunDirectory) -> None:
    judge, table = Oracle(walked.path).judge(), read_table(walked)
    assert list(judge.topics) == ["optimiser", "selection", "front"]
    assert [genome.text for genome in judge.place] == table["genome"].tolist()
    on_a, on_b = table["loss_val_search"], table["loss_val_choice"]
    best, worst = int(np.argmin(on_a)), int(np.argmax(on_a))
    some = Genome.parse(table["genome"][best])
    assert judge.task("optimiser", 0).judge(some).values == pytest.approx([-on_a[best]])
    assert judge.task("front", 0).judge(some).values == pytest.approx(
        [-on_a[best], table["latency_ms"][best]]
    )
    rows = np.array([worst, best])
    assert judge.task("optimiser", 0).lacks(rows) == pytest.approx([on_a[worst] - on_a[best], 0])
    assert judge.task("selection", 0).lacks(rows) == pytest.approx(on_b[rows] - on_b.min())
    assert f"that loses {100 * (on_b[best] - on_b.min()):.3f}" in judge.topics["selection"].note


def test_hypervolume_is_counted_as_the_report_counts_it(walked: RunDirectory) -> None:
    table, task = read_table(walked), Oracle(walked.path).judge().task("front", 0)
    rows = np.random.default_rng(1).permutation(len(table["genome"]))[:200]
    both = np.column_stack([table["loss_val_search"], table["latency_ms"]]).astype(np.float64)
    assert task.lacks(rows)[-1] == pytest.approx(1 - front_share(both, rows).share)
    assert task.lacks(np.arange(len(both)))[-1] == pytest.approx(0, abs=1e-9)


def test_the_page_of_a_contest_that_goes_on_where_it_was_stopped(
    walked: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With few evaluations and few methods: what each of them does is another test's business."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmarks.contest.hold.BUDGET", 24)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "remark.md").write_text("Random search had luck.\n")
    page = hold(Display(quiet=True), walked, 2, tmp_path / "out").read_text()
    assert page.startswith("# Search methods on the supernet of tiny, run\n")
    assert "\n\n## What we make of it\n\nRandom search had luck.\n\n## " in page
    assert "Made by `suite bench supernet runs/tiny/run --seeds 2` on " in page
    assert all(f"| {name} |" in page for name in (*RIVALS, *ABLATIONS))
    assert page.count(f"| **{OURS}** |") == 2 * 3
    for figure in ("optimiser", "selection", "front"):
        assert (tmp_path / "out" / "figures" / f"{figure}.png").stat().st_size > 10_000
    (kept,) = (tmp_path / "runs").iterdir()
    _browse(kept / "trials.log", walked, page)
    times = {path: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    assert len(times) == 2 * 2 * len(CONTESTANTS)
    removed = max(times)
    removed.unlink()
    outcomes = hold_contest(Oracle(walked.path), kept, 24, range(2), Display(quiet=True))
    again = {path: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    assert {path for path in again if again[path] != times[path]} == {removed}
    searched, judged_anew = (outcomes[Entry(task, OURS, 1)] for task in ("optimiser", "selection"))
    assert judged_anew["evaluated"] == searched["evaluated"]
    rows = np.array(searched["evaluated"])
    lacks = Oracle(walked.path).judge().task("selection", 1).lacks(rows)
    assert judged_anew["lacks"][: len(rows)] == pytest.approx(lacks, abs=1e-6)


def _browse(record: Path, walked: RunDirectory, page: str) -> None:
    """The first seed of every method is an Optuna study, with the judge's values."""
    assert f"optuna-dashboard {record.relative_to(Path.cwd())}" in page
    storage = open_storage(f"journal:{record}")
    names = {study.study_name for study in storage.get_all_studies()}
    assert names == {
        f"{task}: {name}" for task in ("optimiser", "selection", "front") for name in (OURS, *RIVALS)
    }
    trials = optuna.load_study(study_name=f"front: {OURS}", storage=storage).trials
    table = read_table(walked)
    row = table["genome"].tolist().index(trials[5].user_attrs["genome"])
    assert trials[5].values == pytest.approx([-table["loss_val_search"][row], table["latency_ms"][row]])
    facts = walked.read_json("run.json") or {}
    space = space_of_run(read_study(walked.path / "study.toml").space, facts)
    assert trials[5].params == space.active_genes(space.parse(trials[5].user_attrs["genome"]))
    assert len({trial.user_attrs["genome"] for trial in trials}) == len(trials) == 24


def test_what_is_no_judge_is_refused(finished: Path, walked: RunDirectory, tmp_path: Path) -> None:
    assert "has no oracle yet" in refusal("bench", "supernet", finished)
    other = Path(shutil.copytree(walked.path, tmp_path / "run"))
    text = (other / "study.toml").read_text()
    (other / "study.toml").write_text(text.replace("kernel = [3, 5]", "kernel = [3, 7]"))
    assert "another space" in refusal("bench", "supernet", other)
    assert "takes no RUN" in refusal("bench", "tabular", other)
    assert "needs --table FILE" in refusal("bench", "tabular")
