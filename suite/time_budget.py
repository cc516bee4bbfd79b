"""A study fitted to a time budget before it is run: what is shortened, who stops early, what is left out."""

from __future__ import annotations

import math

from suite.forecast import Pace, forecast
from suite.study import StudySettings
from suite.used_study import with_epochs

FEW = 1 / 3
"""Of the epochs asked for; with fewer, a search may be worth less than one network trained by hand. A judgement."""

_SHARES = (3 / 4, 1 / 2)  # of the networks drawn for the forecast, the cheapest: what a short budget searches
_WORTH_IT = 1.1  # times the epochs: for less, as timings differ, nobody stops early and nothing is left out
_LATE_ENOUGH = 1 / 2  # of the epochs asked for: with fewer, finalists stop early
# A supernet's order gains little by its time, and a search little by going on under such an order; finalists gain
# more. On CIFAR-10 four times as long a supernet gives 0.06 of Kendall's tau, where a finalist of ten epochs has 5
# points on one of four (benchmarks/RANKING.md).
_SUPERNET_POWER = 3
_SEARCH_POWER = 2


def fit_to_budget(study: StudySettings, pace: Pace, seconds: float) -> StudySettings:
    """The study shortened until it fits: finalists' epochs by a factor, generations and the supernet's by its powers.

    Nothing goes below one epoch and no generation; a budget too small even for that gets that. Where finalists would
    have few of their epochs, they stop early; and where that is not enough, dear networks are left out of the search,
    if it brings more.
    """
    best = _fit(study, pace, seconds)
    if is_enough_if_late(best.finalists.epochs, study):
        return best
    early = early_if_allowed(study)
    for candidate in (early, *(_without_the_dearest(early, pace, share) for share in _SHARES)):
        fit = _fit(candidate, pace, seconds)
        if fit.finalists.epochs > _WORTH_IT * best.finalists.epochs:
            best = fit
        if best.finalists.epochs >= FEW * study.finalists.epochs:
            break
    return best


def is_enough_if_late(epochs: int, asked: StudySettings) -> bool:
    """Whether finalists with so many epochs can do without stopping early."""
    return epochs >= _LATE_ENOUGH * asked.finalists.epochs


def early_if_allowed(study: StudySettings) -> StudySettings:
    """The study with finalists that stop early, if one is enough to choose from.

    A rule that weighs cost and accuracy needs two.
    """
    if study.finalists.choose != "accuracy":
        return study
    return with_epochs(study, study.finalists.epochs, study.final.epochs, stop="early")


def _without_the_dearest(study: StudySettings, pace: Pace, share: float) -> StudySettings:
    """The study limited to a share of the networks drawn, the cheapest; MACs in two digits, as a limit is read."""
    most = pace.alone[math.ceil(share * len(pace.alone)) - 1][0]
    step = 10 ** max(0, len(str(most)) - 2)
    limits = study.search.limits
    macs = min(-(-most // step) * step, limits.max_macs or math.inf)
    search = study.search.model_copy(update={"limits": limits.model_copy(update={"max_macs": int(macs)})})
    return study.model_copy(update={"search": search})


def _fit(study: StudySettings, pace: Pace, seconds: float) -> StudySettings:
    """Shortened by the largest factor that fits, or the smallest there is."""
    if forecast(study, pace).total <= seconds:
        return study
    shortest, longest = 0.0, 1.0
    for _ in range(30):
        middle = (shortest + longest) / 2
        fits = forecast(_shortened(study, middle), pace).total <= seconds
        shortest, longest = (middle, longest) if fits else (shortest, middle)
    return _shortened(study, shortest)


def _shortened(study: StudySettings, factor: float) -> StudySettings:
    def epochs(whole: int) -> int:
        return max(1, int(whole * factor))

    of_supernet = max(1, round(study.supernet.epochs * factor**_SUPERNET_POWER))
    of_search = factor**_SEARCH_POWER
    pool = max(study.search.population, int(study.search.random_pool * max(of_search, 0.25)))
    searched = study.model_copy(
        update={
            "supernet": study.supernet.model_copy(update={"epochs": of_supernet}),
            "search": study.search.model_copy(
                update={"generations": int(study.search.generations * of_search), "random_pool": pool}
            ),
        }
    )
    return with_epochs(searched, epochs(study.finalists.epochs), epochs(study.final.epochs))
