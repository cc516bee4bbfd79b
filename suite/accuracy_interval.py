"""How far an accuracy can be believed, by the number of pictures it was measured on."""

from __future__ import annotations


def accuracy_interval(accuracy: float, pictures: int) -> tuple[float, float]:
    """The 95 % interval of a share of `pictures` that are classed right (Wilson 1927)."""
    from scipy.stats import binomtest  # late: whoever only loads a network does without it

    interval = binomtest(round(accuracy * pictures), pictures).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
