"""Questions to a finished run: the best networks within limits, and what is wrong with a question."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.ask import parse_limits
from suite.errors import LimitsError
from suite.run_directory import RunDirectory
from tests.conftest import rewrite_oracle
from tests.damage import damaged
from tests.end_to_end.conftest import ENVIRONMENT, suite

MEASURED = "8k5max-8k5max-fc8"  # of 154,704 MACs


@pytest.fixture(scope="module")
def asked(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished run with an oracle whose latencies are a millisecond for 100,000 MACs; one was measured."""
    run = RunDirectory(Path(shutil.copytree(finished, tmp_path_factory.mktemp("asked") / "run")))
    done = suite("oracle", run.path, "--pictures", "64", cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(run.path / "oracle.parquet").drop_columns(["latency_ms"] * _has_latency(run))
    latency = table.column("macs").to_numpy() / 1e5
    rewrite_oracle(run, table.append_column("latency_ms", pa.array(latency)))
    run.write_result(
        "latency_model",
        {
            "device": "cpu",
            "measured": [{"genome": MEASURED, "median_ms": 0.05, "p90_ms": 0.06, "iqr_ms": 0.01}],
            "held_out": {"median_relative_error": 0.04},
        },
    )
    return run


def _has_latency(run: RunDirectory) -> bool:
    return "latency_ms" in pq.read_schema(run.path / "oracle.parquet").names


def _ask(run: RunDirectory, *words: str) -> subprocess.CompletedProcess[str]:
    return suite("ask", run.path, *words, cwd=run.path.parent)


def test_the_best_within_limits_come_first(asked: RunDirectory) -> None:
    done = _ask(asked, "--max-params", "4k", "--max-macs", "0.17M", "--max-latency", "1.2ms", "--top", "4")
    assert done.returncode == 0, done.stderr
    columns = pq.read_table(asked.path / "oracle.parquet").to_pydict()
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    # Of all but the one measured, 1.2 ms are 120,000 MACs.
    within = [
        row
        for row in rows
        if row["params"] <= 4_000 and (row["macs"] <= 120_000 or row["genome"] == MEASURED)
    ]
    best = sorted(within, key=lambda row: row["loss_val_search"])[:4]
    lines = done.stdout.splitlines()
    shown = [line for line in lines if "max-" in line.partition(" ")[0] or "avg-" in line.partition(" ")[0]]
    assert [line.split()[0] for line in shown] == [row["genome"] for row in best]
    assert f"The best of 432 networks, {len(within)} of them within --max-latency 1.2ms, " in lines[0]
    assert f"{best[0]['accuracy_val_search']:.2%}" in shown[0]
    assert f"{best[0]['accuracy_val_choice']:.2%}" in shown[0]
    assert f"{best[0]['params']:,}" in shown[0]
    assert "shared weights, not of a trained network" in done.stdout
    assert lines[-1] == f"  suite export {asked.path} --genome {best[0]['genome']} --train"


def test_measured_latencies_stand_in_the_place_of_predicted_ones(asked: RunDirectory) -> None:
    only_measured = _ask(asked, "--max-latency", "0.00005s")
    assert only_measured.returncode == 0, only_measured.stderr
    assert "1 of them within" in only_measured.stdout
    assert "0.050 ms (measured)" in only_measured.stdout
    all_of_them = _ask(asked, "--top", "432").stdout
    assert all_of_them.count("(measured)") == 1
    assert all_of_them.count("(predicted, ±4 %)") == 431


def test_a_score_of_accuracy_ranks_by_accuracy(asked: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(asked.path, tmp_path / "run")))
    study = run.path / "study.toml"
    study.write_text(study.read_text().replace('score = "loss"', 'score = "accuracy"'))
    done = _ask(run, "--top", "1")
    assert "by accuracy on val-A" in done.stdout
    best = np.max(pq.read_table(run.path / "oracle.parquet").column("accuracy_val_search").to_numpy())
    assert f"{best:.2%}" in done.stdout


