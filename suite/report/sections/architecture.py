"""The winner as a diagram with tensor shapes, and layer by layer in numbers."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from suite.blocks import ConvLayer, Shape
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, GREEN, GREY, ORANGE, Figures, count, millions, table
from suite.space import Genome, SearchSpace


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The winner's architecture."""
    genome = record.winner
    if genome is None:
        return None
    boxes = _boxes(genome, record.space)
    figure, (axes,) = figures.axes(width=1.65 * len(boxes), height=2.9)
    _draw(axes, boxes)
    described = ", then ".join(title.replace("\n", " ") + f" to {shape}" for title, shape, _ in boxes)
    image = figures.save(figure, "architecture", f"The winner's layers: {described}.")
    return Section("The winner", f"{image}\n\n{_layers(genome, record.space)}")


def _boxes(genome: Genome, space: SearchSpace) -> list[tuple[str, str, str]]:
    """Title, output shape and colour of each box of the diagram."""
    shapes = space.shapes(genome)
    boxes = [("picture", _shape(shapes[0]), GREY)]
    for layer, shape in zip(genome.layers, shapes[1:], strict=True):
        if isinstance(layer, ConvLayer):
            title = f"conv {layer.kernel}×{layer.kernel}\n{layer.filters} filters\n{layer.pool} pool"
            boxes.append((title, _shape(shape), BLUE))
        else:
            boxes.append((f"dense\n{shape[0]} units", _shape(shape), GREEN))
    boxes.append(("classifier", str(space.classes), ORANGE))
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


def _layers(genome: Genome, space: SearchSpace) -> str:
    shapes = space.shapes(genome)
    rows = [
        [
            f"`{layer.text}`",
            _shape(after),
            count(layer.parameters(before, space.norm)),
            millions(layer.macs(before)),
        ]
        for layer, before, after in zip(genome.layers, shapes[:-1], shapes[1:], strict=True)
    ]
    width = shapes[-1][0]
    rows.append(
        [
            "classifier",
            str(space.classes),
            count(space.classes * (width + 1)),
            millions(space.classes * width),
        ]
    )
    rows.append(
        ["**all**", "", f"**{count(space.parameters(genome))}**", f"**{millions(space.macs(genome))}**"]
    )
    return table(["Layer", "Output shape", "Parameters", "MACs"], rows)


def _shape(shape: Shape) -> str:
    return "×".join(map(str, shape))
