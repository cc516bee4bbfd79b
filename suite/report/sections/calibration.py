"""How sure the winner is, and whether it is right as often."""

from __future__ import annotations

import numpy as np

from suite.calibration import Calibration, calibration
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, GREY, Figures


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The calibration curve, of runs that kept how sure the winner was."""
    if record.final is None or "confidences" not in record.final:
        return None
    found = calibration(record.final["confidences"], record.final["wrong"])
    figure, (axes,) = figures.axes(width=7, height=6)
    axes.plot([0, 100], [0, 100], "--", color=GREY, label="as sure as right")
    axes.errorbar(
        100 * found.sure,
        100 * found.right,
        100 * np.array([found.right - found.low, found.high - found.right]).clip(min=0),
        fmt="o-",
        color=BLUE,
        label=f"test pictures, {_a_dot(found)} a dot",
    )
    axes.set(xlabel="how sure it was (%)", ylabel="how often it was right (%)", xlim=(0, 102), ylim=(0, 102))
    axes.legend(loc="upper left")
    apart = f"{100 * found.expected_error:.1f} points apart"
    words = (
        "surer than it is right" if found.confidence > found.accuracy else "right more often than it is sure"
    )
    text = (
        f"On average the winner is {100 * found.confidence:.1f} % sure and {100 * found.accuracy:.1f} % right: "
        f"{words}. Bin by bin, the two are {apart} (expected calibration error, equal counts a bin; Naeini et al. "
        "2015). Bars are 95 % (Wilson)."
    )
    alt = f"How often the winner was right by how sure it was: bin by bin {apart}."
    return Section("How sure it is", Markdown(f"{figures.save(figure, 'calibration', alt)}\n\n{text}"))


def _a_dot(found: Calibration) -> str:
    """How many pictures a bin has: their counts differ by one at most."""
    fewest, most = int(found.sizes.min()), int(found.sizes.max())
    return str(most) if fewest == most else f"{fewest} or {most}"
