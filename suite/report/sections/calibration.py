"""How sure the winner is, and whether it is right as often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from suite.paired_test import right_of
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, GREY, Figures

_BINS = 10
_FEWEST = 20  # pictures in a bin


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The calibration curve, of runs that kept how sure the winner was."""
    if record.final is None or "confidences" not in record.final:
        return None
    confidences = np.array(record.final["confidences"])
    right = right_of(record.final["wrong"], len(confidences))
    bins = np.array_split(np.argsort(confidences, kind="stable"), max(1, min(_BINS, len(right) // _FEWEST)))
    sure = np.array([confidences[rows].mean() for rows in bins])
    hit = np.array([right[rows].mean() for rows in bins])
    errors = np.array(
        [1.96 * np.sqrt(right[rows].mean() * (1 - right[rows].mean()) / len(rows)) for rows in bins]
    )
    figure, (axes,) = figures.axes(width=7, height=6)
    axes.plot([0, 100], [0, 100], "--", color=GREY, label="as sure as right")
    axes.errorbar(
        100 * sure,
        100 * hit,
        100 * errors,
        fmt="o-",
        color=BLUE,
        label=f"test pictures, {_a_dot(bins)} a dot",
    )
    axes.set(xlabel="how sure it was (%)", ylabel="how often it was right (%)", xlim=(0, 102), ylim=(0, 102))
    axes.legend(loc="upper left")
    error = _expected_error(bins, sure, hit)
    words = (
        "surer than it is right" if confidences.mean() > right.mean() else "right more often than it is sure"
    )
    text = (
        f"On average the winner is {100 * confidences.mean():.1f} % sure and {100 * right.mean():.1f} % right: "
        f"{words}. Bin by bin, the two are {100 * error:.1f} points apart (expected calibration error, equal counts "
        "a bin; Naeini et al. 2015). Bars are 95 %."
    )
    alt = f"How often the winner was right by how sure it was: bin by bin {100 * error:.1f} points apart."
    return Section("How sure it is", f"{figures.save(figure, 'calibration', alt)}\n\n{text}")


def _a_dot(bins: list[NDArray[np.int64]]) -> str:
    """How many pictures a bin has: their counts differ by one at most."""
    fewest, most = len(bins[-1]), len(bins[0])
    return str(most) if fewest == most else f"{fewest} or {most}"


def _expected_error(
    bins: list[NDArray[np.int64]], sure: NDArray[np.float64], hit: NDArray[np.float64]
) -> float:
    sizes = np.array([len(rows) for rows in bins])
    return float((sizes * np.abs(sure - hit)).sum() / sizes.sum())
