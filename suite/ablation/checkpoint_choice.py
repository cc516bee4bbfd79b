"""What it brings to keep, of several checkpoints and both scores, what ranks a handful of trained networks best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from suite.fidelity.measures import taus

Values = NDArray[np.float64]

HANDFUL = 9
_SPLITS = 500


def gain_of_choosing(
    rankings: Values, truth: Values, depths: Sequence[int], rng: np.random.Generator
) -> float:
    """The gain in tau over the last of the rankings, on networks that the choice was not made by.

    `rankings` (R, N) are a supernet's, `truth` (N,) what trained networks reach. A handful of them, evenly of each
    depth, is drawn again and again; the ranking that orders it best is held against the rest.
    """
    handfuls = np.array([_handful(depths, rng) for _ in range(_SPLITS)], dtype=np.float64)
    of_handful = np.nan_to_num([taus(ranking, truth, handfuls) for ranking in rankings], nan=-2.0)
    of_rest = np.array([taus(ranking, truth, 1 - handfuls) for ranking in rankings])
    # Of equals the later, which trained for longer.
    chosen = len(rankings) - 1 - np.argmax(of_handful[::-1], axis=0)
    return float(np.mean(of_rest[chosen, np.arange(_SPLITS)] - of_rest[-1]))


def _handful(depths: Sequence[int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,) which networks are in it."""
    drawn = np.zeros(len(depths), dtype=bool)
    every = sorted(set(depths))
    for depth in every:
        of_depth = np.flatnonzero(np.equal(depths, depth))
        drawn[rng.choice(of_depth, min(HANDFUL // len(every), len(of_depth) - 1), replace=False)] = True
    return drawn
