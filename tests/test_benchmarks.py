"""The benchmarks run, and say what they promise; how fast this machine is, is not a test's business."""

from __future__ import annotations

from pathlib import Path

from benchmarks import dashboard, durability, recording
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
    assert len(result["pairs"]) == 2
    assert all(0 < pair["within"] < pair["kept"] and pair["not kept"] > 0 for pair in result["pairs"])
    assert 0 < result["share_within"] < 1
    assert "median by the difference" in durability.show(result)


def test_the_dashboard_is_measured_on_each_storage_as_its_record_grows() -> None:
    result = dashboard.run(Display(quiet=True), sizes=(3, 6), browse=False)
    rows = [(row["storage"], row["trials"]) for row in result["rows"]]
    assert rows == [("sqlite", 3), ("sqlite", 6), ("journal", 3), ("journal", 6)]
    assert all(
        1 <= row["noted"] <= row["trials"] and row["answered"] > 0 < row["plain answered"]
        for row in result["rows"]
    )
    assert "no browser" in dashboard.show(result)
