"""The winner as a diagram with tensor shapes, and layer by layer in numbers."""

from __future__ import annotations

from suite.escaping import in_code
from suite.own_words import Markdown
from suite.report.pictures import architecture, architecture_in_words, shape_in_words
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.space import Genome, SearchSpace
from suite.wording import count, in_short


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The winner's architecture."""
    genome = record.winner
    if genome is None:
        return None
    figure = architecture(figures, genome, record.space)
    described = f"The winner's layers: {architecture_in_words(genome, record.space)}."
    image = figures.save(figure, "architecture", described)
    return Section("The winner", Markdown(f"{image}\n\n{_layers(genome, record.space)}"))


def _layers(genome: Genome, space: SearchSpace) -> str:
    shapes = space.shapes(genome)
    rows = [
        [
            in_code(layer.text),
            shape_in_words(after),
            count(layer.parameters(before, space.norm)),
            in_short(layer.macs(before)),
        ]
        for layer, before, after in zip(genome.layers, shapes[:-1], shapes[1:], strict=True)
    ]
    width = shapes[-1][0]
    rows.append(
        [
            "classifier",
            str(space.classes),
            count(space.classes * (width + 1)),
            in_short(space.classes * width),
        ]
    )
    rows.append(
        ["**all**", "", f"**{count(space.parameters(genome))}**", f"**{in_short(space.macs(genome))}**"]
    )
    return table(["Layer", "Output shape", "Parameters", "MACs"], rows)
