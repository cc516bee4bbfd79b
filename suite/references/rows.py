"""results/references.json as a row for each network, and the winner against each on the same test pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from suite.paired_test import PairedTest, holm, mcnemar, right_of
from suite.reference_networks import NAMES, RANDOM
from suite.references.train import WINNER

QUOTED: tuple[dict[str, Any], ...] = (
    {
        "name": "earlier result",
        "quoted": "not comparable: another task",
        "eval_accuracy": 0.856,
        "pictures": 500,
        "eval_runtime": 3.88,
        "eval_samples_per_second": 128.8,
    },
    {
        "name": "earlier benchmark",
        "quoted": "not comparable: another task",
        "eval_accuracy": 0.487,
        "pictures": 872,
        "eval_samples_per_second": 138.2,
    },
)
"""Figures that users know from elsewhere; nothing here has measured them."""

MEAN_OF_RANDOM = f"mean of {len(RANDOM)} random"


@dataclass(frozen=True)
class Row:
    """A network over its seeds, or the mean of several networks."""

    name: str
    architecture: str
    params: float
    macs: float
    batch_1_ms: float
    batch_64_ms: float
    accuracies: tuple[float, ...]  # of each seed, or of each network
    seconds: float  # of one training, in the mean

    @property
    def accuracy(self) -> float:
        """On the test pictures, in the mean."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds, or over networks; of one there is none."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else None


@dataclass(frozen=True)
class Rival:
    """A reference network beside the winner, both from the run's own seed."""

    row: Row
    accuracy: float  # from that seed
    ahead: float  # accuracy of the rival minus that of the winner
    test: PairedTest  # the winner first
    corrected: float  # p-value after Holm's correction over all rivals


def rows(result: dict[str, Any]) -> list[Row]:
    """The winner's, then one for each network that is trained; the mean of the random ones stands behind them."""
    found = [row for network in result["networks"] if (row := _row(network, result["trainings"]))]
    drawn = [row for row in found if row.name in RANDOM]
    if len(drawn) == len(RANDOM):
        found.insert(found.index(drawn[-1]) + 1, _mean(drawn))
    return found


def winner_row(result: dict[str, Any]) -> Row:
    """The winner's own."""
    return next(row for row in rows(result) if row.name == WINNER)


def rivals(result: dict[str, Any]) -> list[Rival]:
    """Every reference network that was tested from the run's own seed, in order of NAMES."""
    of_seed = {row["name"]: row for row in result["trainings"] if row["seed"] == result["seed"]}
    winner = right_of(of_seed[WINNER]["wrong"], result["pictures"])
    found = [row for row in rows(result) if row.name in NAMES and row.name in of_seed]
    tests = [mcnemar(winner, right_of(of_seed[row.name]["wrong"], result["pictures"])) for row in found]
    corrected = holm([test.p_value for test in tests])
    return [
        Rival(
            row,
            of_seed[row.name]["accuracy"],
            of_seed[row.name]["accuracy"] - of_seed[WINNER]["accuracy"],
            test,
            p_value,
        )
        for row, test, p_value in zip(found, tests, corrected, strict=True)
    ]


def summary(result: dict[str, Any] | None, search_seconds: float) -> list[dict[str, Any]]:
    """`references` of results.json: the winner first, quoted figures last; nothing if the phase has not run."""
    if result is None:
        return []
    own = [
        {
            "name": row.name,
            "architecture": row.architecture,
            "test_accuracy": {"mean": row.accuracy, "deviation": row.deviation, "n": len(row.accuracies)},
            "params": row.params,
            "macs": row.macs,
            "latency_ms": {"batch_1": row.batch_1_ms, "batch_64": row.batch_64_ms},
            "training_seconds": row.seconds,
            "search_seconds": search_seconds if row.name == WINNER else 0.0,
        }
        for row in rows(result)
    ]
    return [*own, *QUOTED]


def trainings_wanted(result: dict[str, Any]) -> int:
    """How many trainings the table has once it is whole."""
    return len(result["networks"]) * len(result["seeds"])


def _row(network: dict[str, Any], trainings: Sequence[dict[str, Any]]) -> Row | None:
    own = sorted((t for t in trainings if t["name"] == network["name"]), key=lambda t: int(t["seed"]))
    if not own:
        return None
    latency = network["latency"]
    return Row(
        network["name"],
        network["architecture"],
        network["params"],
        network["macs"],
        latency["batch_1"]["median_ms"],
        latency["batch_64_all_threads"]["median_ms"],
        tuple(training["accuracy"] for training in own),
        float(np.mean([training["seconds"] for training in own])),
    )


def _mean(drawn: Sequence[Row]) -> Row:
    def mean(name: str) -> float:
        return float(np.mean([getattr(row, name) for row in drawn]))

    return Row(
        MEAN_OF_RANDOM,
        "",
        mean("params"),
        mean("macs"),
        mean("batch_1_ms"),
        mean("batch_64_ms"),
        tuple(row.accuracy for row in drawn),
        mean("seconds"),
    )
