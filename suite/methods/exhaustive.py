"""Exhaustive search: the whole space was scored before; its best are proposed at once, to be timed and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic

from suite.methods.method import G, Judgement, Problem, Proposal


class Exhaustive(Generic[G]):
    """Proposes the genomes it is given, best first, in one generation."""

    def __init__(self, problem: Problem[G], best: Sequence[G]) -> None:
        self.generation = 0
        self.population: tuple[G, ...] = ()
        self._problem = problem
        self._best = tuple(best)

    @property
    def done(self) -> bool:
        """Whether they were judged."""
        return self.generation > 0

    def ask(self) -> list[Proposal[G]]:
        """All of them."""
        space = self._problem.space
        return [Proposal(genome, space.encode(genome), "exhaustive") for genome in self._best]

    def tell(self, proposals: list[Proposal[G]], judged: Mapping[G, Judgement]) -> None:
        """The population is what was judged, best first on the first objective."""
        ranked = sorted(judged, key=lambda genome: self._problem.badness(judged[genome]))
        self.population = tuple(ranked)
        self.generation += 1

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        return {"generation": self.generation, "population": [genome.text for genome in self.population]}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.generation = state["generation"]
        self.population = tuple(self._problem.space.parse(text) for text in state["population"])