def test_nothing_within_the_limits_names_the_nearest(asked: RunDirectory) -> None:
    done = _ask(asked, "--max-params", "10", "--max-latency", "1us")
    assert done.returncode == 2
    assert "no network of the space is within --max-latency 1us and --max-params 10." in done.stderr
    assert "The nearest is 4k3max-4k3max-fc8, with 798 parameters, 0.02 M MACs and 0.190 ms;" in done.stderr
    assert "0.01 M MACs and 0.050 ms." in done.stderr


def test_an_oracle_without_latencies_cannot_be_asked_for_them(asked: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(asked.path, tmp_path / "run")))
    table = pq.read_table(run.path / "oracle.parquet")
    rewrite_oracle(run, table.drop_columns(["latency_ms"]))
    done = _ask(run, "--max-latency", "2ms")
    assert (done.returncode, f"Run suite oracle {run.path} again" in done.stderr) == (2, True)
    without = _ask(run, "--top", "432")
    assert without.returncode == 0, without.stderr
    assert (without.stdout.count("not known"), without.stdout.count("(measured)")) == (431, 1)


def test_latencies_of_another_device_do_not_count(asked: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(asked.path, tmp_path / "run")))
    searched = run.read_result("search")
    assert searched is not None
    for row in searched["evaluated"]:
        row["latency_ms"] = 0.5
    run.write_result("search", searched)
    measured = {row["genome"] for row in searched["evaluated"]} | {MEASURED}
    assert _ask(run, "--top", "432").stdout.count("(measured)") == len(measured)
    modelled = run.read_result("latency_model")
    assert modelled is not None
    for elsewhere in ({"device": "another"}, {"machine": "another"}):
        run.write_result("latency_model", {**modelled, **elsewhere})
        assert _ask(run, "--top", "432").stdout.count("(measured)") == 1


def test_a_run_without_an_oracle_says_how_to_make_one(finished: Path) -> None:
    done = suite("ask", finished, cwd=finished.parent)
    assert (done.returncode, f"suite oracle {finished.resolve()}" in done.stderr) == (2, True)


@pytest.mark.parametrize("damage", ["cut to half", "flipped in the middle"])
def test_a_damaged_oracle_is_no_traceback(damage: str, asked: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(asked.path, tmp_path / "run")))
    damaged(run.path / "oracle.parquet", damage)
    done = _ask(run)
    assert (done.returncode, "is damaged" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_asking_does_not_pay_for_torch(asked: RunDirectory) -> None:
    script = f"""
import sys
from suite.cli import main
sys.argv = ["suite", "ask", {str(asked.path)!r}]
try:
    main()
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert "The best of 432 networks" in done.stdout
    assert "AssertionError" not in done.stderr


@pytest.mark.parametrize(
    ("latency", "params", "macs", "most"),
    [
        ("2ms", None, None, 2.0),
        ("0.002s", None, None, 2.0),
        ("1500us", None, None, 1.5),
        (None, "100k", None, 100_000),
        (None, "120000", None, 120_000),
        (None, None, "2.5M", 2_500_000),
    ],
)
def test_limits_are_read(latency: str | None, params: str | None, macs: str | None, most: float) -> None:
    (limit,) = parse_limits(latency, params, macs)
    assert limit.most == pytest.approx(most)


@pytest.mark.parametrize(
    ("latency", "params", "macs", "named"),
    [
        ("2", None, None, "--max-latency"),
        ("fast", None, None, "--max-latency"),
        ("-2ms", None, None, "--max-latency"),
        (None, "0", None, "--max-params"),
        (None, "100kk", None, "--max-params"),
        (None, None, "ten", "--max-macs"),
        (None, None, "", "--max-macs"),
    ],
)
def test_limits_that_are_none_are_refused(
    latency: str | None, params: str | None, macs: str | None, named: str
) -> None:
    with pytest.raises(LimitsError, match=named):
        parse_limits(latency, params, macs)
