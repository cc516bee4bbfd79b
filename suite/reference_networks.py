"""What a winner is set beside: networks that nobody searched for, all named before the test is opened."""

from __future__ import annotations

BASE = "base CNN"
EXTREMES = ("most parameters", "fewest parameters", "most MACs", "fewest MACs")
RANDOM = tuple(f"random {number}" for number in range(1, 6))
MLPS = tuple(
    f"MLP {units}, rate {rate}, batch {batch}"
    for units in ("64-32", "128-64-32")
    for rate, batch in ((0.001, 32), (0.0005, 64))
)
NAMES = (BASE, *EXTREMES, *RANDOM, *MLPS)
SEEDS = 5  # at most: the study's own and the next ones
