"""Who proposes genomes: one file per method, all behind one ask/tell interface."""

from __future__ import annotations

import random

from suite.methods.evolution import Evolution
from suite.methods.method import Judgement, Method, Problem, Proposal
from suite.methods.random import RandomSearch
from suite.study import SearchSettings

__all__ = ["Evolution", "Judgement", "Method", "Problem", "Proposal", "RandomSearch", "new_method"]


def new_method(settings: SearchSettings, problem: Problem, rng: random.Random) -> Method:
    """The study's method, at its beginning."""
    if settings.method == "random":
        return RandomSearch(settings, problem, rng)
    return Evolution(settings, problem, rng)
