"""One look for every figure and table: colours that survive colour-blindness, sizes legible at half size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from suite.escaping import escaped
from suite.run_directory import write_atomically

# Okabe and Ito 2008, "Color Universal Design"
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
GREY = "#8A8A8A"
PALE = "#B9C2CB"

OVER_DATA: dict[str, Any] = {"frameon": True, "framealpha": 0.85, "edgecolor": "none"}
"""A legend that may lie over what is drawn."""

STYLE: dict[Any, Any] = {
    "font.size": 15,
    "text.parse_math": False,  # a class may be called $5
    "axes.titlesize": 16,
    "axes.labelsize": 15,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 13,
    "lines.linewidth": 2.4,
    # Tick labels that reach over an axis' end are neither cut off nor one with the next panel's.
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.wspace": 0.04,
    "figure.facecolor": "white",  # right on a dark page too: a card of its own
    "axes.prop_cycle": cycler(color=CYCLE),
    "figure.dpi": 110,
}


class Figures:
    """Draws figures in the one style and keeps them as PNG files of a report."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: set[str] = set()

    def axes(
        self, columns: int = 1, *, width: float = 9.0, height: float = 5.2, share_y: bool = False
    ) -> tuple[Figure, list[Axes]]:
        """A figure (inches) with a row of axes, by STYLE if within its context; no pyplot, so no window."""
        figure, (row,) = self.grid([1] * columns, width=width, height=height, share_y=share_y)
        return figure, row

    def grid(
        self, widths: Sequence[float], rows: int = 1, *, width: float, height: float, share_y: bool = False
    ) -> tuple[Figure, list[list[Axes]]]:
        """A figure (inches) with rows of axes, whose widths are to each other as `widths`."""
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, len(widths), squeeze=False, sharey=share_y, width_ratios=widths)
        return figure, [list(row) for row in axes]

    def save(self, figure: Figure, name: str, alt: str) -> str:
        """Write `<name>.png`; returns the Markdown image, with its alt text, or why it cannot be drawn."""
        try:
            write_atomically(self.folder / f"{name}.png", png(figure))
        except Exception as error:  # whatever it is, the text around the figure is worth having
            return f"*{escaped(alt)}: this figure could not be drawn ({escaped(repr(error))}).*"
        self._written.add(f"{name}.png")
        return f"![{escaped(alt)}](figures/{name}.png)"

    def remove_others(self) -> None:
        """Delete the figures in the folder that were not written by this."""
        for path in self.folder.glob("*.png"):
            if path.name not in self._written:
                path.unlink()


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, the same for the same figure."""
    buffer = io.BytesIO()
    if (layout := figure.get_layout_engine()) is not None:
        # Once, here: saving a figure that has a layout still to do draws all of it twice.
        layout.execute(figure)
        figure.set_layout_engine("none")
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def log_ticks(axis: Axis) -> None:
    """Few ticks on a logarithmic axis that has been drawn on, as `30k` or `1M`; powers would need mathematics."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 3)) if high >= 10 * low else MaxNLocator(4))
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table: the first `left` columns to the left, the rest (numbers) to the right."""
    rule = [":---" if i < left else "---:" for i in range(len(headers))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headers, rule, *rows))
