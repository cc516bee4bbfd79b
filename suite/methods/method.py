"""What a search method is: it asks for genomes to be judged, is told, and can be saved between the two."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from suite.errors import StudyFileError
from suite.space import Chromosome, Genome, SearchSpace


@dataclass(frozen=True)
class Proposal:
    """A chromosome a method wants judged, and where it came from."""

    genome: Genome
    chromosome: Chromosome
    origin: str  # random, crossover, mutation, crossover+mutation, clone, or a method's own word
    parents: tuple[Genome, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """Objective values of a genome, and by how much it breaks the limits (0: it keeps them)."""

    values: tuple[float, ...]
    violation: float = 0.0


@dataclass(frozen=True)
class Problem:
    """What a method needs to know: the space, which way each objective is better, what may be proposed."""

    space: SearchSpace
    weights: tuple[float, ...]  # +1 maximise, -1 minimise, per objective
    allowed: Callable[[Genome], bool]  # hard limits that cost nothing to check


class Method(Protocol):
    """Ask, judge, tell, until `done`; one ask is one generation."""

    generation: int
    """The generation that the next ask proposes, from 0."""

    @property
    def done(self) -> bool:
        """Whether there is nothing more to ask."""
        ...

    @property
    def population(self) -> tuple[Genome, ...]:
        """The genomes the method holds on to as the best, best first."""
        ...

    def ask(self) -> list[Proposal]:
        """The next generation; it may name a genome twice, or one judged before."""
        ...

    def tell(self, proposals: list[Proposal], judged: Mapping[Genome, Judgement]) -> None:
        """The judgement of every proposal asked for; a genome whose evaluation failed is missing."""
        ...

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        ...


def distinct_random(
    problem: Problem, count: int, rng: random.Random, seen: set[Genome] | None = None
) -> list[Proposal]:
    """Up to `count` distinct allowed genomes, drawn evenly over depths in turn; fewer if the space has fewer.

    Raises:
        StudyFileError: no network of the space seems to keep to the limits.
    """
    space, depths = problem.space, problem.space.conv_stage.count.choices
    known = set(seen or ())
    proposals: list[Proposal] = []
    for attempt in range(200 * count):
        if len(proposals) == count or len(known) >= space.size:
            break
        chromosome = space.sample_chromosome(rng, depth=int(depths[attempt % len(depths)]))
        genome = space.decode(chromosome)
        if genome not in known and problem.allowed(genome):
            known.add(genome)
            proposals.append(Proposal(genome, chromosome, "random"))
    if not proposals and not seen:
        raise StudyFileError(
            f"of {200 * count} networks drawn, none keeps to max_params and max_macs.",
            where="search.limits",
            remedy="Raise the limits, or give the space smaller choices.",
        )
    return proposals


def rng_from_state(state: Any) -> random.Random:
    """A random source from what `getstate` gave, after a trip through storage that made tuples lists."""
    version, internal, gauss = state
    rng = random.Random()
    rng.setstate((version, tuple(internal), gauss))
    return rng
