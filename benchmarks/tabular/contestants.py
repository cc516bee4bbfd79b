"""Who competes: every search method at its own pace, and our evolution with and without its parts."""

from __future__ import annotations

import random
from collections.abc import Callable

from benchmarks.tabular.table import Row
from suite.methods import AgingEvolution, Evolution, LocalSearch, Method, OptunaSampler, Problem, RandomSearch
from suite.methods.optuna_samplers import nsga2, tpe, uniform
from suite.study import SearchSettings

Make = Callable[[Problem[Row], int], Method[Row]]

OURS = "evolution, pre-selected"
_FOR_EVER = 100_000  # generations: the budget ends a search here


def _evolution(**settings: int) -> Make:
    def make(problem: Problem[Row], seed: int) -> Method[Row]:
        asked = SearchSettings.model_validate({"generations": _FOR_EVER, **settings})
        return Evolution(asked, problem, random.Random(seed))

    return make


CONTESTANTS: dict[str, Make] = {
    OURS: _evolution(random_pool=16, population=16, offspring=4, preselection=20),
    "evolution, small pool": _evolution(random_pool=16, population=16),
    "evolution, as in the studies": _evolution(random_pool=200, population=50),
    "random": lambda problem, seed: RandomSearch(
        SearchSettings(random_pool=50, population=50, generations=_FOR_EVER), problem, random.Random(seed)
    ),
    "local search": lambda problem, seed: LocalSearch(
        problem, random.Random(seed), pool=10, batch=1, batches=_FOR_EVER
    ),
    "aging evolution": lambda problem, seed: AgingEvolution(
        problem, random.Random(seed), population=50, batch=1, batches=_FOR_EVER
    ),
    "Optuna TPE": lambda problem, seed: OptunaSampler(
        problem, tpe, _FOR_EVER * seed, batch=1, batches=_FOR_EVER
    ),
    "Optuna NSGA-II": lambda problem, seed: OptunaSampler(
        problem, nsga2, _FOR_EVER * seed, batch=1, batches=_FOR_EVER
    ),
    "Optuna random": lambda problem, seed: OptunaSampler(
        problem, uniform, _FOR_EVER * seed, batch=1, batches=_FOR_EVER
    ),
}
