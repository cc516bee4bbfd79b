"""The oracle on a finished run: every network scored, resumable, and the search beside it in the report."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from suite.data import find_data, open_data
from suite.evaluation import evaluate
from suite.oracle_table import read_table
from suite.pareto import pareto_front
from suite.report import write_report
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import Limits, read_study, study_toml
from suite.supernet import load_supernet
from tests.conftest import rewrite_oracle
from tests.end_to_end.conftest import ENVIRONMENT, cold_python, suite, write_study
from tests.end_to_end.stopping import search_with, suite_with


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A copy of the finished run."""
    return RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))


def test_every_network_is_scored_as_it_scores_alone(walked: RunDirectory) -> None:
    run = walked
    study = read_study(run.path / "study.toml")
    data = open_data(study.data, find_data(study.data))
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    table, result = read_table(run), run.read_result("oracle")
    assert result is not None
    assert table["genome"].tolist() == [genome.text for genome in space]
    assert len(table["genome"]) == len(set(table["genome"])) == space.size == result["networks"]
    trained = run.read_result("supernet")
    assert trained is not None
    supernet = load_supernet(study, space, run)
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


def line_of(page: str, beginning: str) -> str:
    """The one line of a page that begins so."""
    (line,) = [line for line in page.splitlines() if line.startswith(beginning)]
    return line


def test_the_report_says_what_the_search_lost(walked: RunDirectory) -> None:
    page = (walked.path / "report" / "report.md").read_text()
    assert "## The search against the whole space" in page
    assert "all 432 networks, each on 216 pictures of val-A, which the search saw, and 216 of val-B" in page
    table, search = read_table(walked), walked.read_result("search")
    assert search is not None
    losses = dict(zip(table["genome"], table["loss_val_search"], strict=True))
    best = min((row["genome"] for row in search["evaluated"]), key=lambda genome: losses[genome])
    rank = sum(loss < losses[best] for loss in losses.values()) + 1
    regret = f"{losses[best] - min(losses.values()):.4f} nats"
    assert f"The best of them is `{best}`" in line_of(page, "**The search**")
    assert f"number {rank} of 432 on val-A" in line_of(page, "**The search**")
    assert f"{regret} on the pictures it searched on" in line_of(page, "**What the search lost**")
    assert line_of(page, "| Rank by loss on val-A").split("|")[2].strip() == str(rank)
    assert line_of(page, "| Optimiser regret (val-A)").split("|")[2].strip() == regret


def test_the_report_shows_fronts_budgets_effort_and_choices(walked: RunDirectory) -> None:
    page = (walked.path / "report" / "report.md").read_text()
    titles = ["The front, exact and found", "The best network for each size", "When evolution is needed"]
    for title in (*titles, "Which choices matter"):
        assert f"\n## {title}\n" in page
    for name in ("oracle", "oracle-choices"):
        assert f"](figures/{name}.png)" in page
        assert (walked.path / "report" / "figures" / f"{name}.png").is_file()
    table = read_table(walked)
    cheap = table["params"] <= 2_000
    best = table["genome"][cheap][np.argmin(table["loss_val_search"][cheap])]
    assert f"| `{best}` |" in line_of(page, "| up to 2,000 |")
    good = int((table["accuracy_val_search"] >= table["accuracy_val_search"].max() - 0.001).sum())
    within = line_of(page, "| within 0.1 points of the best accuracy |").split("|")
    assert within[2].strip() == str(good)
    assert within[4].strip() == f"{433 / (good + 1):.0f}"
    by_depth = [line_of(page, f"| **{order}**") for order in ("single choices", "pairs", "three and more")]
    shares = [[float(share.strip(" *%")) for share in line.split("|")[2:4]] for line in by_depth]
    assert np.sum(shares, axis=0) == pytest.approx([100, 100], abs=0.16)  # three roundings


def test_predicted_latency_takes_its_place_where_it_is_known(walked: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(walked.path, tmp_path / "run")))
    model = run.read_result("latency_model")
    assert model is not None
    assert model["networks"] == len(model["measured"]) == 432 // 4
    assert (read_table(run)["latency_ms"] > 0).all()
    errors = {"median_relative_error": 0.02, "p90_relative_error": 0.071, "mean_absolute_error_ms": 0.0123}
    held_out = {**errors, "spearman": 0.987}
    run.write_result("latency_model", {"networks": 120, "noise_floor_ms": 0.004, "held_out": held_out})
    assert suite("report", run.path, cwd=tmp_path).returncode == 0
    page = (run.path / "report" / "report.md").read_text()
    assert line_of(page, "| loss × predicted latency |")
    assert "| Predicted latency (ms) |" in line_of(page, "| Parameters allowed |")
    assert (
        "fitted to 120 timed networks; on others, held out, it is off by 0.012 ms on average (2.0 % in the median, "
        "7.1 % at the ninetieth percentile, rank correlation 0.987), where timing the same network again differs by "
        "0.004 ms."
    ) in page

    table = pq.read_table(run.path / "oracle.parquet")  # as written before latencies were predicted
    rewrite_oracle(run, table.drop_columns(["latency_ms"]))
    assert suite("report", run.path, cwd=tmp_path).returncode == 0
    assert "latency is predicted" not in (run.path / "report" / "report.md").read_text().lower()


