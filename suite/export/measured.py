"""What a run measured of its networks beside their accuracy, for their model cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suite.calibration import calibration
from suite.export.card import Measured, Timed
from suite.winner import balanced_accuracy


def measured_of_winner(final: Mapping[str, Any], facts: Mapping[str, Any]) -> Measured:
    """From results/final.json and run.json; results of older suites lack some of it."""
    found = calibration(final["confidences"], final["wrong"]) if "confidences" in final else None
    return Measured(
        balanced_accuracy(final),
        found.confidence if found else None,
        found.expected_error if found else None,
        timed(final["latency"]["objective"], facts["device"]),
    )


def timed(latency: Mapping[str, Any], device: Mapping[str, Any]) -> Timed:
    """A latency's median with the machine it is of, as run.json names that."""
    threads = latency["threads"] if device["device"] == "cpu" else None
    return Timed(latency["median_ms"], latency["batch"], threads, device["name"], device["torch"])
