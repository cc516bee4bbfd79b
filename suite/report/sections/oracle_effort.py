"""When evolution is needed: evaluations until a network as good as the best, and what could be walked instead."""

from __future__ import annotations

import math

import numpy as np

from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.report.walked_space import WalkedSpace
from suite.space_analysis import Costs, expected_random_draws, first_within
from suite.wording import count, plural

_POINTS = 0.1
_SHARE = 1e-4
_HOURS = {"one hour": 1, "one night (10 h)": 10}


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Evaluations needed by the search and by chance; sizes of spaces that need no search."""
    if record.oracle is None or record.search is None:
        return None
    walked = record.walked
    body = f"{_walkable(record)}\n\n{_evaluations(record, walked)}"
    return Section("When evolution is needed", Markdown(body))


def _walkable(record: RunRecord) -> str:
    """The measured rate, and the largest spaces it would walk on the same pictures."""
    assert record.oracle is not None
    oracle = record.oracle
    pictures = sum(oracle["pictures"].values())
    rate = oracle["networks"] * pictures / oracle["seconds"]
    sizes = [
        f"{_rounded(rate * 3600 * hours / pictures)} networks in {name}" for name, hours in _HOURS.items()
    ]
    return (
        f"The walk scored {rate / 1e6:.3g} million networks × pictures a second on "
        f"{plural(oracle['threads'], 'thread')}. At this rate it could score a space of {', or of '.join(sizes)}, on "
        f"as many pictures ({count(pictures)}). Up to there exhaustive scoring is exact and evolution is not needed. "
        "The rate was measured on this space, and a larger one may share more or less of its work; `suite bench "
        "evaluation` measures a widened one."
    )


def _evaluations(record: RunRecord, walked: WalkedSpace) -> str:
    """One row per target: how many networks meet it, and evaluations until the first of them."""
    assert record.search is not None
    if record.search["method"] == "exhaustive":
        return f"This search itself scored all {count(walked.networks)} networks before it chose."
    accuracy = walked.costs("val_search", "accuracy")
    # Accuracies are whole numbers of pictures: what is 0.1 points off must not miss by rounding.
    nearly = float(accuracy.min()) + _POINTS / 100 + 1e-9
    rows = [[f"within {_POINTS} points of the best accuracy", *_needed(walked, accuracy, nearly)]]
    if walked.score == "loss":
        few = math.ceil(_SHARE * walked.networks)
        worst = float(np.partition(walked.costs("val_search"), few - 1)[few - 1])
        target = (
            "the best by loss" if few == 1 else f"among the best {count(few)} by loss ({100 * _SHARE:g} %)"
        )
        rows.append([target, *_needed(walked, walked.costs("val_search"), worst)])
    header = ["Target (val-A)", "Networks that meet it", "Evaluations by the search", "By chance, expected"]
    drawn = sum(row["genome"] in record.pool for row in record.search["evaluated"] if row["failure"] is None)
    pool = f" The first {count(drawn)} evaluations are the random pool." if drawn else ""
    return (
        "Evaluations until the first network that meets a target. By chance: networks drawn evenly from the whole "
        "space, none twice; of N networks of which K meet the target, (N + 1) / (K + 1) draws are expected."
        f"{pool}\n\n{table(header, rows)}"
    )


def _needed(walked: WalkedSpace, costs: Costs, target: float) -> list[str]:
    good = int((costs <= target).sum())
    needed = first_within(costs[walked.evaluated], target)
    searched = count(needed) if needed else f"not reached in {count(len(walked.evaluated))}"
    return [count(good), searched, count(expected_random_draws(walked.networks, good))]


def _rounded(number: float) -> str:
    """With two digits that count, since a forecast has no more: 12,345,678 -> `12 million`."""
    rounded = float(f"{number:.2g}")
    return f"{rounded / 1e6:,.3g} million" if rounded >= 1e6 else count(rounded)
