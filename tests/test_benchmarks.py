"""The benchmarks run, and say what they promise; how fast this machine is, is not a test's business."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import dashboard, drift, durability, explorer, recording
from suite.progress import Display
from suite.study import LatencySettings, StudySettings, study_toml


def test_recording_is_measured_on_each_storage_and_never_overlaps_timing() -> None:
    result = recording.run(Display(quiet=True), trials=5)
    assert set(result["storages"]) == {"sqlite", *recording.OTHER_MODES, "journal"}
    assert all(0 < row["median_ms"] <= row["max_ms"] for row in result["storages"].values())
    # The noise floor, the pool, and generations that brought a new genome.
    assert 2 <= result["overlap"]["timings"] <= 5
    assert result["overlap"]["recordings"] >= 20
    assert result["overlap"]["overlapping"] == 0
    assert "overlapping: 0" in recording.show(result)


@pytest.mark.parametrize(
    ("label", "mode", "synchronous"),
    [
        ("sqlite, DELETE", "delete", 2),
        ("sqlite, TRUNCATE", "truncate", 2),
        ("sqlite, PERSIST", "persist", 2),
        ("sqlite, WAL, NORMAL", "wal", 1),
    ],
)
def test_each_mode_of_sqlite_is_that_of_its_connections(
    label: str, mode: str, synchronous: int, tmp_path: Path
) -> None:
    storage = recording._in_mode(tmp_path / "study.db", label)
    for _ in range(2):
        with storage.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == mode
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == synchronous
        storage.engine.dispose()


@pytest.mark.skipif(os.name == "nt", reason="runs take turns by POSIX signals")
def test_durability_is_measured_in_pairs_of_whole_runs(tiny_study: StudySettings, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(study_toml(tiny_study))
    result = durability.run(Display(quiet=True), path=path, seeds=1)
    assert len(result["pairs"]) == 1
    assert all(0 < pair["within"] < pair["kept"] and pair["not kept"] > 0 for pair in result["pairs"])
    assert 0 < result["share_within"] < 1
    assert "median by the difference" in durability.show(result)


def test_the_dashboard_is_measured_on_each_storage_as_its_record_grows() -> None:
    result = dashboard.run(Display(quiet=True), sizes=(3, 6), browse=False)
    rows = [(row["storage"], row["trials"]) for row in result["rows"]]
    assert rows == [("sqlite", 3), ("sqlite", 6), ("journal", 3), ("journal", 6)]
    assert all(
        1 <= row["noted"] <= row["trials"] and min(row["plain answered"], row["answered"], row["kept"]) > 0
        for row in result["rows"]
    )
    assert "no browser" in dashboard.show(result)


def test_the_explorer_is_measured_move_by_move(tiny_study: StudySettings, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(study_toml(tiny_study))
    result = explorer.run(Display(quiet=True), path)
    if result["drawn_s"] is None:
        pytest.skip("needs chromium and chromedriver")
    moves = explorer.DOWN + explorer.UP + explorer.FINE
    assert {name: len(spent) for name, spent in result["moves_ms"].items()} == dict.fromkeys(
        explorer.SLIDERS, moves
    )
    assert all(spent > 0 for of_slider in result["moves_ms"].values() for spent in of_slider)
    lines = explorer.show(result).splitlines()
    assert re.fullmatch(r"432 networks: a page of \d\.\d MB, drawn in \d+\.\d s", lines[0])
    assert len(lines) == 2 + len(explorer.SLIDERS)


def test_without_a_browser_the_explorer_s_page_is_measured(tiny_study: StudySettings, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(study_toml(tiny_study))
    result = explorer.run(Display(quiet=True), path, browse=False)
    assert (result["networks"], result["moves_ms"]) == (432, {})
    assert result["bytes"] > 4e6, "with all of plotly"
    assert explorer.show(result).endswith(" MB, no browser")


def test_drift_is_measured_as_timed_and_as_scaled(tiny_study: StudySettings, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(study_toml(tiny_study))
    briefly = LatencySettings(budget_ms=10)
    result = drift.run(Display(quiet=True), path, networks=40, passes=3, settings=briefly)
    assert (result["networks"], result["passes"]) == (40, 3)
    assert 0 < result["anchors"][0] <= 1 <= result["anchors"][1]
    assert all(0 < result[of]["median"] <= result[of]["p90"] for of in ("as_timed", "scaled"))
    assert "scaled by anchors  median" in drift.show(result)


def test_a_spread_is_that_of_each_network_over_its_passes() -> None:
    assert drift._spread(np.array([[1.0, 10.0], [1.0, 30.0]])) == {
        "median": pytest.approx(2**-0.5 / 2),
        "p90": pytest.approx(0.9 * 2**-0.5),
    }
