"""Who is trained, and who wins: both decided on val-B, which the search has not seen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.data import Data
from suite.pareto import pareto_front
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer

PRICES = ("latency_ms", "params", "macs")
"""Objectives that are paid for accuracy."""


def candidates_of_each_depth(
    study: StudySettings, search_result: dict[str, Any], quality: Mapping[Genome, float]
) -> list[Genome]:
    """The genomes to train, by the supernet's `quality`, higher being better: as many of each depth, in turn.

    Between depths a supernet is least to be trusted: after few epochs it puts shallow networks first by far more than
    training each alone bears out (benchmarks/truth). So depth is left to the finalists' own training to decide.
    """
    by_depth: dict[int, dict[Genome, float]] = {}
    for genome, value in quality.items():
        by_depth.setdefault(len(genome.convs), {})[genome] = value
    count = study.finalists.count
    share = math.ceil(count / len(by_depth))
    ranked = [choose_candidates(search_result, of, of, share) for of in by_depth.values()]
    ranked.sort(key=lambda genomes: quality[genomes[0]], reverse=True)
    chosen = [genome for turn in itertools.zip_longest(*ranked) for genome in turn if genome is not None]
    filling = sorted((g for g in quality if g not in chosen), key=lambda g: quality[g], reverse=True)
    return [*chosen, *filling][:count]


def choose_candidates(
    search_result: dict[str, Any], quality: Mapping[Genome, float], others: Collection[Genome], count: int
) -> list[Genome]:
    """The best `count` genomes of those whose quality is known, higher being better.

    On several objectives they are spread along the front as quality and the search's prices see it, best first, so
    that a front's far end (fast and poor) is left out; the best of `others` fill up what a short front leaves open.
    """
    evaluated = {row["genome"]: row for row in search_result["evaluated"]}
    prices = [i for i, metric in enumerate(search_result["objectives"]) if metric in PRICES]
    values = {
        genome: (quality[genome], *(evaluated[genome.text]["values"][i] for i in prices))
        for genome in quality
    }
    weights = (1.0, *(search_result["weights"][i] for i in prices))
    front = pareto_front(values, weights)
    spread = [front[i * len(front) // count] for i in range(count)] if len(front) > count else front
    filling = sorted((g for g in others if g not in spread), key=lambda g: quality[g], reverse=True)
    return [*spread, *filling][:count]


def supernet_quality(
    study: StudySettings, search_result: dict[str, Any], space: SearchSpace, scorer: Scorer, data: Data
) -> dict[Genome, float]:
    """By the supernet on val-B: of the search's population, and of the best it evaluated of each depth."""
    feasible = {space.parse(text): values for text, values in feasible_values(search_result).items()}
    genomes = dict.fromkeys(g for g in map(space.parse, search_result["population"]) if g in feasible)
    for depth in study.space.depth:
        values = {g: of for g, of in feasible.items() if len(g.convs) == depth}
        best = sorted(values, key=lambda g: values[g][0] * search_result["weights"][0], reverse=True)
        genomes |= dict.fromkeys(
            [*pareto_front(values, search_result["weights"]), *best[: study.finalists.count]]
        )
    scores = scorer.score(list(genomes), data.val_choice)
    by_loss = study.search.score == "loss"
    return {g: -s.loss if by_loss else s.accuracy for g, s in zip(genomes, scores, strict=True)}


def costs(search_result: dict[str, Any]) -> dict[str, float]:
    """What cheap means, by genome text: the first price among the study's objectives, or else the parameters."""
    priced = [i for i, metric in enumerate(search_result["objectives"]) if metric in PRICES]
    return {
        row["genome"]: row["values"][priced[0]] if priced else row["params"]
        for row in search_result["evaluated"]
        if row["values"] is not None
    }


def is_feasible(row: dict[str, Any]) -> bool:
    """Whether an evaluated row of results/search.json succeeded and keeps to the limits."""
    return row["values"] is not None and row["violation"] == 0


def feasible_values(search_result: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    """Objective values by genome text, of all that was evaluated and keeps to the limits, in that order."""
    return {row["genome"]: tuple(row["values"]) for row in search_result["evaluated"] if is_feasible(row)}


def choose_winner(study: StudySettings, result: dict[str, Any], cost: dict[str, float]) -> dict[str, Any]:
    """The finalist that the study's rule chooses on val-B; `cost` is what cheap means, by genome text.

    Of equally cheap ones, as latencies rounded to their noise often are, the most accurate counts as the cheapest.
    `one_se`: the cheapest whose accuracy is within one standard error of the best one's, the standard error being
    that of their paired difference on the same pictures (Breiman et al. 1984, the 1-SE rule).
    """
    standing = [row for row in result["finalists"] if not row["pruned"]]
    best = max(standing, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    rule = study.finalists.choose
    if rule == "accuracy":
        return dict(best)
    if rule == "one_se":
        good = [row for row in standing if _within_one_se(row, best)]
    else:
        threshold = float(rule.removeprefix("cheapest_above:"))
        good = [row for row in standing if row["val_accuracy"] >= threshold] or [best]
    return dict(min(good, key=lambda row: (cost[row["genome"]], -row["val_accuracy"], row["val_loss"])))


def _within_one_se(row: dict[str, Any], best: dict[str, Any]) -> bool:
    """Whether the difference to the best is at most one standard error of the paired difference."""
    difference = _wrong_by_picture(row) - _wrong_by_picture(best)
    standard_error = difference.std() / math.sqrt(len(difference))
    return bool(difference.mean() <= standard_error)


def _wrong_by_picture(row: dict[str, Any]) -> NDArray[np.float64]:
    """(val-B pictures,) the share of the seeds that class each wrong."""
    wrong = np.zeros(row["val_pictures"])
    for curve in row["curves"]:
        wrong[curve["wrong"]] += 1 / len(row["curves"])
    return wrong
