"""The search space: its genes and their choices, genomes in canonical form, counts, parameters and MACs."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from suite.blocks import ConvLayer, DenseLayer, Layer, Norm, Shape
from suite.errors import GenomeError, StudyFileError
from suite.study import SpaceSettings

MOST_TO_WALK = 10_000_000  # networks; as a list in memory they take some gigabytes

Chromosome = tuple[int, ...]
"""All genes as choice indices, in the order of `SearchSpace.genes`; inactive ones ride along."""


@dataclass(frozen=True, order=True, slots=True)
class Genome:
    """A network in canonical form: its active layers and no more, so equal networks are equal genomes."""

    convs: tuple[ConvLayer, ...]
    fcs: tuple[DenseLayer, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers from the picture on; the classifier, which has no genes, is not among them."""
        return (*self.convs, *self.fcs)

    @property
    def text(self) -> str:
        """Such as `32k3max-64k5avg-fc128`; `parse` reads it back."""
        return "-".join(layer.text for layer in self.layers)

    @classmethod
    def parse(cls, text: str) -> Genome:
        """Read `text` back.

        Raises:
            GenomeError: the text is no genome.
        """
        convs: list[ConvLayer] = []
        fcs: list[DenseLayer] = []
        for part in text.strip().split("-"):
            conv, fc = _read(part)
            if conv and not fcs:
                convs.append(conv)
            elif fc and convs:
                fcs.append(fc)
            else:
                raise GenomeError(
                    f"{part[:40]!r} is no layer here.",
                    where=f"genome {text[:80]!r}",
                    remedy="Write convolutions, then FC layers: 32k3max-64k5avg-fc128",
                )
        if not fcs:
            raise GenomeError(
                "no FC layer at its end.", where=f"genome {text[:80]!r}", remedy="Add fc128, say."
            )
        return cls(tuple(convs), tuple(fcs))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` reads it back."""
        return {
            "convs": [[conv.filters, conv.kernel, conv.pool] for conv in self.convs],
            "fcs": [fc.units for fc in self.fcs],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Genome:
        """Read `to_json` back."""
        return cls(
            tuple(ConvLayer(*conv) for conv in value["convs"]),
            tuple(DenseLayer(units) for units in value["fcs"]),
        )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Gene:
    """One choice to be made: its name as in Optuna's params, and what can be chosen."""

    name: str
    choices: tuple[int | str, ...]


@dataclass(frozen=True)
class Stage:
    """A run of layers of one kind: how many there may be, and what each chooses from."""

    name: str  # genes of its layers are `<name><position>.<gene>`
    count: Gene
    layer: type[Layer]
    choices: tuple[tuple[int | str, ...], ...]  # in the order of layer.genes

    @property
    def longest(self) -> int:
        """The greatest number of layers."""
        return max(int(count) for count in self.count.choices)

    def genes(self) -> Iterator[Gene]:
        """The count, then every layer's genes, inactive ones too."""
        yield self.count
        for position in range(1, self.longest + 1):
            for gene, choices in zip(self.layer.genes, self.choices, strict=True):
                yield Gene(f"{self.name}{position}.{gene}", choices)

    def layers(self) -> Iterator[Any]:
        """Every layer that can stand at one position."""
        return (self.layer(*values) for values in itertools.product(*self.choices))


class SearchSpace:
    """Every network a study's choices allow, for pictures of `shape` (C, H, W) and a number of classes."""

    def __init__(self, settings: SpaceSettings, shape: Shape, classes: int) -> None:
        self.settings = settings
        self.shape = shape
        self.classes = classes
        self.norm: Norm = settings.norm
        convs = (settings.filters, settings.kernel, settings.pool)
        self.conv_stage = Stage("conv", Gene("depth", settings.depth), ConvLayer, convs)
        self.fc_stage = Stage("fc", Gene("fc.layers", settings.fc_layers), DenseLayer, (settings.fc_units,))
        self.genes: tuple[Gene, ...] = (*self.conv_stage.genes(), *self.fc_stage.genes())

    @property
    def strata(self) -> range:
        """The choices of depth, which a first population is drawn evenly over."""
        return range(len(self.conv_stage.count.choices))

    @property
    def size(self) -> int:
        """The exact number of networks."""
        per_stage = (
            sum(math.prod(map(len, stage.choices)) ** int(count) for count in stage.count.choices)
            for stage in (self.conv_stage, self.fc_stage)
        )
        return math.prod(per_stage)

    def check_can_be_walked(self) -> None:
        """Check that every network can be listed.

        Raises:
            StudyFileError: there are too many.
        """
        if self.size > MOST_TO_WALK:
            raise StudyFileError(
                f"has {self.size:,} networks, and {MOST_TO_WALK:,} at most can be scored one and all.",
                where="[space]",
                remedy="Give it fewer choices, or search it by evolution.",
            )

    def __iter__(self) -> Iterator[Genome]:
        """Every genome once, in a fixed order.

        Raises:
            StudyFileError: there are too many.
        """
        self.check_can_be_walked()
        for convs in _runs(self.conv_stage):
            for fcs in _runs(self.fc_stage):
                yield Genome(convs, fcs)

    def __contains__(self, genome: Genome) -> bool:
        return all(
            len(layers) in stage.count.choices
            and all(
                getattr(layer, gene) in choices
                for layer in layers
                for gene, choices in zip(stage.layer.genes, stage.choices, strict=True)
            )
            for stage, layers in self._staged(genome)
        )

    def parse(self, text: str) -> Genome:
        """Read a genome of this space.

        Raises:
            GenomeError: the text is no genome, or its network is outside the space.
        """
        genome = Genome.parse(text)
        if genome not in self:
            choices = "; ".join(
                f"{stage.count.name} {list(stage.count.choices)}, "
                + ", ".join(f"{g} {list(c)}" for g, c in zip(stage.layer.genes, stage.choices, strict=True))
                for stage in (self.conv_stage, self.fc_stage)
            )
            raise GenomeError(
                "is not in this study's space.", where=f"genome {text[:80]!r}", remedy=f"({choices})"
            )
        return genome

    def active_genes(self, genome: Genome) -> dict[str, int | str]:
        """Gene name -> value for the genes that matter, as recorded in an Optuna trial's params."""
        values: dict[str, int | str] = {}
        for stage, layers in self._staged(genome):
            values[stage.count.name] = len(layers)
            for position, layer in enumerate(layers, start=1):
                for gene in stage.layer.genes:
                    values[f"{stage.name}{position}.{gene}"] = getattr(layer, gene)
        return values

    def decode(self, chromosome: Sequence[int]) -> Genome:
        """The genome a chromosome stands for: genes of layers beyond the counts are dropped."""
        values = {gene.name: gene.choices[i] for gene, i in zip(self.genes, chromosome, strict=True)}
        convs, fcs = (
            tuple(
                stage.layer(*(values[f"{stage.name}{position}.{gene}"] for gene in stage.layer.genes))
                for position in range(1, int(values[stage.count.name]) + 1)
            )
            for stage in (self.conv_stage, self.fc_stage)
        )
        return Genome(convs, fcs)  # type: ignore[arg-type]

    def encode(self, genome: Genome) -> Chromosome:
        """A chromosome of the genome; inactive genes take their first choice."""
        values = self.active_genes(genome)
        return tuple(gene.choices.index(values.get(gene.name, gene.choices[0])) for gene in self.genes)

    def sample_chromosome(self, rng: random.Random, *, stratum: int | None = None) -> Chromosome:
        """Every gene drawn evenly, inactive ones too; `stratum` holds the choice of depth fixed.

        Depth is thereby drawn evenly too; drawing networks evenly gives the deepest nine times in ten.
        """
        drawn = [rng.randrange(len(gene.choices)) for gene in self.genes]
        if stratum is not None:
            drawn[0] = stratum
        return tuple(drawn)

    def sample(self, rng: random.Random, *, depth: int | None = None) -> Genome:
        """The genome of a drawn chromosome; `depth` holds the number of conv layers fixed."""
        stratum = None if depth is None else self.conv_stage.count.choices.index(depth)
        return self.decode(self.sample_chromosome(rng, stratum=stratum))

    def neighbours(self, genome: Genome) -> list[Genome]:
        """All genomes one step away: one gene moved, or a stage's next smaller or larger count, with each layer."""
        convs = [Genome(layers, genome.fcs) for layers in _next_runs(self.conv_stage, genome.convs)]
        fcs = [Genome(genome.convs, layers) for layers in _next_runs(self.fc_stage, genome.fcs)]
        return convs + fcs

    def shapes(self, genome: Genome) -> list[Shape]:
        """Shape before the first layer and after each: (C, H, W) for maps, (F,) behind the FC layers."""
        shapes = [self.shape]
        for layer in genome.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return shapes

    def parameters(self, genome: Genome) -> int:
        """Number of trainable parameters."""
        shapes = self.shapes(genome)
        inner = sum(
            layer.parameters(shape, self.norm)
            for layer, shape in zip(genome.layers, shapes[:-1], strict=True)
        )
        return inner + self.classes * (shapes[-1][0] + 1)

    def macs(self, genome: Genome) -> int:
        """Multiply-accumulates of one forward pass of one picture."""
        shapes = self.shapes(genome)
        inner = sum(layer.macs(shape) for layer, shape in zip(genome.layers, shapes[:-1], strict=True))
        return inner + self.classes * shapes[-1][0]

    def _staged(self, genome: Genome) -> tuple[tuple[Stage, tuple[Any, ...]], ...]:
        return ((self.conv_stage, genome.convs), (self.fc_stage, genome.fcs))


def space_of_run(settings: SpaceSettings, facts: Mapping[str, Any]) -> SearchSpace:
    """The space a run searches, from its study and what its run.json says of the pictures."""
    dataset = facts["dataset"]
    return SearchSpace(settings, tuple(dataset["picture_shape"]), len(dataset["classes"]))


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[ConvLayer | None, DenseLayer | None]:
    """A layer of either kind; kept, as the genomes of a whole space are made of few layers."""
    return ConvLayer.parse(text), DenseLayer.parse(text)


def _next_runs(stage: Stage, layers: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The runs of a stage one step from `layers`.

    Where the next larger count is more than one layer away, those added are alike: with each filling there would be
    millions.
    """
    for position, layer in enumerate(layers):
        for gene, choices in zip(stage.layer.genes, stage.choices, strict=True):
            for choice in choices:
                if choice != getattr(layer, gene):
                    moved = replace(layer, **{gene: choice})
                    yield (*layers[:position], moved, *layers[position + 1 :])
    counts = [int(count) for count in stage.count.choices]
    place = counts.index(len(layers))
    if place > 0:
        yield layers[: counts[place - 1]]
    for larger in counts[place + 1 : place + 2]:
        for layer in stage.layers():
            yield (*layers, *[layer] * (larger - len(layers)))


def _runs(stage: Stage) -> Iterator[tuple[Any, ...]]:
    """Every run of layers a stage allows, shortest first."""
    layers = list(stage.layers())
    for count in stage.count.choices:
        yield from itertools.product(layers, repeat=int(count))
