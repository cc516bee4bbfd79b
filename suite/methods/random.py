"""Random search: distinct genomes, depths drawn evenly; the method every other has to beat."""

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
    rng_from_state,
)
from suite.study import SearchSettings


class RandomSearch(Generic[G]):
    """Draws the same number of genomes, in the same batches, as evolution would evaluate at most."""

    def __init__(self, settings: SearchSettings, problem: Problem[G], rng: random.Random) -> None:
        self.generation = 0
        self._settings = settings
        self._problem = problem
        self._rng = rng
        self._seen: list[G] = []
        self._best: dict[G, Judgement] = {}
        self._exhausted = False

    @property
    def done(self) -> bool:
        """Whether all batches were drawn, or the space is used up."""
        return self._exhausted or self.generation > self._settings.generations

    @property
    def population(self) -> tuple[G, ...]:
        """The best of all drawn, as many as evolution would keep, by the first objective."""
        return tuple(self._best)

    def ask(self) -> list[Proposal[G]]:
        """Distinct genomes, none asked for before."""
        count = self._settings.random_pool if self.generation == 0 else self._settings.per_generation
        return distinct_random(self._problem, count, self._rng, set(self._seen))

    def tell(self, proposals: list[Proposal[G]], judged: Mapping[G, Judgement]) -> None:
        """Remember what was drawn, and the best of it."""
        self._seen += [proposal.genome for proposal in proposals]
        self._best |= {p.genome: judged[p.genome] for p in proposals if p.genome in judged}
        ranked = sorted(self._best.items(), key=lambda item: self._problem.badness(item[1]))
        self._best = dict(ranked[: self._settings.population])
        self._exhausted = not proposals
        self.generation += 1

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        return {
            "generation": self.generation,
            "seen": [genome.text for genome in self._seen],
            "best": judgements_to_plain(self._best),
            "exhausted": self._exhausted,
            "rng": self._rng.getstate(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.generation = state["generation"]
        self._seen = [self._problem.space.parse(text) for text in state["seen"]]
        self._best = judgements_from_plain(self._problem.space, state["best"])
        self._exhausted = state["exhausted"]
        self._rng = rng_from_state(state["rng"])
