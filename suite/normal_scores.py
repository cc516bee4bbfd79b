"""Ranks as quantiles of a standard normal: for values whose order alone matters, a scale that can be fitted to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

BLOM = 3 / 8  # Blom 1958: close to what normal values of that rank are on average
RANKIT = 1 / 2  # Bliss 1967: the middle of each rank's share


def normal_scores(values: NDArray[np.float64], plotting: float) -> NDArray[np.float64]:
    """(N, ...) the scores along the first axis; of equals, that of the mean rank.

    `plotting` says where in its share of the normal a rank stands: `BLOM` or `RANKIT`.
    """
    shares = (rankdata(values, axis=0) - plotting) / (len(values) + 1 - 2 * plotting)
    scores: NDArray[np.float64] = norm.ppf(shares)
    return scores
