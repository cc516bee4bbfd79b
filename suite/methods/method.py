"""What a search method is: it asks for genomes to be judged, is told, and can be saved between the two."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from suite.errors import StudyFileError
from suite.space import Chromosome, Gene


class Named(Protocol):
    """What can be proposed: a value that is equal to its like, with a text that names it."""

    @property
    def text(self) -> str:
        """Read back by the space's `parse`."""
        ...

    def __hash__(self) -> int: ...


G = TypeVar("G", bound=Named)


class Space(Protocol[G]):
    """What a method needs of a space; `SearchSpace` is one, a table of trained networks another."""

    @property
    def genes(self) -> tuple[Gene, ...]:
        """All choices to be made, inactive ones too."""
        ...

    @property
    def size(self) -> int:
        """The number of genomes."""
        ...

    @property
    def strata(self) -> Sequence[int]:
        """The choices of the first gene that a first population is drawn evenly over."""
        ...

    def sample_chromosome(self, rng: random.Random, *, stratum: int | None = None) -> Chromosome:
        """Every gene drawn evenly, the first one held fixed if `stratum` is given."""
        ...

    def decode(self, chromosome: Sequence[int]) -> G:
        """The genome a chromosome stands for."""
        ...

    def encode(self, genome: G) -> Chromosome:
        """A chromosome of the genome."""
        ...

    def active_genes(self, genome: G) -> Mapping[str, int | str]:
        """The value of every gene that matters, by name, in the order of `genes`."""
        ...

    def neighbours(self, genome: G) -> list[G]:
        """The genomes one step away."""
        ...

    def parse(self, text: str) -> G:
        """Read a genome's text back."""
        ...


@dataclass(frozen=True)
class Proposal(Generic[G]):
    """A chromosome a method wants judged, and where it came from."""

    genome: G
    chromosome: Chromosome
    origin: str  # random, crossover, mutation, crossover+mutation, clone, or a method's own word
    parents: tuple[G, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """Objective values of a genome, and by how much it breaks the limits (0: it keeps them)."""

    values: tuple[float, ...]
    violation: float = 0.0


@dataclass(frozen=True)
class Problem(Generic[G]):
    """What a method needs to know: the space, which way each objective is better, what may be proposed."""

    space: Space[G]
    weights: tuple[float, ...]  # +1 maximise, -1 minimise, per objective
    allowed: Callable[[G], bool]  # hard limits that cost nothing to check

    def badness(self, judgement: Judgement) -> tuple[float, float]:
        """Smaller is better: by violation, then by the first objective."""
        return judgement.violation, -self.weights[0] * judgement.values[0]


class Method(Protocol[G]):
    """Ask, judge, tell, until `done`; one ask is one generation."""

    generation: int
    """The generation that the next ask proposes, from 0."""

    @property
    def done(self) -> bool:
        """Whether there is nothing more to ask."""
        ...

    @property
    def population(self) -> tuple[G, ...]:
        """The genomes the method holds on to as the best, best first."""
        ...

    def ask(self) -> list[Proposal[G]]:
        """The next generation; it may name a genome twice, or one judged before."""
        ...

    def tell(self, proposals: list[Proposal[G]], judged: Mapping[G, Judgement]) -> None:
        """The judgement of every proposal asked for; a genome whose evaluation failed is missing."""
        ...

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        ...


def distinct_random(
    problem: Problem[G], count: int, rng: random.Random, seen: set[G] | None = None
) -> list[Proposal[G]]:
    """Up to `count` distinct allowed genomes, drawn evenly over strata in turn; fewer if the space has fewer.

    Raises:
        StudyFileError: no network of the space seems to keep to the limits.
    """
    space, strata = problem.space, problem.space.strata
    known = set(seen or ())
    proposals: list[Proposal[G]] = []
    for attempt in range(200 * count):
        if len(proposals) == count or len(known) >= space.size:
            break
        chromosome = space.sample_chromosome(rng, stratum=strata[attempt % len(strata)])
        genome = space.decode(chromosome)
        if genome not in known and problem.allowed(genome):
            known.add(genome)
            proposals.append(Proposal(genome, chromosome, "random"))
    if not proposals and not seen:
        raise none_allowed(200 * count)
    return proposals


def none_allowed(drawn: int) -> StudyFileError:
    """So many networks were drawn, and the limits forbid them all."""
    return StudyFileError(
        f"of {drawn} networks drawn, none keeps to max_params and max_macs.",
        where="search.limits",
        remedy="Raise the limits, or give the space smaller choices.",
    )


def new_neighbours(problem: Problem[G], genome: G, seen: Collection[G]) -> list[G]:
    """The genomes one step away that are allowed and were not seen, in the order of the space."""
    return [
        neighbour
        for neighbour in problem.space.neighbours(genome)
        if neighbour not in seen and problem.allowed(neighbour)
    ]


def moved_gene(space: Space[G], chromosome: Sequence[int], rng: random.Random) -> Chromosome:
    """The chromosome with one active gene moved to another value; as it is, if no gene has a choice."""
    active = space.active_genes(space.decode(chromosome))
    movable = [i for i, gene in enumerate(space.genes) if gene.name in active and len(gene.choices) > 1]
    if not movable:
        return tuple(chromosome)
    place = rng.choice(movable)
    others = [choice for choice in range(len(space.genes[place].choices)) if choice != chromosome[place]]
    return (*chromosome[:place], rng.choice(others), *chromosome[place + 1 :])


def judgements_to_plain(judged: Mapping[G, Judgement]) -> list[Any]:
    """Plain values for a method's state; `judgements_from_plain` reads them back, in the same order."""
    return [[genome.text, list(j.values), j.violation] for genome, j in judged.items()]


def judgements_from_plain(space: Space[G], plain: Sequence[Any]) -> dict[G, Judgement]:
    """Read `judgements_to_plain` back."""
    return {space.parse(text): Judgement(tuple(values), violation) for text, values, violation in plain}


def rng_from_state(state: Any) -> random.Random:
    """A random source from what `getstate` gave, after a trip through storage that made tuples lists."""
    version, internal, gauss = state
    rng = random.Random()
    rng.setstate((version, tuple(internal), gauss))
    return rng
