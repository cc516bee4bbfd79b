"""A supernet held against a truth table, beside the rankings one could have without it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from suite.data import Data
from suite.errors import FidelityError
from suite.fidelity.bias import biases
from suite.fidelity.measures import (
    Estimate,
    Values,
    agreement,
    estimate,
    mean_truth,
    perfect_ranking,
    precision,
    rank_correlations,
    regret,
    resamples,
    taus,
)
from suite.fidelity.naswot import naswot
from suite.fidelity.rankings import Ranking, short_trainings, trivial_rankings
from suite.fidelity.truth_table import Drawn, TruthTable
from suite.space import SearchSpace
from suite.supernet import Score, Scorer

_FEWEST = 3
_BESIDE: tuple[Drawn, ...] = (
    "top",
    "winner",
)  # networks that were not drawn evenly, in the order of the rows
_WITHOUT_TRAINING_IT = ("trivial", "proxy")


def measure_supernet(
    scorer: Scorer, data: Data, space: SearchSpace, table: TruthTable, rng: np.random.Generator
) -> dict[str, Any]:
    """The supernet's ranking, on val-A, against the table's trainings, read on val-B; plain values, for JSON.

    Raises:
        FidelityError: the table has too few networks to rank.
    """
    networks, seeds = table.rectangle()
    if len(networks) < _FEWEST:
        raise FidelityError(
            f"has {len(networks)} trained networks; {_FEWEST} are the fewest that can be ranked.",
            where=table.regime.name,
            remedy="Let the same command go on, or ask for more --networks.",
        )
    drawn_by: dict[str, Drawn] = dict.fromkeys(networks, "uniform")
    beside = {
        drawn_as: [text for text in table.networks(drawn_as) if all(table.has(text, seed) for seed in seeds)]
        for drawn_as in _BESIDE
    }
    for drawn_as, texts in beside.items():
        drawn_by |= dict.fromkeys(texts, drawn_as)
    top = len(set(beside["top"]) - set(networks))  # a winner may be among them
    genomes = [space.parse(text) for text in drawn_by]
    scores = scorer.score(genomes, data.val_search)
    truths = table.values(list(drawn_by), seeds)
    drawn, drawn_truths = genomes[: len(networks)], truths[: len(networks)]
    mean = mean_truth(drawn_truths)
    depths = [len(genome.convs) for genome in drawn]
    weights = resamples(depths, rng)
    supernet = _by_supernet(scores)
    rankings = [
        *(Ranking(r.name, r.kind, r.scores[: len(networks)]) for r in supernet),
        *trivial_rankings(space, drawn, drawn_truths),
        Ranking("NASWOT", "proxy", naswot(space, drawn, data)),
        *short_trainings(table, networks, seeds),
    ]
    between = itertools.combinations(drawn_truths.T, 2) if len(seeds) > 1 else None
    perfect = perfect_ranking(drawn_truths, rng) if len(seeds) > 1 else None
    return {
        "networks": len(networks),
        "seeds": seeds,
        "epochs": table.regime.epochs,
        "train_images": table.regime.train_images,
        "pictures": {"val_search": len(data.val_search), "val_choice": len(data.val_choice)},
        "between_trainings": between and asdict(agreement(between, depths, weights)),
        "perfect": perfect and asdict(perfect),
        "rankings": [_row(ranking, drawn_truths, depths, weights) for ranking in rankings],
        "comparisons": _comparisons(rankings, drawn_truths, weights),
        "biases": {r.name: biases(drawn, r.scores[: len(networks)], mean, weights) for r in supernet},
        "favourites": _favourites(supernet, truths, len(networks), top),
        "rows": [
            {
                "genome": genome.text,
                "depth": len(genome.convs),
                "drawn": drawn_by[genome.text],
                "loss": scores[i].loss,
                "accuracy": scores[i].accuracy,
                "truth": truths[i].tolist(),
            }
            for i, genome in enumerate(genomes)
        ],
    }


def _by_supernet(scores: Sequence[Score]) -> list[Ranking]:
    """By loss and by accuracy; the names are those of `search.score`."""
    return [
        Ranking("loss", "supernet", np.array([-score.loss for score in scores])),
        Ranking("accuracy", "supernet", np.array([score.accuracy for score in scores])),
    ]


def _row(ranking: Ranking, truths: Values, depths: list[int], weights: Values) -> dict[str, Any]:
    """One ranking by every measure.

    Where there is one training, what would be held against the mean is held against it. Scores that differ from
    training to training are not held against a mean.
    """
    scores, mean = ranking.scores, mean_truth(truths)
    if scores.ndim == 2 and truths.shape[1] == 1:
        scores = scores[:, 0]
    row: dict[str, Any] = {
        "name": ranking.name,
        "kind": ranking.kind,
        "against_one": asdict(agreement(_each(scores, truths), depths, weights)),
        "against_mean": None,
        "spearman": None,
        "precision": None,
        "regret": None,
    }
    if scores.ndim == 1:
        rho = estimate(rank_correlations(scores, mean, weights))
        row |= {
            "spearman": rho and asdict(rho),
            "precision": precision(scores, mean),
            "regret": regret(scores, mean),
        }
        if truths.shape[1] > 1:
            row["against_mean"] = asdict(agreement([(scores, mean)], depths, weights))
    return row


def _each(scores: Values, truths: Values) -> list[tuple[Values, Values]]:
    """Each training's truth with the scores held against it."""
    own = scores if scores.ndim == 2 else np.repeat(scores[:, None], truths.shape[1], axis=1)
    return list(zip(own.T, truths.T, strict=True))


def _comparisons(rankings: Sequence[Ranking], truths: Values, weights: Values) -> dict[str, Any]:
    """The supernet's scores by name, each against the best ranking that needs no supernet: the difference in tau.

    Against one training, by paired bootstrap: both are resampled together. The best of several is chosen on the same
    networks, so the supernet is judged a little hard.
    """

    def against_one(ranking: Ranking) -> Values:
        mean: Values = np.mean([taus(s, t, weights) for s, t in _each(ranking.scores, truths)], axis=0)
        return mean

    rivals = {r.name: against_one(r) for r in rankings if r.kind in _WITHOUT_TRAINING_IT}
    known = {name: values for name, values in rivals.items() if np.isfinite(values[0])}
    comparisons: dict[str, Any] = {}
    for ranking in rankings:
        if ranking.kind == "supernet" and known:
            best = max(known, key=lambda name: known[name][0])
            difference = estimate(against_one(ranking) - known[best])
            comparisons[ranking.name] = difference and {
                "than": best,
                "difference": asdict(difference),
                "verdict": verdict(difference),
            }
    return comparisons


def verdict(difference: Estimate) -> str:
    """Better or worse only if the whole interval says so."""
    if difference.low is not None and difference.low > 0:
        return "better"
    return "worse" if difference.high is not None and difference.high < 0 else "no better"


def _favourites(supernet: Sequence[Ranking], truths: Values, drawn: int, top: int) -> dict[str, Any] | None:
    """What the supernet's choices lose once favourites, after the networks drawn, are trained too.

    Picked as they are, they tell no tau.
    """
    if not top:
        return None
    among = drawn + top
    mean = mean_truth(truths[:among])
    return {
        "networks": top,
        "among": among,
        "choices": {
            ranking.name: {
                "precision": precision(ranking.scores[:among], mean),
                "regret": regret(ranking.scores[:among], mean),
            }
            for ranking in supernet
        },
    }
