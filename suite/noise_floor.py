"""Values that a measurement cannot tell apart, made ties."""

from __future__ import annotations


def rounded_to_floor(milliseconds: float, floor_ms: float) -> float:
    """A latency rounded to the noise floor, so that most differences below it become ties."""
    if floor_ms <= 0:
        return milliseconds
    return max(1, round(milliseconds / floor_ms)) * floor_ms