def test_a_report_does_without_errors_that_few_timings_cannot_give(
    walked: RunDirectory, tmp_path: Path
) -> None:
    run = RunDirectory(Path(shutil.copytree(walked.path, tmp_path / "run")))
    model = run.read_result("latency_model")
    assert model is not None
    run.write_result("latency_model", {**model, "networks": 8, "held_out": None})
    assert "was fitted to 8 timed networks, too few to hold any out" in write_report(run).read_text()
    run.write_result("latency_model", {**model, "held_out": {**model["held_out"], "spearman": None}})
    page = write_report(run).read_text()
    assert "held out, it is off by" in page
    assert "rank correlation" not in page


@pytest.mark.parametrize(
    ("of", "end"), [("params", "."), ("macs", ", that on MACs set by the run's time budget.")]
)
def test_only_networks_within_the_limits_are_compared(
    of: str, end: str, walked: RunDirectory, tmp_path: Path
) -> None:
    """Nobody asked for any: one on MACs can only be a time budget's."""
    run = RunDirectory(Path(shutil.copytree(walked.path, tmp_path / "run")))
    table, search = read_table(walked), walked.read_result("search")
    assert search is not None
    limit = int(max(row[of] for row in search["evaluated"]))
    study = read_study(run.path / "study.toml")
    limited = study.search.model_copy(update={"limits": Limits(**{f"max_{of}": limit})})
    (run.path / "study.toml").write_text(study_toml(study.model_copy(update={"search": limited})))
    assert suite("report", run.path, cwd=tmp_path).returncode == 0
    page = (run.path / "report" / "report.md").read_text()
    kept = int((table[of] <= limit).sum())
    assert kept < 432
    assert f"Compared are the {kept} networks within the search's limits on size{end}" in page
    assert f" of {kept} on val-A" in page


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
    if saved.count("oracle") == 2:
        raise KeyboardInterrupt
RunDirectory.save_checkpoint = save_and_stop
sys.argv = ["suite", "oracle", "run", "--pictures", "100"]
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
    assert 0 < state["sums"]["val_search"]["pictures"] + state["sums"]["val_choice"]["pictures"] < 200
    assert suite("oracle", "run", "--pictures", 100, cwd=run.path.parent).returncode == 0
    again = Path(shutil.copytree(run.path, run.path.parent / "again"))
    command = [
        "-m",
        "suite",
        "oracle",
        "again",
        "--pictures",
        "100",
    ]  # owing nothing to what both were copied from
    assert cold_python(command, run.path.parent).returncode == 0
    for name, column in read_table(run).items():
        assert np.array_equal(column, read_table(RunDirectory(again))[name]), name


@pytest.mark.fault("the study of a run that is scored has changed: refused", storage="any")
@pytest.mark.parametrize("words", [("oracle",), ("oracle", "--shortlist"), ("fidelity",)])
def test_a_study_that_has_changed_is_refused(words: tuple[str, ...], run: RunDirectory) -> None:
    study = run.path / "study.toml"
    study.write_text(study.read_text().replace("split_seed = 0", "split_seed = 1"))
    done = suite(*words, run.path, cwd=run.path.parent)
    assert (done.returncode, "is not what the run was made with" in done.stderr) == (2, True)


def test_a_run_without_a_supernet_is_refused(run: RunDirectory) -> None:
    (run.path / "results" / "supernet.json").unlink()
    done = suite("oracle", run.path, cwd=run.path.parent)
    assert (done.returncode, "no trained supernet" in done.stderr) == (2, True)


