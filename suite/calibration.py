"""Is a network right as often as it is sure? Its confidences beside its hits, bin by bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from suite.accuracy_interval import accuracy_interval
from suite.paired_test import right_of

_BINS = 10
_FEWEST = 20  # pictures in a bin

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """On average, and in bins of as many pictures each, the least sure first."""

    confidence: float
    accuracy: float
    sizes: NDArray[np.int64]  # (bins,) pictures, which differ by one at most
    sure: Shares  # (bins,) mean confidence
    right: Shares  # (bins,) share classed right
    low: Shares  # (bins,) 95 % interval of that share (Wilson)
    high: Shares
    expected_error: float  # how far the two are apart, in the mean over pictures (Naeini et al. 2015)


def calibration(confidences: Sequence[float], wrong: Sequence[int]) -> Calibration:
    """Of how sure a network was of each picture, and the numbers of those that it classed wrong."""
    confidence, hit = np.array(confidences), right_of(wrong, len(confidences))
    bins = np.array_split(
        np.argsort(confidence, kind="stable"), max(1, min(_BINS, len(confidence) // _FEWEST))
    )
    sizes = np.array([len(rows) for rows in bins])
    sure = np.array([confidence[rows].mean() for rows in bins])
    right = np.array([hit[rows].mean() for rows in bins])
    apart = float((sizes * np.abs(sure - right)).sum() / sizes.sum())
    low, high = np.array([accuracy_interval(*of_bin) for of_bin in zip(right, sizes, strict=True)]).T
    return Calibration(float(confidence.mean()), float(hit.mean()), sizes, sure, right, low, high, apart)
