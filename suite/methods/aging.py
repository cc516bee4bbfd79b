"""Aging evolution: the youngest survive, whatever they are worth (Real et al. 2019).

"Regularized evolution for image classifier architecture search", AAAI 2019: a child of the best of a random sample,
one gene moved; the oldest of the population dies for it. The sample is a quarter of the population, as in the paper.
On several objectives the best of a sample is drawn from its Pareto front. Where limits forbid every move that is
tried, a network drawn anew is born instead, or none.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from typing import Any, Generic

from suite.methods.method import (
    G,
    Judgement,
    Problem,
    Proposal,
    distinct_random,
    moved_gene,
    rng_from_state,
)
from suite.pareto import pareto_front

_TRIES = 100  # moves, for one that is allowed


class AgingEvolution(Generic[G]):
    """A random population, then children of it, `batch` at a time."""

    def __init__(
        self, problem: Problem[G], rng: random.Random, *, population: int, batch: int, batches: int
    ) -> None:
        self.generation = 0
        self._problem = problem
        self._rng = rng
        self._size, self._batch, self._batches = population, batch, batches
        self._living: deque[tuple[Proposal[G], Judgement]] = deque(maxlen=population)

    @property
    def done(self) -> bool:
        """Whether all batches were told, or nothing lives."""
        return self.generation > self._batches or (self.generation > 0 and not self._living)

    @property
    def population(self) -> tuple[G, ...]:
        """The living, best first."""
        ranked = sorted(self._living, key=lambda one: self._problem.badness(one[1]))
        return tuple(dict.fromkeys(proposal.genome for proposal, _ in ranked))

    def ask(self) -> list[Proposal[G]]:
        """The first population, and from then on children; one may have been judged before.

        Limits that leave nothing to move to, or to draw, give fewer.
        """
        if self.generation == 0:
            return distinct_random(self._problem, self._size, self._rng)
        return [child for _ in range(self._batch) for child in self._born()]

    def tell(self, proposals: list[Proposal[G]], judged: Mapping[G, Judgement]) -> None:
        """The children live, and the oldest die for them."""
        self._living.extend((p, judged[p.genome]) for p in proposals if p.genome in judged)
        self.generation += 1

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        living = [[list(p.chromosome), p.origin, list(j.values), j.violation] for p, j in self._living]
        return {"generation": self.generation, "living": living, "rng": self._rng.getstate()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        decode = self._problem.space.decode
        self.generation = state["generation"]
        self._living.clear()
        for chromosome, origin, values, violation in state["living"]:
            proposal = Proposal(decode(chromosome), tuple(chromosome), origin)
            self._living.append((proposal, Judgement(tuple(values), violation)))
        self._rng = rng_from_state(state["rng"])

    def _born(self) -> list[Proposal[G]]:
        """A child, or a stranger to the living if no move is allowed; nothing, if none of these is found either."""
        space = self._problem.space
        for _ in range(_TRIES):
            parent = self._parent()
            chromosome = moved_gene(space, parent.chromosome, self._rng)
            genome = space.decode(chromosome)
            if self._problem.allowed(genome):
                return [Proposal(genome, chromosome, "mutation", (parent.genome,))]
        return distinct_random(self._problem, 1, self._rng, {proposal.genome for proposal, _ in self._living})

    def _parent(self) -> Proposal[G]:
        """The best of a sample."""
        sample = self._rng.sample(list(self._living), min(len(self._living), max(2, self._size // 4)))
        if len(self._problem.weights) == 1:
            return min(sample, key=lambda one: self._problem.badness(one[1]))[0]
        least = min(judgement.violation for _, judgement in sample)
        values = {i: j.values for i, (_, j) in enumerate(sample) if j.violation == least}
        return sample[self._rng.choice(pareto_front(values, self._problem.weights))][0]
