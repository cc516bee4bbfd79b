"""The benchmarks run, and say what they promise; how fast this machine is, is not a test's business."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import dashboard, durability, explorer, recording
from suite.progress import Display
from suite.study import StudySettings, study_toml


def test_recording_is_measured_on_each_storage_and_never_overlaps_timing() -> None:
    result = recording.run(Display(quiet=True), trials=5)
    assert set(result["storages"]) == {"sqlite", "journal"}
    assert all(0 < row["median_ms"] <= row["max_ms"] for row in result["storages"].values())
    # The noise floor, the pool, and generations that brought a new genome.
    assert 2 <= result["overlap"]["timings"] <= 5
    assert result["overlap"]["recordings"] >= 20
    assert result["overlap"]["overlapping"] == 0
    assert "overlapping: 0" in recording.show(result)


def test_durability_is_measured_in_pairs_of_whole_runs(tiny_study: StudySettings, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(study_toml(tiny_study))
    result = durability.run(Display(quiet=True), path=path, seeds=2)
    assert {kind: len(seconds) for kind, seconds in result["seconds"].items()} == {"kept": 2, "not kept": 2}
    assert all(seconds > 0 for kind in result["seconds"].values() for seconds in kind)
    assert result["below"] == (result["share"] < 0.05)
    assert "checkpoints and records take" in durability.show(result)


def test_the_dashboard_is_measured_on_each_storage_as_its_record_grows() -> None:
    result = dashboard.run(Display(quiet=True), sizes=(3, 6), browse=False)
    rows = [(row["storage"], row["trials"]) for row in result["rows"]]
    assert rows == [("sqlite", 3), ("sqlite", 6), ("journal", 3), ("journal", 6)]
    assert all(
        1 <= row["noted"] <= row["trials"] and row["answered"] > 0 < row["plain answered"]
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
