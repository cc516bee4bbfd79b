"""Who competes: every search method at its own pace, and our evolution with parts of it left out."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from optuna.samplers import BaseSampler

from benchmarks.contest.reduced_spaces import Lonely, Unstratified
from suite.methods import (
    AgingEvolution,
    Evolution,
    LocalSearch,
    Method,
    OptunaSampler,
    Problem,
    RandomSearch,
    Space,
)
from suite.methods.optuna_samplers import nsga2, tpe, uniform
from suite.study import SearchSettings

Make = Callable[[Problem[Any], int], Method[Any]]
"""A method at its beginning, from the problem and a seed."""

OURS = "evolution, pre-selected"
_FOR_EVER = 100_000  # generations: the budget ends a search here
PARTS = {"random_pool": 16, "population": 16, "offspring": 4, "preselection": 20}


@dataclass(frozen=True)
class Contestant:
    """A method with its settings in words, and whether it is our own with a part left out rather than a rival."""

    make: Make
    settings: str
    ablation: bool = False


def _evolution(settings: Mapping[str, int], *, ablation: bool = False) -> Contestant:
    asked = SearchSettings.model_validate({"generations": _FOR_EVER, **settings})

    def make(problem: Problem[Any], seed: int) -> Method[Any]:
        return Evolution(asked, problem, random.Random(seed))

    words = f"pool {asked.random_pool}, population {asked.population}, offspring {asked.per_generation}"
    words += f", crossover {asked.crossover:g}, mutation {asked.mutation:g}"
    return Contestant(make, f"{words}, {_preselected(asked)}", ablation)


def _preselected(asked: SearchSettings) -> str:
    if asked.preselection == 1:
        return "no pre-selection"
    return f"pre-selection out of {asked.preselection} times as many"


def _in_reduced(space: Callable[[Any], Space[Any]], what: str) -> Contestant:
    """Ours, with all its parts, in what `space` makes of the problem's space."""
    ours = _evolution(PARTS)

    def make(problem: Problem[Any], seed: int) -> Method[Any]:
        return ours.make(replace(problem, space=space(problem.space)), seed)

    return Contestant(make, f"{ours.settings}; {what}", ablation=True)


def _aging(population: int) -> Contestant:
    def make(problem: Problem[Any], seed: int) -> Method[Any]:
        return AgingEvolution(problem, random.Random(seed), population=population, batch=1, batches=_FOR_EVER)

    return Contestant(make, f"population {population}, parents from samples of a quarter of it")


def _of_optuna(sampler: Callable[[int], BaseSampler], settings: str) -> Contestant:
    """One sampler throughout: nothing is gone on with here, and a new one looks through all trials first."""

    def make(problem: Problem[Any], seed: int) -> Method[Any]:
        made = sampler(seed)
        return OptunaSampler(problem, lambda _: made, seed, batch=1, batches=_FOR_EVER)

    return Contestant(make, settings)


def _random(problem: Problem[Any], seed: int) -> Method[Any]:
    asked = SearchSettings(random_pool=50, population=50, generations=_FOR_EVER)
    return RandomSearch(asked, problem, random.Random(seed))


def _local(problem: Problem[Any], seed: int) -> Method[Any]:
    return LocalSearch(problem, random.Random(seed), pool=10, batch=1, batches=_FOR_EVER)


CONTESTANTS: dict[str, Contestant] = {
    OURS: _evolution(PARTS),
    "evolution, small pool": _evolution({"random_pool": 16, "population": 16}, ablation=True),
    "evolution, as in the studies": _evolution({"random_pool": 200, "population": 50}),
    "random": Contestant(_random, "evenly over strata, nothing twice"),
    "local search": Contestant(_local, "from the best of a pool of 10, then from neighbour to neighbour"),
    "aging evolution": _aging(50),
    "aging evolution, small": _aging(16),
    "Optuna TPE": _of_optuna(tpe, "multivariate, in groups; else Optuna's own (the first 10 at random)"),
    "Optuna NSGA-II": _of_optuna(nsga2, "population 50, which is Optuna's own"),
    "Optuna NSGA-II, small": _of_optuna(partial(nsga2, population=16), "population 16"),
    "Optuna random": _of_optuna(uniform, "each gene evenly, repeats and all"),
    "without pre-selection": _evolution({**PARTS, "preselection": 1}, ablation=True),
    "offspring as many as the population": _evolution({**PARTS, "offspring": 0}, ablation=True),
    "first population not stratified": _in_reduced(Unstratified, "not stratified"),
    "without neighbours": _in_reduced(Lonely, "without the population's neighbours"),
    "pool and population of 50": _evolution(
        {"random_pool": 50, "population": 50, "preselection": 20}, ablation=True
    ),
    "as in the studies, pre-selected": _evolution(
        {"random_pool": 200, "population": 50, "preselection": 20}, ablation=True
    ),
    "large pool": _evolution({**PARTS, "random_pool": 200}, ablation=True),
}
"""By the name under which entries are kept; settings are the same on every judge."""

RIVALS = tuple(name for name, contestant in CONTESTANTS.items() if not contestant.ablation and name != OURS)
ABLATIONS = tuple(name for name, contestant in CONTESTANTS.items() if contestant.ablation)
