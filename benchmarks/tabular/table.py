"""Really trained networks as a space to search: a JSON of NAS-Bench-Macro's form, of any alphabet and length.

NAS-Bench-Macro: Su et al. 2021, "Prioritized architecture sampling with Monte-Carlo tree search", CVPR.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, RootModel, ValidationError

from suite.errors import DataError
from suite.space import Chromosome, Gene

Values = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Row:
    """A network of the table, by its key: a letter for each gene."""

    text: str


class _Trained(BaseModel, extra="ignore"):
    test_acc: list[float] = Field(min_length=1)
    flops: float


class _Table(RootModel[dict[str, _Trained]]):
    pass


class TableSpace:
    """All networks of a table; every letter of its keys is a gene."""

    def __init__(self, rows: dict[str, tuple[tuple[float, ...], float]]) -> None:
        self.rows = [Row(text) for text in sorted(rows)]
        alphabets = [tuple(sorted(set(letters))) for letters in zip(*rows, strict=True)]
        self.genes = tuple(Gene(f"gene{i}", letters) for i, letters in enumerate(alphabets, start=1))
        self.strata: Sequence[int] = range(len(alphabets[0]))
        self.accuracies: Values = np.array([rows[row.text][0] for row in self.rows])  # (N, trainings), %
        self.flops: Values = np.array([rows[row.text][1] for row in self.rows])
        # Rows that are the same in all that was measured have the place of the first of them.
        first: dict[tuple[tuple[float, ...], float], int] = {}
        self.place = {row: first.setdefault(rows[row.text], i) for i, row in enumerate(self.rows)}

    @property
    def size(self) -> int:
        """The number of networks."""
        return len(self.rows)

    @property
    def trainings(self) -> int:
        """How often each network was trained."""
        return int(self.accuracies.shape[1])

    @property
    def distinct(self) -> int:
        """The number of networks that differ in what was measured: some keys stand for the same network."""
        return len(set(self.place.values()))

    def __iter__(self) -> Iterator[Row]:
        """Every network once."""
        return iter(self.rows)

    def sample_chromosome(self, rng: random.Random, *, stratum: int | None = None) -> Chromosome:
        """Every gene drawn evenly, the first held fixed if `stratum` is given."""
        drawn = [rng.randrange(len(gene.choices)) for gene in self.genes]
        return tuple(drawn if stratum is None else [stratum, *drawn[1:]])

    def decode(self, chromosome: Sequence[int]) -> Row:
        """The network of these letters."""
        return Row("".join(str(gene.choices[i]) for gene, i in zip(self.genes, chromosome, strict=True)))

    def encode(self, genome: Row) -> Chromosome:
        """The places of its letters."""
        return tuple(gene.choices.index(letter) for gene, letter in zip(self.genes, genome.text, strict=True))

    def active_genes(self, genome: Row) -> dict[str, int | str]:
        """All of them."""
        return {gene.name: letter for gene, letter in zip(self.genes, genome.text, strict=True)}

    def neighbours(self, genome: Row) -> list[Row]:
        """One letter changed."""
        return [
            Row(genome.text[:i] + str(letter) + genome.text[i + 1 :])
            for i, gene in enumerate(self.genes)
            for letter in gene.choices
            if letter != genome.text[i]
        ]

    def parse(self, text: str) -> Row:
        """The network of that key."""
        return Row(text)


def table_bytes(path: Path) -> bytes:
    """A table's file as it is.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _no_table(path, str(error.strerror)) from None


def read_table(path: Path) -> TableSpace:
    """Read a table; every combination of the letters at each place has to be there.

    Raises:
        DataError: it is missing, of another form, or not complete.
    """
    content = table_bytes(path)
    try:
        table = _Table.model_validate(json.loads(content)).root
    except (ValueError, ValidationError) as error:
        raise _no_table(path, str(error).splitlines()[0]) from None
    lengths = {len(text) for text in table}
    trainings = {len(row.test_acc) for row in table.values()}
    if len(lengths) != 1 or len(trainings) != 1:
        raise DataError("has keys, or numbers of trainings, of different lengths.", where=str(path))
    space = TableSpace({text: (tuple(row.test_acc), row.flops) for text, row in table.items()})
    complete = int(np.prod([len(gene.choices) for gene in space.genes]))
    if complete != space.size:
        raise DataError(f"has {space.size} of {complete} combinations.", where=str(path))
    return space


def _no_table(path: Path, reason: str) -> DataError:
    return DataError(
        f"is no table of trained networks: {reason}.",
        where=str(path),
        remedy='It is a JSON of {"02012100": {"test_acc": [89.5, 88.9], "flops": 47327744}, ...}',
    )