def test_the_shortlist_finds_the_fronts_of_the_full_walk(walked: RunDirectory, tmp_path: Path) -> None:
    run, table = RunDirectory(Path(shutil.copytree(walked.path, tmp_path / "run"))), read_table(walked)
    for order, options in enumerate([[], ["--screen"]]):
        done = suite("oracle", run.path, "--shortlist", "--order", order, *options, cwd=run.path.parent)
        assert done.returncode == 0, done.stderr
        assert ("Screened in bfloat16" in done.stdout) == bool(options)
        result = run.read_result("shortlist")
        assert result is not None
        for price in ("params", "macs"):
            values = {
                genome: (-float(loss), -float(cost))
                for genome, loss, cost in zip(
                    table["genome"], table["loss_val_search"], table[price], strict=True
                )
            }
            front = pareto_front(values, (1.0, 1.0))
            assert [row["genome"] for row in result["fronts"][price]] == front
            losses = [row["score"] for row in result["fronts"][price]]
            assert losses == pytest.approx([-values[genome][0] for genome in front], rel=1e-6)
            assert front[0] in done.stdout
    refused = suite("oracle", run.path, "--shortlist", "--pictures", 5, cwd=run.path.parent)
    assert (refused.returncode, "Leave out --pictures" in refused.stderr) == (2, True)
    refused = suite("oracle", run.path, "--screen", cwd=run.path.parent)
    assert (refused.returncode, "Add --shortlist" in refused.stderr) == (2, True)


def test_a_shortlist_that_was_stopped_goes_on(run: RunDirectory) -> None:
    folder, command = run.path.parent, ("oracle", "run", "--shortlist", "--screen")
    whole = RunDirectory(Path(shutil.copytree(run.path, folder / "whole")))
    assert suite("oracle", "whole", *command[2:], cwd=folder).returncode == 0
    saved = "at(RunDirectory, 'save_checkpoint', 2, {}, lambda phase, state: phase == 'shortlist')"
    killed = suite_with(saved.format("kill"), folder, *command)
    assert killed.returncode == -9, killed.stderr
    assert run.load_checkpoint("shortlist") is not None
    not_again = "import suite.shortlist.walks as walks\nwalks.measure_slack = None\n"
    stopped = suite_with(not_again + saved.format("interrupt"), folder, *command)
    assert (stopped.returncode, "the same command goes on" in stopped.stderr) == (130, True)
    done = suite_with(not_again, folder, *command)
    assert done.returncode == 0, done.stderr
    found, expected = (each.read_result("shortlist") or {} for each in (run, whole))
    for name in ("rounds", "fronts"):
        assert found[name] == expected[name]
    assert found["screen"]["rounds"] == expected["screen"]["rounds"]
    assert not list((run.path / "checkpoints").iterdir())


def test_an_exhaustive_search_trains_the_best_of_the_space(tmp_path: Path) -> None:
    study = write_study(
        tmp_path, search={"method": "exhaustive", "population": 4, "limits": {"max_params": 3_000}}
    )
    done = suite("search", study, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = RunDirectory(tmp_path / "run")
    table, search = read_table(run), run.read_result("search")
    assert search is not None
    assert [row["genome"] for row in search["evaluated"]] == search["generations"][0]["proposed"]
    within = table["params"] <= 3_000
    best = table["genome"][within][np.argmin(table["loss_val_search"][within])]
    assert search["front"][0]["genome"] == best
    assert len(search["evaluated"]) == 4
    walked = (run.read_result("oracle") or {})["seconds"]
    assert search["seconds"]["scoring"] > walked > 0, "scoring the space is the search's"
    modelled = (run.read_result("latency_model") or {})["seconds"]
    assert search["seconds"]["timing"] >= modelled > 0, "and so is timing some of it"
    assert search["seconds"]["total"] >= walked + modelled
    page = (tmp_path / "run" / "report" / "report.md").read_text()
    assert "## The search against the whole space" in page

    none = suite("search", study, "--set", "search.limits.max_params=1", "--run-dir", "none", cwd=tmp_path)
    assert (none.returncode, "none of 432 networks keeps to the limits" in none.stderr) == (1, True)


def test_a_walk_on_few_pictures_is_not_what_an_exhaustive_search_goes_by(tmp_path: Path) -> None:
    """`suite oracle` may have been asked of a search that was stopped before its own walk."""
    study = write_study(tmp_path, search={"method": "exhaustive", "population": 4})
    before_the_walk = "import suite.experiment\nsuite.experiment.score_space = lambda *words: interrupt()"
    stopped = search_with(before_the_walk, study, tmp_path)
    assert stopped.returncode == 130, stopped.stderr
    assert suite("oracle", "run", "--pictures", 40, cwd=tmp_path).returncode == 0
    run = RunDirectory(tmp_path / "run")
    assert (run.read_result("oracle") or {})["pictures"] == {"val_search": 40, "val_choice": 40}
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (run.read_result("oracle") or {})["pictures"] == {"val_search": 216, "val_choice": 216}
