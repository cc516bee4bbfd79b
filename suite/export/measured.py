"""What a run measured of its networks beside their accuracy, for their model cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suite.calibration import calibration
from suite.data.dataset import are_unequal
from suite.export.card import Measured, Timed


def measured_of_winner(final: Mapping[str, Any], facts: Mapping[str, Any]) -> Measured:
    """From results/final.json and run.json; results of older suites lack some of it."""
    unequal = are_unequal([sum(row) for row in final["confusion"]])
    found = calibration(final["confidences"], final["wrong"]) if "confidences" in final else None
    latency = final["latency"]["objective"]
    return Measured(
        final.get("balanced_accuracy") if unequal else None,
        found.confidence if found else None,
        found.expected_error if found else None,
        timed(latency["median_ms"], latency["batch"], latency["threads"], facts),
    )


def timed(median_ms: float, batch: int, threads: int, facts: Mapping[str, Any]) -> Timed:
    """A latency with the machine that run.json names."""
    device = facts["device"]
    on_cpu = device["device"] == "cpu"
    return Timed(median_ms, batch, threads if on_cpu else None, device["name"], facts["versions"]["torch"])
