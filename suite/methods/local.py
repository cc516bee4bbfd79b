"""Local search: all neighbours of the best network that was not looked around yet (White et al. 2021).

"Exploring the loss landscape in neural architecture search", UAI 2021. Climbing on to the best neighbour and, on a
hilltop, going back to the best network left, rather than to a random one, needs no restarts. On several objectives
the best are those of the Pareto front, in random order.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Generic

from suite.methods.method import (
    G,
    Judgement,
    Problem,
    Proposal,
    distinct_random,
    judgements_from_plain,
    judgements_to_plain,
    new_neighbours,
    rng_from_state,
)
from suite.pareto import pareto_front


class LocalSearch(Generic[G]):
    """A random pool, then the surroundings of one network after another, in batches or what is left of them."""

    def __init__(
        self, problem: Problem[G], rng: random.Random, *, pool: int, batch: int, batches: int
    ) -> None:
        self.generation = 0
        self._problem = problem
        self._rng = rng
        self._pool, self._batch, self._batches = pool, batch, batches
        self._judged: dict[G, Judgement] = {}
        self._asked: set[G] = set()
        self._left: list[tuple[G, G]] = []  # neighbours not asked for yet, and whose they are
        self._looked_around: set[G] = set()

    @property
    def done(self) -> bool:
        """Whether as many were asked for as the pool and all batches hold, or nothing new is left around any."""
        used_up = self.generation > 0 and not self._left and not self._unexplored()
        return used_up or self._open == 0

    @property
    def population(self) -> tuple[G, ...]:
        """The best of all judged, as many as a batch has."""
        return tuple(sorted(self._judged, key=self._badness)[: self._batch])

    def ask(self) -> list[Proposal[G]]:
        """The random pool, and from then on the next neighbours, none asked for before."""
        if self.generation == 0:
            return distinct_random(self._problem, self._pool, self._rng)
        while not self._left and self._unexplored():
            self._look_around(self._next())
        size = min(self._batch, self._open)
        taken, self._left = self._left[:size], self._left[size:]
        encode = self._problem.space.encode
        return [Proposal(genome, encode(genome), "neighbour", (parent,)) for genome, parent in taken]

    def tell(self, proposals: list[Proposal[G]], judged: Mapping[G, Judgement]) -> None:
        """Once the surroundings of a network are known, the next best is gone on from."""
        self._asked.update(proposal.genome for proposal in proposals)
        self._judged |= {p.genome: judged[p.genome] for p in proposals if p.genome in judged}
        self.generation += 1

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        return {
            "generation": self.generation,
            "judged": judgements_to_plain(self._judged),
            "asked": sorted(genome.text for genome in self._asked),
            "left": [[genome.text, parent.text] for genome, parent in self._left],
            "looked_around": sorted(genome.text for genome in self._looked_around),
            "rng": self._rng.getstate(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        parse = self._problem.space.parse
        self.generation = state["generation"]
        self._judged = judgements_from_plain(self._problem.space, state["judged"])
        self._asked = {parse(text) for text in state["asked"]}
        self._left = [(parse(text), parse(parent)) for text, parent in state["left"]]
        self._looked_around = {parse(text) for text in state["looked_around"]}
        self._rng = rng_from_state(state["rng"])

    def _look_around(self, genome: G) -> None:
        self._looked_around.add(genome)
        new = new_neighbours(self._problem, genome, self._asked)
        self._rng.shuffle(new)
        self._left = [(neighbour, genome) for neighbour in new]

    @property
    def _open(self) -> int:
        """How many may still be asked for; a batch need not be full, as a network has only so many neighbours."""
        return max(0, self._pool + self._batches * self._batch - len(self._asked))

    def _unexplored(self) -> list[G]:
        return [genome for genome in self._judged if genome not in self._looked_around]

    def _next(self) -> G:
        """The best network not looked around yet."""
        unexplored = self._unexplored()
        least = min(self._judged[genome].violation for genome in unexplored)
        contenders = [genome for genome in unexplored if self._judged[genome].violation == least]
        if len(self._problem.weights) == 1:
            return min(contenders, key=self._badness)
        front = pareto_front({g: self._judged[g].values for g in contenders}, self._problem.weights)
        return self._rng.choice(front)

    def _badness(self, genome: G) -> tuple[float, float]:
        return self._problem.badness(self._judged[genome])
