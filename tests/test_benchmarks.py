"""The benchmarks run, and say what they promise; how fast this machine is, is not a test's business."""

from __future__ import annotations

from benchmarks import recording
from suite.progress import Display


def test_recording_is_measured_on_each_storage_and_never_overlaps_timing() -> None:
    result = recording.run(Display(quiet=True), trials=5)
    assert set(result["storages"]) == {"sqlite", "journal"}
    assert all(0 < row["median_ms"] <= row["max_ms"] for row in result["storages"].values())
    assert 1 <= result["overlap"]["timings"] <= 4  # the pool, and generations that brought a new genome
    assert result["overlap"]["recordings"] >= 20
    assert result["overlap"]["overlapping"] == 0
    assert "overlapping: 0" in recording.show(result)
