"""Who proposes genomes: one file per method, all behind one ask/tell interface."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from optuna.samplers import BaseSampler

from suite.methods.aging import AgingEvolution
from suite.methods.evolution import Evolution
from suite.methods.exhaustive import Exhaustive
from suite.methods.local import LocalSearch
from suite.methods.method import G, Judgement, Method, Problem, Proposal, Space
from suite.methods.optuna_samplers import OptunaSampler, nsga2, tpe
from suite.methods.random import RandomSearch
from suite.study import SearchSettings

__all__ = [
    "BEGIN_WITH_A_POOL",
    "AgingEvolution",
    "Evolution",
    "Exhaustive",
    "G",
    "Judgement",
    "LocalSearch",
    "Method",
    "OptunaSampler",
    "Problem",
    "Proposal",
    "RandomSearch",
    "Space",
    "evaluations_at_most",
    "new_method",
]

BEGIN_WITH_A_POOL = frozenset({"evolution", "local", "aging"})
"""Methods whose first generation is drawn at random, as no later one is."""


def new_method(
    settings: SearchSettings, problem: Problem[G], rng: random.Random, best: Sequence[G] = ()
) -> Method[G]:
    """The study's method, at its beginning; `best` are those of the whole space, for the exhaustive one."""
    pool, batch, batches = settings.random_pool, settings.per_generation, settings.generations
    match settings.method:
        case "exhaustive":
            return Exhaustive(problem, best)
        case "random":
            return RandomSearch(settings, problem, rng)
        case "local":
            return LocalSearch(problem, rng, pool=pool, batch=batch, batches=batches)
        case "aging":
            return AgingEvolution(problem, rng, population=settings.population, batch=batch, batches=batches)
        case "tpe" | "nsga2":
            samplers: dict[str, Callable[[int], BaseSampler]] = {
                "tpe": tpe,
                "nsga2": partial(nsga2, population=settings.population),
            }
            sampler, seed = samplers[settings.method], rng.randrange(2**31)
            return OptunaSampler(problem, sampler, seed, batch=batch, batches=batches)
        case "evolution":
            return Evolution(settings, problem, rng)


def evaluations_at_most(settings: SearchSettings) -> int:
    """How many genomes a method may ask to be evaluated; those that propose one again evaluate fewer."""
    match settings.method:
        case "exhaustive":
            return settings.population
        case "aging":
            first = settings.population
        case "tpe" | "nsga2":
            first = settings.per_generation
        case "evolution" | "random" | "local":
            first = settings.random_pool
    return first + settings.generations * settings.per_generation
