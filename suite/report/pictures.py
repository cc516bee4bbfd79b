"""Figures that the report and the dashboard both show: a network's layers, finalists' curves, a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from suite.blocks import ConvLayer, Shape
from suite.escaping import one_line
from suite.report.style import BLUE, CYCLE, GREEN, GREY, Figures
from suite.space import Genome, SearchSpace

_DARK_ORANGE = "#B9770E"  # white can be read on it
MOST_WRITTEN_IN = 20
"""Classes, beyond which a confusion matrix has no numbers in its cells."""
_MOST_NAMED = 40  # classes, beyond which not all of their names are beside it


def architecture(figures: Figures, genome: Genome, space: SearchSpace) -> Figure:
    """A network's layers from left to right, each with the shape it gives."""
    boxes = _boxes(genome, space)
    figure, (axes,) = figures.axes(width=1.65 * len(boxes), height=2.9)
    _draw(axes, boxes)
    return figure


def architecture_in_words(genome: Genome, space: SearchSpace) -> str:
    """The same for those who cannot see it."""
    return ", then ".join(
        f"{title} to {shape}".replace("\n", " ") for title, shape, _ in _boxes(genome, space)
    )


def curves(figures: Figures, finalists: Sequence[dict[str, Any]], winner: str | None = None) -> Figure:
    """Accuracy on val-B after each epoch, from rows of results/finalists.json."""
    figure, (axes,) = figures.axes()
    for row, colour in zip(finalists, CYCLE * len(finalists), strict=False):
        fate = " (pruned)" if row["pruned"] else " (winner)" if row["genome"] == winner else ""
        for i, curve in enumerate(row["curves"]):
            axes.plot(
                range(1, len(curve["val_accuracy"]) + 1),
                [100 * accuracy for accuracy in curve["val_accuracy"]],
                "--" if row["pruned"] else "-",
                color=colour,
                label=row["genome"] + fate if i == 0 else None,
            )
    axes.set(xlabel="epoch", ylabel="accuracy on val-B (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=12, loc="lower right")
    return figure


def confusion(figures: Figures, matrix: NDArray[np.int64], classes: Sequence[str]) -> Figure:
    """(classes, classes) counts, true by row and said by column, as per cent of each row."""
    figure, (axes,) = figures.axes(width=8.6, height=7.6)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    names = [name if len(name) <= 14 else name[:13] + "…" for name in map(one_line, classes)]
    named = range(0, len(names), math.ceil(len(names) / _MOST_NAMED))
    size = None if len(names) <= MOST_WRITTEN_IN else 8
    axes.set_xticks(named, [names[i] for i in named], rotation=45, ha="right", fontsize=size)
    axes.set_yticks(named, [names[i] for i in named], fontsize=size)
    axes.set(xlabel="said", ylabel="true")
    if len(names) <= MOST_WRITTEN_IN:
        for i, j in np.ndindex(*shares.shape):
            written = f"{100 * shares[i, j]:.0f}"
            if written != "0":
                colour = "white" if shares[i, j] > 0.5 else "#222222"
                axes.text(j, i, written, ha="center", va="center", color=colour, fontsize=12)
    return figure


def shape_in_words(shape: Shape) -> str:
    """`16×8×8`."""
    return "×".join(map(str, shape))


def _boxes(genome: Genome, space: SearchSpace) -> list[tuple[str, str, str]]:
    """Title, output shape and colour of each box of the diagram."""
    shapes = space.shapes(genome)
    boxes = [("picture", shape_in_words(shapes[0]), GREY)]
    for layer, shape in zip(genome.layers, shapes[1:], strict=True):
        if isinstance(layer, ConvLayer):
            title = f"conv {layer.kernel}×{layer.kernel}\n{layer.filters} filters\n{layer.pool} pool"
            boxes.append((title, shape_in_words(shape), BLUE))
        else:
            boxes.append((f"dense\n{shape[0]} units", shape_in_words(shape), GREEN))
    boxes.append(("classifier", str(space.classes), _DARK_ORANGE))
    return boxes


def _draw(axes: Axes, boxes: list[tuple[str, str, str]]) -> None:
    axes.set_axis_off()
    axes.set_xlim(-0.1, len(boxes) * 1.2 - 0.1)
    axes.set_ylim(-0.55, 1.25)
    for i, (title, shape, colour) in enumerate(boxes):
        left = i * 1.2
        axes.add_patch(
            FancyBboxPatch(
                (left, 0.05),
                0.92,
                1.05,
                boxstyle="round,pad=0.02,rounding_size=0.08",
                facecolor=colour,
                edgecolor="none",
            )
        )
        axes.text(
            left + 0.46, 0.58, title, ha="center", va="center", color="white", fontsize=14, weight="bold"
        )
        axes.text(left + 0.46, -0.12, shape, ha="center", va="top", fontsize=14, color="#333333")
        if i:
            axes.annotate(
                "",
                (left - 0.02, 0.58),
                (left - 0.26, 0.58),
                arrowprops={"arrowstyle": "-|>", "color": "#555555", "lw": 1.8, "shrinkA": 0, "shrinkB": 0},
            )
