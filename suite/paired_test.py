"""Are two networks right equally often? Judged on the same pictures, with a correction for many such questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Right = NDArray[np.bool_]


@dataclass(frozen=True)
class PairedTest:
    """Two networks on the same pictures: only where one is right and the other is not can they be told apart."""

    only_first: int  # pictures that the first alone has right
    only_second: int
    p_value: float  # two-sided, before any correction


def right_of(wrong: Sequence[int], pictures: int) -> Right:
    """(pictures,) whether each is classed right, from the numbers of those that are not."""
    right = np.ones(pictures, dtype=np.bool_)
    right[wrong] = False
    return right


def mcnemar(first: Right, second: Right) -> PairedTest:
    """The exact test of McNemar (1947) for which pictures (N,) two networks have right, in the same order."""
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    differing = only_first + only_second
    p_value = float(binomtest(only_first, differing).pvalue) if differing else 1.0
    return PairedTest(only_first, only_second, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests as corrected by Holm (1979), in the order given.

    To call each below a level different errs once or more at most as often as that level says.
    """
    corrected, least = [0.0] * len(p_values), 0.0
    for done, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - done) * p_values[place]))
        corrected[place] = least
    return corrected
