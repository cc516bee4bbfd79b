"""Who proposes genomes: one file per method, all behind one ask/tell interface."""

from __future__ import annotations

import random
from collections.abc import Sequence

from suite.methods.evolution import Evolution
from suite.methods.exhaustive import Exhaustive
from suite.methods.method import G, Judgement, Method, Problem, Proposal, Space
from suite.methods.random import RandomSearch
from suite.study import SearchSettings

__all__ = [
    "Evolution",
    "Exhaustive",
    "Judgement",
    "Method",
    "Problem",
    "Proposal",
    "RandomSearch",
    "Space",
    "evaluations_at_most",
    "new_method",
]


def new_method(
    settings: SearchSettings, problem: Problem[G], rng: random.Random, best: Sequence[G] = ()
) -> Method[G]:
    """The study's method, at its beginning; `best` are those of the whole space, for the exhaustive one."""
    if settings.method == "exhaustive":
        return Exhaustive(problem, best)
    if settings.method == "random":
        return RandomSearch(settings, problem, rng)
    return Evolution(settings, problem, rng)


def evaluations_at_most(settings: SearchSettings) -> int:
    """How many genomes a method may ask to be evaluated."""
    if settings.method == "exhaustive":
        return settings.population
    return settings.random_pool + settings.generations * settings.population
