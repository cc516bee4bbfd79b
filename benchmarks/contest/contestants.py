"""Who competes: every search method at its own pace, and our evolution with parts of it left out."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
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
    """A method, and whether it is our own with a part left out rather than a rival."""

    make: Make
    ablation: bool = False


def _evolution(**settings: int) -> Make:
    def make(problem: Problem[Any], seed: int) -> Method[Any]:
        asked = SearchSettings.model_validate({"generations": _FOR_EVER, **settings})
        return Evolution(asked, problem, random.Random(seed))

    return make


def _in_reduced(space: Callable[[Any], Space[Any]]) -> Make:
    """Ours, with all its parts, in what `space` makes of the problem's space."""

    def make(problem: Problem[Any], seed: int) -> Method[Any]:
        return _evolution(**PARTS)(replace(problem, space=space(problem.space)), seed)

    return make


def _of_optuna(sampler: Callable[[int], BaseSampler]) -> Make:
    """One sampler throughout: nothing is gone on with here, and a new one looks through all trials first."""

    def make(problem: Problem[Any], seed: int) -> Method[Any]:
        made = sampler(seed)
        return OptunaSampler(problem, lambda _: made, seed, batch=1, batches=_FOR_EVER)

    return make


CONTESTANTS: dict[str, Contestant] = {
    OURS: Contestant(_evolution(**PARTS)),
    "evolution, small pool": Contestant(_evolution(random_pool=16, population=16), ablation=True),
    "evolution, as in the studies": Contestant(_evolution(random_pool=200, population=50)),
    "random": Contestant(
        lambda problem, seed: RandomSearch(
            SearchSettings(random_pool=50, population=50, generations=_FOR_EVER), problem, random.Random(seed)
        )
    ),
    "local search": Contestant(
        lambda problem, seed: LocalSearch(problem, random.Random(seed), pool=10, batch=1, batches=_FOR_EVER)
    ),
    "aging evolution": Contestant(
        lambda problem, seed: AgingEvolution(
            problem, random.Random(seed), population=50, batch=1, batches=_FOR_EVER
        )
    ),
    "Optuna TPE": Contestant(_of_optuna(tpe)),
    "Optuna NSGA-II": Contestant(_of_optuna(nsga2)),
    "Optuna random": Contestant(_of_optuna(uniform)),
    "without pre-selection": Contestant(_evolution(**{**PARTS, "preselection": 1}), ablation=True),
    "offspring as many as the population": Contestant(_evolution(**{**PARTS, "offspring": 0}), ablation=True),
    "first population not stratified": Contestant(_in_reduced(Unstratified), ablation=True),
    "without neighbours": Contestant(_in_reduced(Lonely), ablation=True),
    "pool and population of 50": Contestant(
        _evolution(random_pool=50, population=50, preselection=20), ablation=True
    ),
    "as in the studies, pre-selected": Contestant(
        _evolution(random_pool=200, population=50, preselection=20), ablation=True
    ),
    "large pool": Contestant(_evolution(**{**PARTS, "random_pool": 200}), ablation=True),
}
"""By the name under which entries are kept; settings are the same on every judge."""

RIVALS = tuple(name for name, contestant in CONTESTANTS.items() if not contestant.ablation and name != OURS)
ABLATIONS = tuple(name for name, contestant in CONTESTANTS.items() if contestant.ablation)
