"""What an ablation says: of each cell, at each mark, how its supernets rank the truth's networks, seed by seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.ablation.checkpoint_choice import gain_of_choosing
from suite.fidelity.measures import Perfect, mean_truth, perfect_ranking, taus
from suite.space import Genome

Values = NDArray[np.float64]

_SEED = 0  # of the simulated ceiling, and of handfuls
_SCORES = {
    "loss": ("val_loss", -1),
    "accuracy": ("val_accuracy", 1),
}  # the reading's key, and which way is better


@dataclass(frozen=True)
class Mark:
    """Supernets of one cell after the same minutes of training; arrays are over seeds."""

    minutes: Values  # of training, as it came out
    steps: Values
    tau: dict[str, Values]  # by score: against the mean of the truth's trainings
    tau_one: dict[str, Values]  # by score: against one training
    within_depth: dict[str, Values]  # by score: against one training, within each depth
    extracted: Values  # mean accuracy of the truth's networks as extracted


@dataclass(frozen=True)
class CellSummary:
    """A cell over its marks."""

    name: str
    overrides: tuple[str, ...]
    marks: tuple[Mark, ...]
    best: Values  # (seeds,) val-B accuracy of the best of many drawn, as extracted after the last mark
    kept: Values  # (seeds,) what checkpoint and score chosen by a handful of networks add to tau by the last loss

    @property
    def score(self) -> str:
        """The score that ranks better after the last mark; one that is the same for all networks ranks none."""
        return max(_SCORES, key=lambda score: np.nan_to_num(self.marks[-1].tau[score].mean(), nan=-2.0))


@dataclass(frozen=True)
class Summary:
    """All cells, and what can be reached."""

    cells: tuple[CellSummary, ...]
    between_trainings: float | None  # tau of two trainings of each network
    perfect: Perfect | None


def summarise(result: dict[str, Any]) -> Summary:
    """Everything the page shows, from results/ablation.json."""
    truths = np.array(result["truth_accuracy"])
    depths = [len(Genome.parse(text).convs) for text in result["networks"]]
    return Summary(
        tuple(
            CellSummary(
                cell["name"],
                tuple(cell["overrides"]),
                tuple(
                    _mark([seed["readings"][place] for seed in cell["seeds"]], truths, depths)
                    for place in range(len(result["minutes"]))
                ),
                _of_each([seed["readings"][-1] for seed in cell["seeds"]], "best_accuracy"),
                np.array([_kept(seed["readings"], mean_truth(truths), depths) for seed in cell["seeds"]]),
            )
            for cell in result["cells"]
        ),
        _between_trainings(truths),
        perfect_ranking(truths, np.random.default_rng(_SEED)) if truths.shape[1] > 1 else None,
    )


def _mark(readings: list[dict[str, Any]], truths: Values, depths: list[int]) -> Mark:
    scores = {
        name: [sign * np.array(reading[key]) for reading in readings] for name, (key, sign) in _SCORES.items()
    }
    return Mark(
        _of_each(readings, "minutes"),
        _of_each(readings, "steps"),
        {name: np.array([_tau(score, mean_truth(truths)) for score in of]) for name, of in scores.items()},
        {name: np.array([_tau_one(score, truths) for score in of]) for name, of in scores.items()},
        {name: np.array([_within(score, truths, depths) for score in of]) for name, of in scores.items()},
        np.array([np.mean(reading["val_accuracy"]) for reading in readings]),
    )


def _kept(readings: list[dict[str, Any]], truth: Values, depths: list[int]) -> float:
    rankings = [
        sign * np.array(reading[key]) for key, sign in reversed(_SCORES.values()) for reading in readings
    ]
    return gain_of_choosing(np.array(rankings), truth, depths, np.random.default_rng(_SEED))


def _of_each(readings: list[dict[str, Any]], key: str) -> Values:
    return np.array([reading[key] for reading in readings], dtype=np.float64)


def _tau(score: Values, truth: Values, among: NDArray[np.bool_] | None = None) -> float:
    return float(taus(score, truth, np.ones((1, len(score))), among)[0])


def _tau_one(score: Values, truths: Values, among: NDArray[np.bool_] | None = None) -> float:
    """Against one training: the mean over them."""
    return float(np.mean([_tau(score, truth, among) for truth in truths.T]))


def _within(score: Values, truths: Values, depths: list[int]) -> float:
    """Against one training, within each depth, weighted by its number of networks."""
    sizes = Counter(depths)
    parts = [size * _tau_one(score, truths, np.equal(depths, depth)) for depth, size in sizes.items()]
    return sum(parts) / len(depths)


def _between_trainings(truths: Values) -> float | None:
    """The mean tau over pairs of trainings; None with one training."""
    count = truths.shape[1]
    pairs = [(truths[:, i], truths[:, j]) for i in range(count) for j in range(i)]
    return float(np.mean([_tau(a, b) for a, b in pairs])) if pairs else None
