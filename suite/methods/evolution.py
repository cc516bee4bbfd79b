"""Evolution with DEAP: NSGA-II on several objectives (Deb et al. 2002), the plain best-of on one.

Each generation, until `offspring` of them are new (0: as many as the population): parents by binary tournament, pairs
crossed over uniformly with probability `crossover`, then each offspring with probability `mutation` gets exactly one
active gene moved; survivors from parents and offspring. With pre-selection (Emmerich et al. 2006) there are several
times as many new offspring, neighbours of the population beside them, and a surrogate of all networks judged so far
draws what each may be worth; those that would survive are evaluated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from operator import le
from typing import Any, Generic

import numpy as np
from deap import base, tools
from deap.tools import crossover

from suite.methods.method import (
    G,
    Judgement,
    Problem,
    Proposal,
    distinct_random,
    judgements_from_plain,
    judgements_to_plain,
    moved_gene,
    new_neighbours,
    rng_from_state,
)
from suite.methods.surrogate import Surrogate
from suite.space import Chromosome
from suite.study import SearchSettings

_TRIES = 10  # pairs, for each new offspring wanted
_HELD_TOGETHER = 1_000  # contenders against all others, so that a large brood takes little memory
_LOOKED_AROUND = 4  # networks of the population whose neighbours are bred beside their offspring


class Evolution(Generic[G]):
    """A random pool first, then `generations` of offspring of a population."""

    def __init__(self, settings: SearchSettings, problem: Problem[G], rng: random.Random) -> None:
        self.generation = 0
        self._settings = settings
        self._problem = problem
        self._rng = rng
        self._population: list[_Individual[G]] = []
        self._seen: set[G] = set()
        self._judged: dict[G, Judgement] = {}  # for the surrogate; without pre-selection, nobody asks
        self._fitness_type = _fitness_type(problem.weights)

    @property
    def done(self) -> bool:
        """Whether the last generation was told."""
        return self.generation > self._settings.generations

    @property
    def population(self) -> tuple[G, ...]:
        """The survivors so far, best first."""
        return tuple(individual.genome for individual in self._population)

    def ask(self) -> list[Proposal[G]]:
        """The random pool, and from then on offspring until enough of them are new.

        The budget is counted in genomes that are paid for; offspring seen before cost nothing and come on top. A
        space nearly used up, or a population that has converged, may give fewer.
        """
        if self.generation == 0 or not self._population:
            return distinct_random(self._problem, self._settings.random_pool, self._rng)
        wanted = self._settings.per_generation
        if self._settings.preselection > 1 and self._judged:
            return self._preselected(self._brood(self._settings.preselection * wanted), wanted)
        return self._brood(wanted)

    def _brood(self, size: int) -> list[Proposal[G]]:
        """Offspring until `size` of them are new."""
        new: set[G] = set()
        offspring: list[Proposal[G]] = []
        for _ in range(_TRIES * size):
            if len(new) >= size:
                break
            for child in self._offspring(self._tournament(), self._tournament()):
                if self._problem.allowed(child.genome) and len(new) < size:
                    offspring.append(child)
                    new |= {child.genome} - self._seen
        return offspring

    def _preselected(self, brood: list[Proposal[G]], wanted: int) -> list[Proposal[G]]:
        """Of the new offspring, those that would survive if they were worth what the surrogate draws."""
        new = {p.genome: p for p in (*brood, *self._neighbours()) if p.genome not in self._seen}
        if not new:
            return []
        drawn = Surrogate(self._problem.space, self._judged).draws(list(new), self._rng)
        contenders = [
            _Individual(p.chromosome, p.genome, self._fitness(judgement))
            for p, judgement in zip(new.values(), drawn, strict=True)
        ]
        return [new[survivor.genome] for survivor in self._survivors(contenders, wanted)]

    def _neighbours(self) -> list[Proposal[G]]:
        """One step away from some of the population: crossover finds them late, once its parents are alike."""
        space, living = self._problem.space, self._population
        return [
            Proposal(genome, space.encode(genome), "neighbour", (parent.genome,))
            for parent in self._rng.sample(living, min(_LOOKED_AROUND, len(living)))
            for genome in new_neighbours(self._problem, parent.genome, self._seen)
        ]

    def tell(self, proposals: list[Proposal[G]], judged: Mapping[G, Judgement]) -> None:
        """Survivors are the best of parents and offspring, each genome once."""
        self._seen.update(proposal.genome for proposal in proposals)
        if self._settings.preselection > 1:
            self._judged |= {p.genome: judged[p.genome] for p in proposals if p.genome in judged}
        contenders = {individual.genome: individual for individual in self._population}
        for proposal in proposals:
            judgement = judged.get(proposal.genome)
            if judgement is not None and proposal.genome not in contenders:
                contenders[proposal.genome] = _Individual(
                    proposal.chromosome, proposal.genome, self._fitness(judgement)
                )
        self._population = self._survivors(list(contenders.values()), self._settings.population)
        self.generation += 1

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        return {
            "generation": self.generation,
            "seen": sorted(genome.text for genome in self._seen),
            "judged": judgements_to_plain(self._judged),
            "population": [individual.to_plain() for individual in self._population],
            "rng": self._rng.getstate(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.generation = state["generation"]
        self._rng = rng_from_state(state["rng"])
        self._seen = {self._problem.space.parse(text) for text in state["seen"]}
        self._judged = judgements_from_plain(self._problem.space, state.get("judged", ()))  # once not kept
        self._population = [
            _Individual.from_plain(plain, self._problem.space.parse(plain[1]), self._fitness_type)
            for plain in state["population"]
        ]

    def _fitness(self, judgement: Judgement) -> Any:
        fitness = self._fitness_type(judgement.values)
        fitness.violation = judgement.violation
        return fitness

    def _survivors(self, contenders: list[_Individual[G]], count: int) -> list[_Individual[G]]:
        if len(self._problem.weights) == 1:
            return sorted(contenders, key=lambda i: i.fitness.rank)[:count]
        if not contenders:
            return []
        survivors: list[_Individual[G]] = tools.selNSGA2(_within_reach(contenders, count), count)
        return survivors

    def _tournament(self) -> _Individual[G]:
        """The better of two: by dominance, then by crowding distance (on one objective, by value)."""
        if len(self._population) < 2:
            return self._population[0]
        one, other = self._rng.sample(self._population, 2)
        if len(self._problem.weights) == 1:
            return min(one, other, key=lambda i: i.fitness.rank)
        if one.fitness.dominates(other.fitness):
            return one
        if other.fitness.dominates(one.fitness):
            return other
        return one if one.fitness.crowding_dist >= other.fitness.crowding_dist else other

    def _offspring(self, one: _Individual[G], other: _Individual[G]) -> list[Proposal[G]]:
        """Two children of a pair, each with the names of the operators that made it."""
        children = [list(one), list(other)]
        crossed = self._rng.random() < self._settings.crossover
        if crossed:
            with _deap_random(self._rng):
                tools.cxUniform(*children, indpb=0.5)
        offspring: list[Proposal[G]] = []
        for child in children:
            grown = tuple(child)
            if self._rng.random() < self._settings.mutation:
                grown = moved_gene(self._problem.space, grown, self._rng)
            mutated = grown != tuple(child)
            origin = "+".join(name for name, used in (("crossover", crossed), ("mutation", mutated)) if used)
            parents = (one.genome, other.genome) if crossed else ((one, other)[len(offspring)].genome,)
            offspring.append(Proposal(self._problem.space.decode(grown), grown, origin or "clone", parents))
        return offspring


class _Individual(list[int], Generic[G]):
    """What DEAP varies and selects: a list of choice indices with a fitness."""

    def __init__(self, chromosome: Sequence[int] | Chromosome, genome: G, fitness: Any) -> None:
        super().__init__(chromosome)
        self.genome = genome
        self.fitness = fitness

    def to_plain(self) -> list[Any]:
        """Plain values; the crowding distance too, as it depends on contenders that did not survive."""
        fitness = self.fitness
        return [list(self), self.genome.text, list(fitness.wvalues), fitness.violation, fitness.crowding_dist]

    @classmethod
    def from_plain(cls, plain: Sequence[Any], genome: G, fitness_type: Any) -> _Individual[G]:
        """Read `to_plain` of a genome back."""
        chromosome, _, wvalues, violation, crowding_dist = plain
        fitness = fitness_type()
        fitness.wvalues, fitness.violation, fitness.crowding_dist = tuple(wvalues), violation, crowding_dist
        return cls(chromosome, genome, fitness)


def _within_reach(contenders: list[_Individual[G]], count: int) -> list[_Individual[G]]:
    """Those that fewer than `count` dominate; no other, nor whoever it dominates, is in a front that is needed.

    DEAP holds each against each, and a brood of a thousand kept it busy for a second.
    """
    ranks = np.array([individual.fitness.rank for individual in contenders])
    dominated_by = np.zeros(len(contenders), dtype=np.int64)
    for some in np.array_split(ranks, math.ceil(len(ranks) / _HELD_TOGETHER)):
        violation, *objectives = ((mine[:, None], every) for mine, every in zip(some.T, ranks.T, strict=True))
        no_worse = np.logical_and.reduce([mine <= every for mine, every in objectives])
        better = np.logical_or.reduce([mine < every for mine, every in objectives])
        less, alike = violation[0] < violation[1], violation[0] == violation[1]
        dominated_by += np.where(alike, no_worse & better, less).sum(axis=0)
    return [contenders[i] for i in np.flatnonzero(dominated_by < count)]


def _fitness_type(objective_weights: tuple[float, ...]) -> Any:
    """A DEAP fitness for these objectives; a class of our own, since `creator` would make a global one.

    A genome that keeps the limits dominates one that breaks them; of two that break them, the lesser violation
    dominates (Deb et al. 2002, section VI).
    """

    class ConstrainedFitness(base.Fitness):  # type: ignore[misc]
        weights = objective_weights
        violation = 0.0
        crowding_dist = 0.0

        @cached_property
        def rank(self) -> tuple[float, ...]:
            """Smaller is better, by violation and then by value; both have to be set before it is first asked."""
            return (max(0.0, self.violation), *(-value for value in self.wvalues))

        def dominates(self, other: Any) -> bool:
            mine, theirs = self.rank, other.rank
            if mine[0] != theirs[0]:
                return bool(mine[0] < theirs[0])
            return mine != theirs and all(map(le, mine, theirs))

        def __eq__(self, other: object) -> bool:
            return isinstance(other, ConstrainedFitness) and self.rank == other.rank

        def __hash__(self) -> int:  # DEAP sorts by groups of equal fitness
            return hash(self.rank)

    return ConstrainedFitness


@contextmanager
def _deap_random(rng: random.Random) -> Iterator[None]:
    """DEAP's crossover draws from what its module calls `random`: for a while, that is ours.

    The global `random` is left alone: lending it our state took five times as long as the crossover.
    """
    before = crossover.random
    crossover.random = rng
    try:
        yield
    finally:
        crossover.random = before
