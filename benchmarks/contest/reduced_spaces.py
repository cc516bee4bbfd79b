"""Spaces that lack something which our evolution makes use of, to see what it is worth."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol

from suite.methods import G, Space
from suite.space import Chromosome


class Listed(Space[G], Protocol[G]):
    """A space whose networks can be listed."""

    def __iter__(self) -> Iterator[G]:
        """Every network once."""
        ...


class Unstratified(Generic[G]):
    """The space as it is, but strata come up as often as they have networks, as if networks were drawn evenly.

    In a space of layers that is nearly always the deepest.
    """

    def __init__(self, space: Listed[G]) -> None:
        self.genes, self.size = space.genes, space.size
        self.strata: Sequence[int] = (0,)  # one, so that they are not asked for in turn
        self.decode, self.encode, self.parse = space.decode, space.encode, space.parse
        self.active_genes, self.neighbours = space.active_genes, space.neighbours
        self._sample = space.sample_chromosome
        self._stratum_of_each = [space.encode(genome)[0] for genome in space]

    def sample_chromosome(self, rng: random.Random, *, stratum: int | None = None) -> Chromosome:
        """Every gene drawn evenly, but for the first, which is that of a network drawn evenly."""
        return self._sample(rng, stratum=rng.choice(self._stratum_of_each))


class Lonely(Generic[G]):
    """The space as it is, but no network has neighbours."""

    def __init__(self, space: Space[G]) -> None:
        self.genes, self.size, self.strata = space.genes, space.size, space.strata
        self.decode, self.encode, self.parse = space.decode, space.encode, space.parse
        self.active_genes, self.sample_chromosome = space.active_genes, space.sample_chromosome

    def neighbours(self, genome: G) -> list[G]:
        """None."""
        return []
